"""Turns a request's body into rows, strictly, and answers into a body.

Letters of the shapes: B rows of a request, F feature columns.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import numpy as np

from serving.errors import BadInputError, MediaTypeError, TooManyRowsError
from serving.messages import JSON, Body
from serving.model import Rows

CSV: Final = "text/csv"
# A body of brackets alone goes deeper than msgspec follows.
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class _Lists(msgspec.Struct, forbid_unknown_fields=True):
    instances: list[list[float]]


class _Objects(msgspec.Struct, forbid_unknown_fields=True):
    instances: list[dict[str, float]]


@dataclass(frozen=True)
class Payload:
    """Knows the columns of the model, and so what a row looks like."""

    columns: tuple[str, ...]
    max_rows: int
    _lists: msgspec.json.Decoder[_Lists] = field(
        default_factory=lambda: msgspec.json.Decoder(_Lists)
    )
    _objects: msgspec.json.Decoder[_Objects] = field(
        default_factory=lambda: msgspec.json.Decoder(_Objects)
    )

    def rows(self, body: Body, content_type: str) -> Rows:
        media_type = content_type.partition(";")[0].strip().lower()
        if media_type in {JSON, ""}:
            instances = self._from_json(body)
        elif media_type == CSV:
            instances = _from_csv(body)
        else:
            raise MediaTypeError(content_type)
        return self._array(instances)

    def _from_json(self, body: Body) -> Sequence[Sequence[float]]:
        try:
            return self._lists.decode(body).instances
        except _UNREADABLE as error:
            objects = self._as_objects(body)
            if objects is None:
                raise BadInputError(_where(body, error)) from error
        return [self._row(index, instance) for index, instance in enumerate(objects)]

    def _as_objects(self, body: Body) -> list[dict[str, float]] | None:
        try:
            return self._objects.decode(body).instances
        except _UNREADABLE:
            return None

    def _row(self, index: int, instance: dict[str, float]) -> list[float]:
        if instance.keys() == set(self.columns):
            return [instance[name] for name in self.columns]
        lacking = [name for name in self.columns if name not in instance]
        unknown = sorted(set(instance) - set(self.columns))
        faults = [f"lacks {_some(lacking)}"] if lacking else []
        faults += [f"has unknown {_some(unknown)}"] if unknown else []
        raise BadInputError(f"instances[{index}] {' and '.join(faults)}")

    def _array(self, instances: Sequence[Sequence[float]]) -> Rows:
        if not instances:
            raise BadInputError("instances is empty: send at least one row")
        if len(instances) > self.max_rows:
            raise TooManyRowsError(len(instances), limit=self.max_rows)
        width = len(self.columns)
        for index, instance in enumerate(instances):
            if len(instance) != width:
                raise BadInputError(
                    f"instances[{index}] has {len(instance)} values: this model takes {width},"
                    f" {self.columns[0]} to {self.columns[-1]}"
                )
        with np.errstate(over="ignore"):
            rows_BF = np.array(instances, dtype=np.float32)
        if not np.isfinite(rows_BF).all():
            row, column = np.argwhere(~np.isfinite(rows_BF))[0]
            raise BadInputError(
                f"instances[{row}], {self.columns[column]}, is {instances[row][column]}:"
                " it must be a finite number that fits 32 bits"
            )
        return rows_BF


def encode(answers: list[Any]) -> bytes:
    return msgspec.json.encode({"predictions": answers})


def _from_csv(body: Body) -> list[list[float]]:
    try:
        lines = body.decode().splitlines()
    except UnicodeDecodeError as error:
        raise BadInputError(f"the body is no UTF-8 text: {error.reason}") from error
    return [_csv_row(index, line) for index, line in enumerate(lines) if line.strip()]


def _csv_row(index: int, line: str) -> list[float]:
    if not line.isascii() or "_" in line:  # float takes 1_0, and digits of any script
        raise BadInputError(f"line {index + 1} of the body is {_shown(line)}: not numbers")
    try:
        return [float(cell) for cell in line.split(",")]
    except ValueError as error:
        raise BadInputError(f"line {index + 1} of the body: {error}") from error


def _where(body: Body, error: Exception) -> str:
    """msgspec says what it expected but not at which index: find the first value that is wrong."""
    try:
        document = msgspec.json.decode(body)
    except _UNREADABLE:
        return f"the body is no JSON: {error}"
    instances = document.get("instances") if isinstance(document, dict) else None
    if not isinstance(instances, list):
        return 'the body must be {"instances": [row, …]}, each row a list or an object of numbers'
    if extra := sorted(set(document) - {"instances"}):
        return f"the body has {_some(extra)} beside instances"
    for index, instance in enumerate(instances):
        if (fault := _fault(instance)) is not None:
            return f"instances[{index}]{fault}"
    return "instances mixes lists and objects: use one form for all rows"


def _fault(instance: object) -> str | None:
    if isinstance(instance, dict):
        values = [(f"[{key!r}]", value) for key, value in instance.items()]
    elif isinstance(instance, list):
        values = [(f"[{index}]", value) for index, value in enumerate(instance)]
    else:
        return f" is {_shown(instance)}: a row is a list or an object of numbers"
    for place, value in values:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return f"{place} is {_shown(value)}: it must be a number"
        if abs(value) > sys.float_info.max:
            return f"{place} is {_shown(value)}: it must be a finite number that fits 32 bits"
    return None


def _shown(value: object) -> str:
    try:
        text = msgspec.json.encode(value).decode()
    except RecursionError:
        return "nested too deep to show"
    return text if len(text) <= 40 else text[:40] + "…"


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:5])
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown
