"""Streams the rows of a holdout, with the columns whose values part it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from training import data, tables
from training.config import Config
from training.data import Rows
from training.failure import DataError

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Portion:
    """Some rows, and what the slicing columns say of them."""

    rows: Rows
    parted: dict[str, pa.ChunkedArray]


def columns_of(files: Sequence[Path], config: Config) -> list[str]:
    """The columns that all files have, once each has those that slices ask for."""
    there = [tables.names(path, config.format) for path in files]
    for path, names in zip(files, there, strict=True):
        if missing := [name for name in config.slices if name not in names]:
            raise DataError(
                "DATA_SCHEMA",
                f"{path.name} lacks {missing[0]!r} of [evaluation] slices: add the column to the"
                " holdout, or take it out there",
            )
    return [name for name in there[0] if all(name in names for names in there)]


def portions(
    files: Sequence[Path], config: Config, columns: tuple[str, ...], *, slices: tuple[str, ...] = ()
) -> Iterator[Portion]:
    """Checked as a dataset's rows are."""
    for path in files:
        there = tables.names(path, config.format)
        if missing := [name for name in (*columns, config.target) if name not in there]:
            raise DataError("DATA_SCHEMA", f"{path.name} lacks {', '.join(missing[:5])}")
        wanted = (*columns, config.target)
        for table in tables.batches(path, config.format, wanted, texts=slices):
            rows = data.checked(table, columns, config, path.name)
            if len(rows):
                yield Portion(rows, {name: table.column(name) for name in slices})
