"""A drop in the data bucket is read file by file, and all of its files are of one shape."""

from functools import partial
from pathlib import Path

import pytest

from events.words import Reason
from functions.accept_drop.check import check
from functions.definition import Data
from functions.drops import Dataset, Fault
from tests.fakes.bucket import BucketDrops, FakeBucket
from tests.fakes.container import write_parquet

MODEL = "clouds"
DATA = Data(features=("x_*",), classes=2)


@pytest.fixture
def whole(tmp_path: Path) -> bytes:
    columns = {"x_0": [1.0, 2.0], "x_1": [3.0, 4.0], "label": [0, 1]}
    return write_parquet(tmp_path / "whole", columns).read_bytes()


@pytest.fixture
def half(tmp_path: Path) -> bytes:
    return write_parquet(tmp_path / "half", {"x_0": [1.0], "label": [0]}).read_bytes()


def examined(**files: bytes) -> Dataset | Fault:
    drops = BucketDrops(FakeBucket())
    drops.put(MODEL, "monday", {f"{name}.parquet": body for name, body in files.items()})
    return drops.examine(MODEL, drops.look(MODEL, "monday"), partial(check, data=DATA))


def test_files_of_one_shape_are_a_dataset(whole: bytes) -> None:
    dataset = examined(a=whole, b=whole)

    assert isinstance(dataset, Dataset)
    assert (dataset.rows, dataset.probe) == (4, ((1.0, 3.0), (2.0, 4.0)))


def test_a_file_that_lacks_a_column_of_the_first_is_refused_by_name(
    whole: bytes, half: bytes
) -> None:
    assert examined(a=whole, b=half) == Fault(
        Reason.SCHEMA_MISMATCH, "b.parquet: no column 'x_1', which a.parquet has"
    )


def test_a_file_with_a_column_the_first_lacks_is_refused_by_name(whole: bytes, half: bytes) -> None:
    assert examined(a=half, b=whole) == Fault(
        Reason.SCHEMA_MISMATCH, "b.parquet: column 'x_1', which a.parquet has not"
    )
