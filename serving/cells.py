"""Reads rows from CSV without a header, as SageMaker sends it."""

from __future__ import annotations

from collections.abc import Callable
from math import nan
from typing import Final

from serving.columns import Columns, Rows
from serving.errors import BadInputError
from serving.messages import Body

_SHOWN: Final = 40


def rows(body: Body, columns: Columns) -> Rows:
    try:
        lines = body.decode().splitlines()
    except UnicodeDecodeError as error:
        raise BadInputError(f"the body is no UTF-8 text: {error.reason}") from error
    filled = [(index, line) for index, line in enumerate(lines) if line.strip()]
    columns.count(len(filled))
    read = _with_gaps if columns.missing else _plain
    return columns.of([_row(index, line, read) for index, line in filled])


def _row(index: int, line: str, read: Callable[[list[str]], list[float]]) -> list[float]:
    if not line.isascii() or "_" in line:  # float takes 1_0, and digits of any script
        shown = line if len(line) <= _SHOWN else line[:_SHOWN] + "…"
        raise BadInputError(f'line {index + 1} of the body is "{shown}": not numbers')
    try:
        return read(line.split(","))
    except ValueError as error:
        raise BadInputError(f"line {index + 1} of the body: {error}") from error


def _plain(cells: list[str]) -> list[float]:
    return list(map(float, cells))


def _with_gaps(cells: list[str]) -> list[float]:
    return [float(cell) if cell.strip() else nan for cell in cells]
