"""Reads data files into tensors and refuses what a model must not learn from."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training import tables
from training.config import Bound, Config
from training.failure import DataError

if TYPE_CHECKING:
    import pyarrow as pa

Column = NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """Shapes: N rows, F feature columns."""

    columns: tuple[str, ...]
    raw_NF: Tensor  # float32, as read
    labels_N: Tensor  # int64

    def __len__(self) -> int:
        return len(self.labels_N)


def read(files: Sequence[Path], config: Config, *, columns: tuple[str, ...] | None = None) -> Rows:
    """A model that exists already brings the columns it was trained on."""
    parts: list[Rows] = []
    for path in files:
        there = tables.names(path, config.format)
        wanted = columns or expand(config.features, there, target=config.target)
        if parts and wanted != parts[0].columns:
            odd = sorted(set(wanted) ^ set(parts[0].columns))
            raise DataError(
                "DATA_SCHEMA",
                f"{path.name} and {files[0].name} differ in {_some(odd)}: all files of a drop"
                " have the same feature columns",
            )
        parts.append(_rows(path, there, wanted, config))
    rows = Rows(
        parts[0].columns if parts else (),
        torch.cat([part.raw_NF for part in parts]) if parts else torch.empty(0, 0),
        torch.cat([part.labels_N for part in parts]) if parts else torch.empty(0),
    )
    if not len(rows):
        raise DataError("DATA_EMPTY", f"{len(files)} files hold no rows: drop some data")
    return rows


def learnable(rows: Rows) -> Rows:
    """Rows that tell labels apart: of a constant nothing is learned but the constant."""
    if len(torch.unique(rows.labels_N)) < 2:
        raise DataError(
            "DATA_CONSTANT",
            f"every label of {len(rows)} rows is {rows.labels_N[0].item()}: drop rows of two"
            " classes at least, or correct [data] target",
        )
    return rows


def expand(features: Sequence[str], present: Iterable[str], *, target: str) -> tuple[str, ...]:
    """Patterns become names in natural order, so that a reordered file gives the same model."""
    names = sorted((name for name in present if name != target), key=_natural)
    columns: dict[str, None] = {}
    for feature in features:
        matching = _matching(names, feature) if _is_pattern(feature) else [feature]
        if not matching:
            raise DataError(
                "DATA_SCHEMA", f"no column matches {feature!r} of [data] features: {_some(names)}"
            )
        columns |= dict.fromkeys(matching)
    return tuple(columns)


def _rows(path: Path, there: Sequence[str], columns: tuple[str, ...], config: Config) -> Rows:
    if missing := [name for name in (*columns, config.target) if name not in there]:
        raise DataError("DATA_SCHEMA", f"{path.name} lacks {_some(missing)}; it has {_some(there)}")
    table = tables.table(path, config.format, (*columns, config.target))
    return checked(table, columns, config, path.name)


def checked(table: pa.Table, columns: tuple[str, ...], config: Config, where: str) -> Rows:
    """The rows of a table, once they are seen to be fit."""
    raw_NF = np.empty((table.num_rows, len(columns)), dtype=np.float32)
    for index, name in enumerate(columns):
        values = _numbers(table, name, where)
        _within(values, name, config.bounds, where)
        raw_NF[:, index] = values
    return Rows(columns, torch.from_numpy(raw_NF), _labels(table, config, where))


def _numbers(table: pa.Table, name: str, where: str) -> Column:
    """As they are written: only what is learned from is rounded to float32."""
    import pyarrow as pa

    column = table.column(name)
    if pa.types.is_dictionary(column.type):  # how pandas keeps its categories
        column = column.cast(column.type.value_type)
    numeric = pa.types.is_integer(column.type) or pa.types.is_floating(column.type)
    if not (numeric or pa.types.is_boolean(column.type)):
        raise DataError(
            "DATA_SCHEMA",
            f"column {name} of {where} holds {column.type}: it must hold integers or floats",
        )
    if column.null_count:
        raise DataError(
            "DATA_NAN", f"column {name} of {where} has {column.null_count} empty values"
        )
    values: Column = column.to_numpy().astype(np.float64)
    finite = np.abs(values) <= np.finfo(np.float32).max
    if not finite.all():
        raise DataError(
            "DATA_NAN",
            f"column {name} of {where} has {int(np.count_nonzero(~finite))} values that are no"
            f" finite float32, the first in row {int(np.argmin(finite))}",
        )
    return values


def _within(
    values: Column,
    name: str,
    bounds: Sequence[Bound],
    where: str,
) -> None:
    for bound in bounds:
        if not fnmatch.fnmatchcase(name, bound.pattern) or not len(values):
            continue
        low, high = float(values.min()), float(values.max())
        if low < bound.low or high > bound.high:
            raise DataError(
                "DATA_RANGE",
                f"column {name} of {where} runs from {low:g} to {high:g}:"
                f" [data.range] {bound.pattern!r} allows {bound.low:g} to {bound.high:g}",
            )


def _labels(table: pa.Table, config: Config, where: str) -> Tensor:
    values = _numbers(table, config.target, where)
    labels = values.astype(np.int64)
    wrong = (labels != values) | (labels < 0) | (labels >= config.classes)
    if wrong.any():
        raise DataError(
            "DATA_LABEL",
            f"column {config.target} of {where} has {int(wrong.sum())} labels that are no class,"
            f" such as {float(values[int(np.argmax(wrong))]):g}:"
            f" they are whole numbers from 0 to {config.classes - 1}",
        )
    return torch.from_numpy(labels)


def _matching(names: Sequence[str], pattern: str) -> list[str]:
    return [name for name in names if fnmatch.fnmatchcase(name, pattern)]


def _is_pattern(feature: str) -> bool:
    return any(character in feature for character in "*?[")


def _natural(name: str) -> list[tuple[int, int, str]]:
    """pixel_2 comes before pixel_10."""
    parts = re.findall(r"\d+|\D+", name)
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts]


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:5])
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown
