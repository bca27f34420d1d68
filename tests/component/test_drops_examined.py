"""A drop in the data bucket is read file by file, and all of its files are of one shape."""

from collections.abc import Iterator
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import pytest

from events.words import Reason
from functions.accept_drop.check import check
from functions.aws.drops import Drops
from functions.definition import Data
from functions.drops import Dataset, Fault
from tests.fakes.container import write_parquet

MODEL = "clouds"
DATA = Data(features=("x_*",), classes=2)


class _Body(BytesIO):
    def iter_chunks(self, size: int) -> Iterator[bytes]:
        while block := self.read(size):
            yield block


class _Bucket:
    """The two calls of S3 that reading a drop takes."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self._files = {f"drops/{MODEL}/monday/{name}": body for name, body in files.items()}

    def get_paginator(self, _operation: str) -> "_Bucket":
        return self

    def paginate(self, **_where: str) -> list[dict[str, Any]]:
        listed = [
            {"Key": key, "VersionId": "v1", "IsLatest": True, "Size": len(body)}
            for key, body in self._files.items()
        ]
        return [{"Versions": listed}]

    def get_object(self, **asked: str) -> dict[str, Any]:
        return {"Body": _Body(self._files[asked["Key"]])}


@pytest.fixture
def whole(tmp_path: Path) -> bytes:
    columns = {"x_0": [1.0, 2.0], "x_1": [3.0, 4.0], "label": [0, 1]}
    return write_parquet(tmp_path / "whole", columns).read_bytes()


@pytest.fixture
def half(tmp_path: Path) -> bytes:
    return write_parquet(tmp_path / "half", {"x_0": [1.0], "label": [0]}).read_bytes()


def examined(**files: bytes) -> Dataset | Fault:
    bucket = _Bucket({f"{name}.parquet": body for name, body in files.items()} | {"_SUCCESS": b""})
    drops = Drops(cast(Any, bucket), bucket="data")
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
