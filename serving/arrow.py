"""Reads rows from Arrow's streams and files, by the names of their columns.

Only what a table of numbers needs, and every offset is checked: the reader of Arrow's own library
trusts what it reads and can be brought down by one changed byte. Nothing compressed is taken, so
nothing unfolds. Where all columns lie at one distance, which is how they are written, the rows are
one view of the body.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from serving.columns import Columns, Rows
from serving.errors import BadInputError, BadRowsError
from serving.flatbuffer import FlatbufferError, Table
from serving.messages import Body

_FILE_MAGIC: Final = b"ARROW1\x00\x00"  # a file is this, a stream, and a table of contents
_CONTINUES: Final = b"\xff\xff\xff\xff"
_SCHEMA, _RECORD_BATCH = 1, 3  # of the kinds of message
_INTEGER, _FLOAT, _BOOLEAN = 2, 3, 6  # of the types
_FLOATS: Final = ("<f2", "<f4", "<f8")
_WIDTHS: Final = (8, 16, 32, 64)
_SCHEMA_BYTES: Final = 2**20
_MOST_COLUMNS: Final = 2**14
_BITS: Final = np.dtype(np.bool_)
_UNREADABLE: Final = (FlatbufferError, ValueError, OverflowError)


@dataclass(frozen=True)
class _Schema:
    names: tuple[str, ...]
    types: tuple[np.dtype[Any], ...]

    @property
    def same(self) -> np.dtype[Any] | None:
        """The type of all columns, where they have one, of whole bytes."""
        first = self.types[0]
        return first if first != _BITS and all(each == first for each in self.types) else None


def rows(body: Body, columns: Columns) -> Rows:
    try:
        return _rows(body, columns)
    except _UNREADABLE as error:
        raise BadInputError(f"the body is no Arrow stream or file: {error}") from error


def _rows(body: Body, columns: Columns) -> Rows:
    messages = _messages(body)
    opening = next(messages, None)
    if opening is None:
        raise BadInputError("the body is no Arrow stream or file: it does not begin as one")
    schema = _schema(opening[0])
    columns.named(schema.names, what="the body")
    parts: list[NDArray[Any]] = []
    count = 0
    for metadata, start, size in messages:
        record = _record(metadata)
        count += record.number(0, "<q")
        if count > columns.max_rows:
            columns.count(count)
        parts.append(_batch(memoryview(body)[start : start + size], record, schema))
    columns.count(count)
    numbers_BF = parts[0] if len(parts) == 1 else np.concatenate(parts)
    if schema.names != columns.names:
        numbers_BF = numbers_BF[:, [schema.names.index(name) for name in columns.names]]
    return columns.cast(numbers_BF)


def _messages(body: Body) -> Iterator[tuple[bytes, int, int]]:
    """Each with where its body begins and how long it is."""
    at = len(_FILE_MAGIC) if bytes(body[: len(_FILE_MAGIC)]) == _FILE_MAGIC else 0
    while bytes(body[at : at + 4]) == _CONTINUES:
        size = int.from_bytes(body[at + 4 : at + 8], "little")
        if size == 0:
            return
        start = at + 8 + size
        if size > _SCHEMA_BYTES or start > len(body):
            raise FlatbufferError("a message goes beyond the end")
        metadata = bytes(body[at + 8 : start])
        length = Table.root(metadata).number(3, "<q")
        if not 0 <= length <= len(body) - start:
            raise FlatbufferError("a batch goes beyond the end")
        yield metadata, start, length
        at = start + length


@lru_cache(maxsize=16)
def _schema(metadata: bytes) -> _Schema:
    message = Table.root(metadata)
    if message.number(1, "<B") != _SCHEMA:
        raise FlatbufferError("it does not begin with a schema")
    schema = message.table(2)
    if schema.number(0, "<h") != 0:
        raise FlatbufferError("its numbers are not little-endian")
    fields = schema.tables(1, most=_MOST_COLUMNS)
    names = tuple(field.text(0) for field in fields)
    types = (_type(name, field) for name, field in zip(names, fields, strict=True))
    return _Schema(names, tuple(types))


def _type(name: str, field: Table) -> np.dtype[Any]:
    kind = field.number(2, "<B")
    if not field.has(4):  # else it is encoded by a dictionary
        if kind == _BOOLEAN:
            return _BITS
        if kind == _INTEGER and (width := field.table(3).number(0, "<i")) in _WIDTHS:
            signed = field.table(3).number(1, "<B")
            return np.dtype(f"<{'i' if signed else 'u'}{width // 8}")
        if kind == _FLOAT and (precision := field.table(3).number(0, "<h")) in range(len(_FLOATS)):
            return np.dtype(_FLOATS[precision])
    raise BadRowsError(f"column {name} is not of numbers")


def _record(metadata: bytes) -> Table:
    message = Table.root(metadata)
    if message.number(1, "<B") != _RECORD_BATCH:
        raise FlatbufferError("a message is no record batch")
    record = message.table(2)
    if record.has(3):
        raise BadInputError("the body is compressed within: send record batches uncompressed")
    if record.number(0, "<q") < 0:
        raise FlatbufferError("a batch has less than no rows")
    return record


def _batch(content: memoryview, record: Table, schema: _Schema) -> NDArray[Any]:
    count = record.number(0, "<q")
    nodes = _pairs(record, 1, len(schema.names))
    buffers = _pairs(record, 2, 2 * len(schema.names))
    if (nodes[:, 0] != count).any() or (buffers < 0).any():
        raise FlatbufferError("its columns are not of one length")
    if (buffers[:, 1] > len(content) - buffers[:, 0]).any():
        raise FlatbufferError("a column goes beyond the end")
    lacking = nodes[:, 1] != 0
    if schema.same is not None and not lacking.any():
        view = _one_view(content, buffers[1::2], count, schema.same)
        if view is not None:
            return view
    return _each(content, buffers, count, schema, lacking=lacking)


def _each(
    content: memoryview,
    buffers: NDArray[np.int64],
    count: int,
    schema: _Schema,
    *,
    lacking: NDArray[np.bool_],
) -> Rows:
    numbers_BF = np.empty((count, len(schema.names)), dtype=np.float32)
    with np.errstate(over="ignore"):
        for index, kind in enumerate(schema.types):
            numbers_BF[:, index] = _values(content, buffers[2 * index + 1], count, kind)
            if lacking[index]:
                numbers_BF[~_values(content, buffers[2 * index], count, _BITS), index] = np.nan
    return numbers_BF


def _pairs(record: Table, index: int, count: int) -> NDArray[np.int64]:
    start, found = record.vector(index)
    if found != count:
        raise FlatbufferError(f"{found} nodes or buffers where there must be {count}")
    return np.frombuffer(record.buffer, "<i8", 2 * count, start).reshape(count, 2)


def _one_view(
    content: memoryview, buffers: NDArray[np.int64], count: int, kind: np.dtype[Any]
) -> NDArray[Any] | None:
    """All columns at once; NumPy itself sees to it that none goes beyond the end."""
    steps = np.diff(buffers[:, 0])
    step = int(steps[0]) if len(steps) else 0
    if (steps != step).any() or (buffers[:, 1] < count * kind.itemsize).any():
        return None
    shape, strides = (len(buffers), count), (step, kind.itemsize)
    return np.ndarray(shape, kind, content, int(buffers[0, 0]), strides).T


def _values(
    content: memoryview, buffer: NDArray[np.int64], count: int, kind: np.dtype[Any]
) -> NDArray[Any]:
    start, size = int(buffer[0]), int(buffer[1])
    if kind != _BITS:
        return np.frombuffer(content[start : start + size], kind, count)
    bits = np.frombuffer(content[start : start + size], np.uint8, (count + 7) // 8)
    return np.unpackbits(bits, count=count, bitorder="little").astype(np.bool_)
