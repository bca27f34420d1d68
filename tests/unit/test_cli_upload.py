"""What is dropped: names, digests, and the manifest that comes last."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.errors import BadInputError
from cli.upload import drop_id, gather, manifest, upload
from functions.drops import Manifest, read_manifest


class Bucket:
    """Remembers what was put, in order."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.bodies: dict[str, bytes] = {}

    def upload_file(
        self,
        path: str,
        _bucket: str,
        key: str,
        Callback: Callable[[int], None],  # noqa: N803  # boto3's
    ) -> None:
        body = Path(path).read_bytes()
        for each in body:
            Callback(len(bytes([each])))
        self._put(key, body)

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> None:  # noqa: N803  # boto3's
        assert Bucket == "data"
        self._put(Key, Body)

    def _put(self, key: str, body: bytes) -> None:
        self.keys.append(key)
        self.bodies[key] = body


def a_folder(path: Path, **files: str) -> Path:
    path.mkdir()
    for name, text in files.items():
        (path / name.replace("_dot_", ".")).write_text(text)
    return path


def test_the_manifest_comes_last_and_tells_every_digest(tmp_path: Path) -> None:
    folder = a_folder(tmp_path / "drop", b_dot_parquet="two", a_dot_parquet="one")
    bucket = Bucket()

    upload(
        bucket,
        bucket="data",
        prefix="drops/digits/d1/",
        files=gather([folder]),
        progress=lambda *_: None,
    )

    assert bucket.keys == [
        "drops/digits/d1/a.parquet",
        "drops/digits/d1/b.parquet",
        "drops/digits/d1/manifest.json",
    ]
    told = json.loads(bucket.bodies["drops/digits/d1/manifest.json"])
    assert told["files"][0] == {
        "name": "a.parquet",
        "sha256": hashlib.sha256(b"one").hexdigest(),
        "size": 3,
    }


def test_an_old_manifest_in_the_folder_is_not_a_data_file(tmp_path: Path) -> None:
    folder = a_folder(tmp_path / "drop", a_dot_parquet="one")
    (folder / "manifest.json").write_text("{}")
    (folder / "_SUCCESS").write_text("")

    assert [file.name for file in gather([folder])] == ["a.parquet"]


def test_a_folder_inside_keeps_its_name(tmp_path: Path) -> None:
    folder = a_folder(tmp_path / "drop")
    a_folder(folder / "day=1", a_dot_parquet="one")

    assert [file.name for file in gather([folder])] == ["day=1/a.parquet"]


@pytest.mark.parametrize("make", ["missing", "empty", "twice"])
def test_what_cannot_be_dropped_is_said(tmp_path: Path, make: str) -> None:
    folder = a_folder(tmp_path / "one", a_dot_parquet="1")
    paths = {
        "missing": [tmp_path / "nowhere"],
        "empty": [a_folder(tmp_path / "none")],
        "twice": [folder, a_folder(tmp_path / "two", a_dot_parquet="2")],
    }[make]

    with pytest.raises(BadInputError, match="BAD_INPUT: "):
        gather(paths)


@pytest.mark.parametrize("text", ["", "a b", "../up", "x" * 64])
def test_an_id_that_s3_and_people_would_trip_over_is_refused(text: str) -> None:
    with pytest.raises(BadInputError):
        drop_id(text)


def test_without_an_id_one_is_made_that_is_allowed() -> None:
    made = drop_id(None)

    assert drop_id(made) == made


def test_a_manifest_is_what_accept_drop_reads(tmp_path: Path) -> None:
    folder = a_folder(tmp_path / "drop", a_dot_parquet="one")

    assert isinstance(read_manifest(manifest(gather([folder])).encode()), Manifest)


def test_each_file_tells_how_far_it_is_and_when_it_is_there(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []

    upload(
        Bucket(),
        bucket="data",
        prefix="drops/digits/d1/",
        files=gather([a_folder(tmp_path / "drop", a_dot_csv="abc", b_dot_csv="")]),
        progress=lambda *seen: told.append(seen),
    )

    assert told == [("a.csv", 1, 3), ("a.csv", 2, 3), ("a.csv", 3, 3), ("b.csv", 0, 0)]
