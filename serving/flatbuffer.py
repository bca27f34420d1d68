"""Reads the tables of a flatbuffer, as Arrow's messages need it, and never beyond its end."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

_OFFSET: Final = struct.Struct("<I")
_BACK: Final = struct.Struct("<i")
_ENTRY: Final = struct.Struct("<H")

FlatbufferError = struct.error  # what reading beyond the end raises


@dataclass(frozen=True)
class Table:
    buffer: bytes
    at: int

    @classmethod
    def root(cls, buffer: bytes) -> Table:
        return cls(buffer, _OFFSET.unpack_from(buffer)[0])

    def number(self, index: int, form: str, default: int = 0) -> int:
        at = self._field(index)
        if at is None:
            return default
        value: int = struct.unpack_from(form, self.buffer, at)[0]
        return value

    def has(self, index: int) -> bool:
        return self._field(index) is not None

    def table(self, index: int) -> Table:
        return Table(self.buffer, self._target(index))

    def vector(self, index: int) -> tuple[int, int]:
        """Where its first element is, and how many there are."""
        at = self._target(index)
        return at + 4, _OFFSET.unpack_from(self.buffer, at)[0]

    def tables(self, index: int, *, most: int) -> list[Table]:
        start, count = self.vector(index)
        if count > most:
            raise FlatbufferError(f"{count} where there may be {most}")
        places = range(start, start + 4 * count, 4)
        offsets = [_OFFSET.unpack_from(self.buffer, at)[0] for at in places]
        return [Table(self.buffer, at + off) for at, off in zip(places, offsets, strict=True)]

    def text(self, index: int) -> str:
        start, size = self.vector(index)
        return self.buffer[start : start + size].decode()

    def _target(self, index: int) -> int:
        at = self._field(index)
        if at is None:
            raise FlatbufferError(f"field {index} is not there")
        target: int = at + _OFFSET.unpack_from(self.buffer, at)[0]
        return target

    def _field(self, index: int) -> int | None:
        vtable = self.at - _BACK.unpack_from(self.buffer, self.at)[0]
        if vtable < 0:
            raise FlatbufferError("a table before the beginning")
        entry = 4 + 2 * index
        if entry >= _ENTRY.unpack_from(self.buffer, vtable)[0]:
            return None
        offset = _ENTRY.unpack_from(self.buffer, vtable + entry)[0]
        return self.at + offset if offset else None
