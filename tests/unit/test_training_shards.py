"""Rows that are streamed are those that a reading of the files gives, in an order of the seed's."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from tests.fakes.container import COLUMNS, MODEL_TOML, WRITERS, clouds, write_parquet
from tests.fakes.learning import PlainTask, weights_of
from training import data, shards
from training.ahead import ahead
from training.checkpoint import Checkpoints
from training.config import Config
from training.failure import DataError
from training.log import Log
from training.loop import Fit, Fitted
from training.shards import Shards

CONFIG = Config.parse(MODEL_TOML.encode())
CPU = torch.device("cpu")


def written(folder: Path, *, format: str = "parquet", rows: tuple[int, ...] = (70, 1, 40)) -> Any:
    return [
        WRITERS[format](folder / f"part-{index}.{format}", clouds(count, seed=index))
        for index, count in enumerate(rows)
    ]


def streamed(files: list[Path], *, format: str = "parquet") -> Shards:
    config = replace(CONFIG, format=format)
    return shards.surveyed(files, data.columns_of(files, config), config)


def epoch(of: Shards, number: int, *, size: int = 16, start: int = 0) -> list[Any]:
    source = shards.begun(of, PlainTask(), device=CPU, seed=3)
    return [
        (each.numbers_B.tolist(), each.x_BF.clone(), each.y_B.clone())
        for each in source.epoch(number, size=size, start=start)
    ]


@pytest.mark.parametrize("format", ["parquet", "csv", "jsonl"])
def test_an_epoch_has_every_row_once_under_its_own_number(tmp_path: Path, format: str) -> None:
    files = written(tmp_path, format=format)
    whole = data.read(files, replace(CONFIG, format=format))

    batches = epoch(streamed(files, format=format), 0)

    numbers = [number for told, _, _ in batches for number in told]
    assert sorted(numbers) == list(range(111))
    assert [len(told) for told, _, _ in batches] == [16] * 6 + [15]
    assert torch.equal(torch.cat([x for _, x, _ in batches]), whole.raw_NF[numbers] / 5)
    assert torch.equal(torch.cat([y for _, _, y in batches]), whole.labels_N[numbers])


def test_every_epoch_has_an_order_of_its_own_and_the_same_each_time(tmp_path: Path) -> None:
    of = streamed(written(tmp_path))
    first, again, other = (
        [number for told, _, _ in epoch(of, number) for number in told] for number in (0, 0, 1)
    )

    assert first == again != other
    assert first != sorted(first)


@pytest.mark.parametrize("start", [0, 3, 6, 7])
def test_an_epoch_goes_on_where_it_was_left(tmp_path: Path, start: int) -> None:
    of = streamed(written(tmp_path))

    whole, rest = epoch(of, 2), epoch(of, 2, start=start)

    assert [told for told, _, _ in rest] == [told for told, _, _ in whole[start:]]


def test_rows_of_many_windows_and_row_groups_are_all_there(tmp_path: Path) -> None:
    """More than a window holds, from more row groups than are read in turn."""
    rows = 600_000
    column = torch.arange(rows).tolist()
    path = tmp_path / "many"
    columns = dict.fromkeys(COLUMNS, column)
    labels = [number % 3 for number in column]
    pq.write_table(pa.table(columns | {"label": labels}), path, row_group_size=70_001)
    config = replace(CONFIG, bounds=())
    of = shards.surveyed([path], COLUMNS, config)

    seen = torch.zeros(rows, dtype=torch.int64)
    for numbers, raw, labels_told in shards.windows(of, "1", size=512):
        seen[numbers] += 1
        assert torch.equal(raw[:, 2].long(), numbers)
        assert torch.equal(labels_told, numbers % 3)
    assert torch.unique(seen).tolist() == [1]


def fitted(folder: Path, rows: Shards, stops: Iterator[bool]) -> Fitted:
    return Fit(
        task=PlainTask(dropout=0.2),
        rows=rows,
        recipe=CONFIG.recipe,
        seed=7,
        device=CPU,
        checkpoints=Checkpoints(folder, {}),
        log=Log(io.StringIO()),
        stopping=lambda: next(stops, False),
    ).run()


def test_a_training_of_shards_that_is_stopped_ends_in_the_same_bits(tmp_path: Path) -> None:
    rows = streamed(written(tmp_path))
    whole = fitted(tmp_path / "whole", rows, iter(()))

    assert not fitted(tmp_path / "part", rows, iter([False] * 11 + [True])).finished
    assert torch.equal(weights_of(whole), weights_of(fitted(tmp_path / "part", rows, iter(()))))


@pytest.mark.parametrize(("column", "code"), [("x_1", "DATA_NAN"), ("label", "DATA_NAN")])
def test_the_survey_refuses_what_a_model_must_not_learn_from(
    tmp_path: Path, column: str, code: str
) -> None:
    files = written(tmp_path)
    spoiled = {name: list(values) for name, values in clouds(9).items()}
    spoiled[{"x_1": "x_2"}.get(column, column)][4] = float("nan")
    files.append(write_parquet(tmp_path / "spoiled", spoiled))

    with pytest.raises(DataError, match=f"{code}: column .* of spoiled .* the first in row 4"):
        streamed(files)


@pytest.mark.parametrize("format", ["parquet", "csv", "jsonl"])
def test_a_file_that_breaks_off_is_told_in_one_line(tmp_path: Path, format: str) -> None:
    files = written(tmp_path, format=format)
    files[2].write_bytes(files[2].read_bytes()[:-9] + b'{"x_0": \x00,')

    with pytest.raises(DataError, match=f"DATA_UNREADABLE: part-2.{format} cannot be read as"):
        streamed(files, format=format)


@pytest.mark.parametrize("mib", [0, 2048], ids=["streamed", "in memory"])
def test_a_file_without_rows_beside_others_is_refused(tmp_path: Path, mib: int) -> None:
    files = written(tmp_path, rows=(20, 0, 20))
    config = replace(CONFIG, recipe=replace(CONFIG.recipe, in_memory=mib))

    with pytest.raises(DataError, match=r"DATA_EMPTY: part-1\.parquet holds no"):
        shards.opened(files, config)


def test_shards_of_one_class_are_refused(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "one", clouds(9) | {"label": [1] * 9})

    with pytest.raises(DataError, match="DATA_CONSTANT: every label of 9 rows is 1"):
        streamed([path])


@pytest.mark.parametrize(("mib", "kind"), [(1, Shards), (2, data.Rows)])
def test_what_does_not_fit_into_its_part_of_the_memory_is_streamed(
    tmp_path: Path, mib: int, kind: type
) -> None:
    files = written(tmp_path, rows=(70_000,))
    config = replace(CONFIG, recipe=replace(CONFIG.recipe, in_memory=mib))

    assert isinstance(shards.opened(files, config), kind)


def test_work_ahead_keeps_the_order_and_tells_an_error_in_its_place() -> None:
    def items() -> Iterator[int]:
        yield from range(5)
        raise ValueError("the sixth")

    coming = ahead(items(), most=2)

    assert [next(coming) for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match="the sixth"):
        next(coming)


def test_work_ahead_ends_when_nobody_listens_any_more() -> None:
    closed: list[bool] = []

    def endless() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            closed.append(True)

    items = ahead(endless(), most=1)
    next(items)
    items.close()

    assert closed == [True]
