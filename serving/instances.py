"""Reads rows from JSON, whole or by lines: lists in the columns' order, or objects by name."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from serving.columns import Columns, Rows, some
from serving.errors import BadInputError, BadRowsError, RequestError
from serving.messages import Body

# A body of brackets alone goes deeper than msgspec follows.
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_FITS: Final = "it must be a finite number that fits 32 bits"


def _body(row: Any) -> msgspec.json.Decoder[Any]:
    """`{"instances": [row, …]}`, of rows of one form."""
    body = msgspec.defstruct("Instances", [("instances", list[row])], forbid_unknown_fields=True)
    return msgspec.json.Decoder(body)


@dataclass(frozen=True)
class Instances:
    columns: Columns
    _lists: msgspec.json.Decoder[Any] = field(init=False)
    _objects: msgspec.json.Decoder[Any] = field(init=False)
    _lines: tuple[msgspec.json.Decoder[Any], ...] = field(init=False)

    def __post_init__(self) -> None:
        number: Any = float | None if self.columns.missing else float
        forms = (list[number], dict[str, number])
        object.__setattr__(self, "_lists", _body(forms[0]))
        object.__setattr__(self, "_objects", _body(forms[1]))
        object.__setattr__(self, "_lines", tuple(map(msgspec.json.Decoder, forms)))

    def from_json(self, body: Body) -> Rows:
        try:
            return self.columns.of(self._lists.decode(body).instances)
        except _UNREADABLE as error:
            objects = self._as_objects(body)
            if objects is None:
                raise self._fault(body, error) from error
        self.columns.count(len(objects))
        return self.columns.of([self._row(index, each) for index, each in enumerate(objects)])

    def from_lines(self, body: Body) -> Rows:
        """One row a line, in one form for all lines; empty lines are nothing."""
        values: list[Sequence[float | None]] = []
        lists, objects = self._lines
        for index, line in enumerate(_filled(body, limit=self.columns.max_rows)):
            try:
                values.append(lists.decode(line))
            except _UNREADABLE:
                try:
                    values.append(self._row(index, objects.decode(line)))
                except _UNREADABLE as error:
                    raise self._line_fault(index, line, error) from error
        return self.columns.of(values)

    def _as_objects(self, body: Body) -> list[dict[str, float | None]] | None:
        try:
            objects: list[dict[str, float | None]] = self._objects.decode(body).instances
        except _UNREADABLE:
            return None
        return objects

    def _row(self, index: int, instance: dict[str, float | None]) -> list[float | None]:
        if instance.keys() != set(self.columns.names):
            self.columns.named(list(instance), what=f"instances[{index}]")
        return [instance[name] for name in self.columns.names]

    def _fault(self, body: Body, error: Exception) -> RequestError:
        """msgspec says what it expected but not at which index: find the first that is wrong."""
        try:
            document = msgspec.json.decode(body)
        except _UNREADABLE:
            return BadInputError(f"the body is no JSON: {error}")
        instances = document.get("instances") if isinstance(document, dict) else None
        if not isinstance(instances, list):
            return BadRowsError(
                'the body must be {"instances": [row, …]}, each row a list or an object of numbers'
            )
        if extra := sorted(set(document) - {"instances"}):
            return BadRowsError(f"the body has {some(extra)} beside instances")
        for index, instance in enumerate(instances):
            if (fault := self._row_fault(instance)) is not None:
                return BadRowsError(f"instances[{index}]{fault}")
        return BadRowsError("instances mixes lists and objects: use one form for all rows")

    def _line_fault(self, index: int, line: bytes, error: Exception) -> RequestError:
        try:
            instance = msgspec.json.decode(line)
        except _UNREADABLE:
            return BadInputError(f"row {index} of the body is no JSON: {error}")
        return BadRowsError(f"instances[{index}]{self._row_fault(instance)}")

    def _row_fault(self, instance: object) -> str | None:
        if isinstance(instance, dict):
            values = [(f"[{key!r}]", value) for key, value in instance.items()]
        elif isinstance(instance, list):
            values = [(f"[{index}]", value) for index, value in enumerate(instance)]
        else:
            return f" is {_shown(instance)}: a row is a list or an object of numbers"
        faults = (self._value_fault(place, value) for place, value in values)
        return next((fault for fault in faults if fault is not None), None)

    def _value_fault(self, place: str, value: object) -> str | None:
        if value is None and self.columns.missing:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            return f"{place} is {_shown(value)}: it must be a number"
        if abs(value) > sys.float_info.max:
            return f"{place} is {_shown(value)}: {_FITS}"
        return None


def _filled(body: Body, *, limit: int) -> Iterator[bytes]:
    """Lines with something in them, and not many more than may be there."""
    start, found = 0, 0
    while start < len(body) and found <= limit:
        end = body.find(b"\n", start)
        end = len(body) if end < 0 else end
        line = bytes(body[start:end]).strip()
        start = end + 1
        if line:
            found += 1
            yield line


def _shown(value: object) -> str:
    try:
        text = msgspec.json.encode(value).decode()
    except RecursionError:
        return "nested too deep to show"
    return text if len(text) <= 40 else text[:40] + "…"
