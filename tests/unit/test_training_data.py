"""Rows that a model must not learn from are refused, with what and where."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from tests.fakes.container import (
    COLUMNS,
    MODEL_TOML,
    WRITERS,
    clouds,
    write_json,
    write_parquet,
)
from training import data, dataset
from training.config import Config
from training.failure import DataError, one_line

CONFIG = Config.parse(MODEL_TOML.encode())


def spoiled(column: str, value: object) -> Mapping[str, object]:
    columns: dict[str, list[object]] = {name: list(rows) for name, rows in clouds(5).items()}
    columns[column][2] = value
    return columns


def test_columns_come_in_natural_order_whatever_the_order_of_the_file(tmp_path: Path) -> None:
    columns = clouds(8)
    shuffled = {name: columns[name] for name in ("x_10", "label", "x_2", "x_0", "x_1")}

    straight = data.read([write_parquet(tmp_path / "a", columns)], CONFIG)
    turned = data.read([write_parquet(tmp_path / "b", shuffled)], CONFIG)

    assert straight.columns == turned.columns == COLUMNS
    assert torch.equal(straight.raw_NF, turned.raw_NF)


def test_the_files_follow_each_other(tmp_path: Path) -> None:
    files = [write_parquet(tmp_path / name, clouds(5, seed=seed)) for seed, name in enumerate("ab")]

    rows = data.read(files, CONFIG)

    assert rows.labels_N.tolist() == clouds(5)["label"] + clouds(5, seed=1)["label"]
    assert rows.raw_NF.dtype == torch.float32


@pytest.mark.parametrize(
    ("column", "value", "code", "words"),
    [
        ("x_1", math.nan, "DATA_NAN", "column x_1 of part has 1 values that are no finite float32"),
        ("x_1", math.inf, "DATA_NAN", "the first in row 2"),
        ("x_1", 1e300, "DATA_NAN", "no finite float32"),
        ("x_1", None, "DATA_NAN", "column x_1 of part has 1 empty values"),
        ("x_10", 21.0, "DATA_RANGE", "allows -20 to 20"),
        ("label", 3, "DATA_LABEL", "such as 3: they are whole numbers from 0 to 2"),
        ("label", -1, "DATA_LABEL", "such as -1"),
        ("label", None, "DATA_NAN", "column label of part"),
    ],
)
def test_a_spoiled_value_is_refused(
    tmp_path: Path, column: str, value: object, code: str, words: str
) -> None:
    path = write_parquet(tmp_path / "part", spoiled(column, value))

    with pytest.raises(DataError, match=f"^{code}: ") as refused:
        data.read([path], CONFIG)

    assert words in str(refused.value)


def test_half_a_label_is_no_label(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "part", clouds(5) | {"label": [0.5, 1, 1, 1, 1]})

    with pytest.raises(DataError, match=r"DATA_LABEL.*such as 0\.5"):
        data.read([path], CONFIG)


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        ({"label": [1]}, "DATA_SCHEMA"),
        ({"x_0": ["word"], "label": [1]}, "DATA_SCHEMA"),
        ({"x_0": [1.0]}, "DATA_SCHEMA"),
        ({name: np.empty(0) for name in (*COLUMNS, "label")}, "DATA_EMPTY"),
    ],
    ids=["no feature", "text", "no target", "no rows"],
)
def test_a_wrong_schema_is_refused(
    tmp_path: Path, columns: Mapping[str, object], code: str
) -> None:
    with pytest.raises(DataError, match=code):
        data.read([write_parquet(tmp_path / "part", columns)], CONFIG)


def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path) -> None:
    (tmp_path / "part").write_text("a,b\n1,2\n")

    with pytest.raises(DataError, match="DATA_UNREADABLE: part cannot be read as parquet"):
        data.read([tmp_path / "part"], CONFIG)


def test_a_second_file_that_lacks_a_column_is_refused_by_name(tmp_path: Path) -> None:
    short = clouds(5)
    del short["x_10"]
    files = [write_parquet(tmp_path / "a", clouds(5)), write_parquet(tmp_path / "b", short)]

    with pytest.raises(DataError, match="DATA_SCHEMA: b and a differ in x_10"):
        data.read(files, CONFIG)


def test_a_second_file_with_a_column_more_is_refused_by_name(tmp_path: Path) -> None:
    long = clouds(5) | {"x_7": [0.0] * 5}
    files = [write_parquet(tmp_path / "a", clouds(5)), write_parquet(tmp_path / "b", long)]

    with pytest.raises(DataError, match="DATA_SCHEMA: b and a differ in x_7"):
        data.read(files, CONFIG)


def test_a_trained_model_reads_its_own_columns_of_a_longer_file(tmp_path: Path) -> None:
    long = write_parquet(tmp_path / "a", clouds(5) | {"x_7": [0.0] * 5})

    assert data.read([long], CONFIG, columns=COLUMNS).columns == COLUMNS


def test_a_bound_holds_for_the_number_as_written(tmp_path: Path) -> None:
    toml = MODEL_TOML.replace("[-20, 20]", "[0.1, 0.7]")
    written = {name: [0.1, 0.7] for name in COLUMNS} | {"label": [0, 1]}
    path = write_parquet(tmp_path / "part", written)

    assert len(data.read([path], Config.parse(toml.encode()))) == 2


def of_format(format: str) -> Config:
    return Config.parse(MODEL_TOML.replace("[data]", f"[data]\nformat = '{format}'", 1).encode())


def written(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


@pytest.mark.parametrize("format", ["csv", "jsonl"])
def test_the_same_rows_are_the_same_tensors_in_every_format(tmp_path: Path, format: str) -> None:
    columns = clouds(50) | {"note": ["a"] * 50}
    parquet = write_parquet(tmp_path / "a", columns)

    ours = data.read([WRITERS[format](tmp_path / "b", columns)], of_format(format))
    theirs = data.read([parquet], CONFIG)

    assert ours.columns == theirs.columns
    assert torch.equal(ours.raw_NF, theirs.raw_NF)
    assert torch.equal(ours.labels_N, theirs.labels_N)


@pytest.mark.parametrize(
    ("format", "text", "code"),
    [
        ("csv", "x_0,label\n1,0\nword,1\n", "DATA_UNREADABLE"),
        ("csv", "x_0,label\n1,0\n,1\n", "DATA_NAN"),
        ("csv", "x_0,label\n1,0\nnan,1\n", "DATA_NAN"),
        ("csv", "x_0,label\n1,0\n1e300,1\n", "DATA_NAN"),
        ("csv", "x_0,label\n1,0\n21,1\n", "DATA_RANGE"),
        ("csv", "x_0,label\n1,0\n1,0.5\n", "DATA_LABEL"),
        ("csv", "x_0,label\n1,0\n1,3\n", "DATA_LABEL"),
        ("csv", "x_0,label\n1,0\n1\n", "DATA_UNREADABLE"),
        ("csv", "x_0,x_0,label\n1,1,0\n", "DATA_SCHEMA"),
        ("csv", "x_0;label\n1;0\n", "DATA_SCHEMA"),
        ("csv", "x_0,label\n", "DATA_EMPTY"),
        ("csv", "", "DATA_SCHEMA"),
        ("jsonl", '{"x_0": 1, "label": 0}\n{"x_0": "word", "label": 1}\n', "DATA_UNREADABLE"),
        ("jsonl", '{"x_0": 1, "label": 0}\n{"label": 1}\n', "DATA_NAN"),
        ("jsonl", '{"x_0": 1, "label": 0}\n{"x_0": null, "label": 1}\n', "DATA_NAN"),
        ("jsonl", '{"x_0": 1, "label": 0}\n{"x_0": 21, "label": 1}\n', "DATA_RANGE"),
        ("jsonl", '{"x_0": 1, "label": 0}\n{"x_0": 1, "label": 3}\n', "DATA_LABEL"),
        ("jsonl", '{"x_0": 1, "label": 0}\n{"x_0": 1, "lab', "DATA_UNREADABLE"),
        ("jsonl", '[{"x_0": 1, "label": 0}]\n', "DATA_UNREADABLE"),
        ("jsonl", '{"x_0": 1, "x_0": 2, "label": 0}\n', "DATA_UNREADABLE"),
        ("jsonl", '{"x_0": 1}\n', "DATA_SCHEMA"),
        ("jsonl", "", "DATA_SCHEMA"),
    ],
)
def test_a_spoiled_text_is_refused_in_one_line(
    tmp_path: Path, format: str, text: str, code: str
) -> None:
    with pytest.raises(DataError, match=f"^{code}: ") as refused:
        data.read([written(tmp_path / "part", text)], of_format(format))

    assert "\n" not in one_line(refused.value)


@pytest.mark.parametrize(
    ("format", "text"),
    [
        ("csv", '\ufeffnote,x_0,label\r\n"two\nlines, a comma",1.5,0\r\n'),
        ("csv", 'label,"x_0"\n0,"1.5"\n\n'),
        ("jsonl", '\n{"x_0": 1.5, "label": 0, "note": {"deep": [1, "a"]}}\n\n'),
    ],
)
def test_what_a_text_may_look_like(tmp_path: Path, format: str, text: str) -> None:
    rows = data.read([written(tmp_path / "part", text)], of_format(format))

    assert (rows.raw_NF.tolist(), rows.labels_N.tolist()) == ([[1.5]], [0])


@pytest.mark.parametrize("format", ["csv", "jsonl"])
def test_a_fraction_may_come_after_many_whole_numbers(tmp_path: Path, format: str) -> None:
    many = 300_000
    columns = {"x_0": [1] * many + [0.5], "label": [0] * (many + 1)}

    rows = data.read([WRITERS[format](tmp_path / "part", columns)], of_format(format))

    assert rows.raw_NF[-1].item() == 0.5


def test_a_column_of_categories_is_one_of_numbers(tmp_path: Path) -> None:
    column = pa.array([1.0, 2.0, 1.0]).dictionary_encode()
    path = write_parquet(tmp_path / "part", {"x_0": column, "label": [0, 1, 2]})

    assert data.read([path], CONFIG).raw_NF.tolist() == [[1.0], [2.0], [1.0]]


def test_a_decimal_is_refused_with_what_to_store(tmp_path: Path) -> None:
    column = pa.array([Decimal("1.50")])
    path = write_parquet(tmp_path / "part", {"x_0": column, "label": [0]})

    with pytest.raises(DataError, match=r"DATA_SCHEMA.*decimal128.*integers or floats"):
        data.read([path], CONFIG)


def a_dataset(tmp_path: Path) -> tuple[Path, Path, Path]:
    part = write_parquet(tmp_path / "train" / "deep" / "p.parquet", clouds(5))
    entry = {"key": "x/p.parquet", "sha256": dataset.sha256_of(part), "size": part.stat().st_size}
    write_json(tmp_path / "dataset.json", {"digest": "d", "files": [entry]})
    return tmp_path / "dataset.json", tmp_path / "train", part


def test_the_accepted_files_are_found_by_their_content(tmp_path: Path) -> None:
    document, folder, part = a_dataset(tmp_path)

    assert dataset.accepted(document, folder, digest="d") == (part,)


def test_a_changed_data_file_is_refused(tmp_path: Path) -> None:
    document, folder, part = a_dataset(tmp_path)
    part.write_bytes(part.read_bytes()[:-1] + b"!")

    with pytest.raises(DataError, match=r"DATA_CHANGED: p\.parquet came down but is not in"):
        dataset.accepted(document, folder, digest="d")


def test_a_missing_data_file_is_refused(tmp_path: Path) -> None:
    document, folder, part = a_dataset(tmp_path)
    part.unlink()

    with pytest.raises(DataError, match=r"DATA_MISSING: x/p\.parquet"):
        dataset.accepted(document, folder, digest="d")


def test_another_dataset_is_refused(tmp_path: Path) -> None:
    document, folder, _ = a_dataset(tmp_path)

    with pytest.raises(DataError, match="DATASET_MISMATCH"):
        dataset.accepted(document, folder, digest="e")


@pytest.mark.parametrize(
    "document",
    [[], {"digest": "d"}, {"digest": "d", "files": [{"key": "p"}]}, {"digest": "d", "files": [3]}],
)
def test_a_dataset_that_says_nothing_is_refused(tmp_path: Path, document: object) -> None:
    _, folder, _ = a_dataset(tmp_path)
    write_json(tmp_path / "dataset.json", document)

    with pytest.raises(DataError, match="DATASET_UNREADABLE"):
        dataset.accepted(tmp_path / "dataset.json", folder, digest="d")


def test_a_holdout_is_known_by_its_content(tmp_path: Path) -> None:
    write_parquet(tmp_path / "a" / "p.parquet", clouds(5))
    write_parquet(tmp_path / "b" / "p.parquet", clouds(5))
    write_parquet(tmp_path / "c" / "p.parquet", clouds(6))
    digests = [dataset.holdout(tmp_path / name, format="parquet").digest for name in "abc"]

    assert digests[0] == digests[1] != digests[2]


def test_a_holdout_that_is_not_its_manifest_is_refused(tmp_path: Path) -> None:
    part = write_parquet(tmp_path / "p.parquet", clouds(5))
    entry = {"name": "p.parquet", "sha256": dataset.sha256_of(part), "size": part.stat().st_size}
    write_json(tmp_path / "manifest.json", {"files": [entry]})

    assert dataset.holdout(tmp_path, format="parquet").files == (part,)

    write_parquet(part, clouds(6))
    with pytest.raises(DataError, match="HOLDOUT_CHANGED"):
        dataset.holdout(tmp_path, format="parquet")


@pytest.mark.parametrize("format", ["parquet", "csv", "jsonl"])
def test_a_holdout_is_of_the_format_the_model_names(tmp_path: Path, format: str) -> None:
    parts = {of: WRITERS[of](tmp_path / f"part.{of}", clouds(5)) for of in WRITERS}

    assert dataset.holdout(tmp_path, format=format).files == (parts[format],)


def test_an_absent_holdout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="HOLDOUT_EMPTY"):
        dataset.holdout(tmp_path, format="parquet")
