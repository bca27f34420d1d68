"""Rows a model could not learn from are refused before anything is paid for."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from events.words import Reason
from functions.accept_drop.check import check
from functions.definition import Data
from functions.drops import Checked, Fault, strayed
from tests.fakes.container import WRITERS, write_parquet
from training import data as training
from training.config import Config
from training.failure import DataError

FORMATS = tuple(WRITERS)
ROWS: Mapping[str, list[Any]] = {
    "x_10": [0.5, 1.5],
    "label": [0, 1],
    "x_2": [1, 2],
    "note": ["a", "b"],
}


def data(**changes: Any) -> Data:
    return Data.model_validate({"features": ("x_*",), "classes": 2} | changes)


def config(**changes: str) -> Config:
    asked = {"features": "['x_*']", "classes": "2"} | changes
    lines = "".join(f"{key} = {value}\n" for key, value in asked.items())
    return Config.parse(f"[data]\n{lines}".encode())


def checked(path: Path, **changes: Any) -> Checked:
    seen = check(path, path.name, data=data(**changes))
    assert isinstance(seen, Checked)
    return seen


def fault(path: Path, **changes: Any) -> Fault:
    seen = check(path, "part", data=data(**changes))
    assert isinstance(seen, Fault)
    assert "\n" not in seen.message
    return seen


@pytest.mark.parametrize("format", FORMATS)
def test_a_usable_file_is_taken_in_every_format(tmp_path: Path, format: str) -> None:
    path = WRITERS[format](tmp_path / "data", ROWS)

    assert checked(path, format=format) == Checked(
        rows=2, columns=("x_2", "x_10"), probe=((1.0, 0.5), (2.0, 1.5))
    )


@pytest.mark.parametrize("format", FORMATS)
def test_a_probe_has_the_columns_of_the_training_in_its_order(tmp_path: Path, format: str) -> None:
    path = WRITERS[format](tmp_path / "data", ROWS)
    features = ["x_1?", "x_*"]

    seen = checked(path, format=format, features=tuple(features))
    rows = training.read([path], config(format=f"'{format}'", features=str(features)))

    assert seen.columns == rows.columns == ("x_10", "x_2")
    assert rows.raw_NF.tolist() == [list(row) for row in seen.probe]


@pytest.mark.parametrize("format", ["csv", "jsonl"])
def test_a_fraction_may_come_after_many_whole_numbers(tmp_path: Path, format: str) -> None:
    many = 60_000
    columns = {"x_0": [1] * many + [0.5], "label": [0] * (many + 1)}

    path = WRITERS[format](tmp_path / "data", columns)

    assert checked(path, format=format).rows == many + 1


def test_a_file_of_very_many_columns_is_read(tmp_path: Path) -> None:
    columns = {f"x_{i}": [0.5, 1.5] for i in range(400)} | {"label": [0, 1]}

    assert len(checked(WRITERS["jsonl"](tmp_path / "data", columns), format="jsonl").columns) == 400


@pytest.mark.parametrize(
    ("column", "said"),
    [
        (pa.array([Decimal("1.50")]), "column 'x_0' is DECIMAL(3,2); store"),
        (pa.array(["1.5"]), "column 'x_0' is VARCHAR; store"),
        (pa.array([True]), "column 'x_0' is BOOLEAN; store"),
        (pa.array([[1.0]]), "column 'x_0' is DOUBLE[]; store"),
    ],
)
def test_a_column_the_training_does_not_read_is_refused(
    tmp_path: Path, column: pa.Array, said: str
) -> None:
    path = write_parquet(tmp_path / "data", {"x_0": column, "label": [0]})

    seen = fault(path)

    assert (seen.reason, said in seen.message) == (Reason.SCHEMA_MISMATCH, True)


@pytest.mark.parametrize(
    ("format", "text", "reason"),
    [
        ("csv", "x_0,x_0,label\n1,1,0\n", Reason.SCHEMA_MISMATCH),
        ("csv", "x_0;label\n1;0\n", Reason.SCHEMA_MISMATCH),
        ("csv", "x_0|label\n1|0\n", Reason.SCHEMA_MISMATCH),
        ("csv", "1,0\n2,1\n", Reason.SCHEMA_MISMATCH),
        ("csv", "x_0,label\n1\n", Reason.FILE_UNREADABLE),
        ("csv", "x_0,label\n1,0\n99999999999999999999,0\n", Reason.SCHEMA_MISMATCH),
        ("csv", "x_0,label\n1,0\nnan,0\n", Reason.VALUES_MISSING),
        ("csv", "x_0,label\n1,0\n,0\n", Reason.VALUES_MISSING),
        ("csv", "x_0,label\n1,0\n1,2\n", Reason.VALUES_OUT_OF_RANGE),
        ("jsonl", '[{"x_0": 1, "label": 0}]\n', Reason.SCHEMA_MISMATCH),
        ("jsonl", '{"x_0": 1, "label": 0}\n{"label": 0}\n', Reason.VALUES_MISSING),
        ("jsonl", '{"x_0": 1, "label": 0}\n{"x_0": "1", "label": 0}\n', Reason.SCHEMA_MISMATCH),
        ("jsonl", '{"x_0": 1, "label": 0}\n{"x_0": ', Reason.FILE_UNREADABLE),
    ],
)
def test_a_text_the_training_would_refuse_is_refused(
    tmp_path: Path, format: str, text: str, reason: Reason
) -> None:
    path = tmp_path / "data"
    path.write_text(text)

    assert fault(path, format=format).reason is reason
    if "9999" not in text:  # a number beyond 64 bits is only refused here
        with pytest.raises(DataError):
            training.read([path], config(format=f"'{format}'"))


def test_of_several_bounds_the_narrowest_holds(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "data", {"x_0": [5.0], "label": [0]})

    seen = fault(path, range={"x_*": (0, 10), "x_0": (0, 1)})

    assert seen == Fault(
        Reason.VALUES_OUT_OF_RANGE, "part: column 'x_0' spans 5 to 5, allowed are 0 to 1"
    )


def test_a_bound_holds_for_the_number_as_written(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "data", {"x_0": [0.1, 0.7], "label": [0, 1]})

    assert checked(path, range={"x_0": (0.1, 0.7)}).rows == 2


def test_a_pattern_never_takes_the_target(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "data", {"x_0": [1.0], "label": [0]})

    assert checked(path, features=("*",)).columns == ("x_0",)


def test_files_of_one_drop_have_the_same_features(tmp_path: Path) -> None:
    two = write_parquet(tmp_path / "a", {"x_0": [1.0], "x_1": [1.0], "label": [0]})
    one = write_parquet(tmp_path / "b", {"x_0": [1.0], "label": [0]})
    longer, shorter = checked(two), checked(one)

    assert strayed("b", longer, first="a", expected=longer) is None
    assert strayed("b", shorter, first="a", expected=longer) == Fault(
        Reason.SCHEMA_MISMATCH, "b: no column 'x_1', which a has"
    )
    assert strayed("b", longer, first="a", expected=shorter) == Fault(
        Reason.SCHEMA_MISMATCH, "b: column 'x_1', which a has not"
    )
    with pytest.raises(DataError, match="DATA_SCHEMA"):
        training.read([two, one], config())
