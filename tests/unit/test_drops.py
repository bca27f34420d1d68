"""A drop's folder: what lies in it, what its manifest promises, and whether it is whole."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.drops import (
    Dataset,
    Folder,
    Manifest,
    Promise,
    place_of,
    prefix_of,
    read_manifest,
)
from tests.builders import a_dataset, a_folder, a_stored, digest

NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)


def a_manifest(*names: str, **change: Any) -> bytes:
    files = [{"name": n, "sha256": digest(n), "size": 5} | change for n in names]
    return json.dumps({"files": files}).encode()


@pytest.mark.parametrize(
    ("key", "place"),
    [
        ("drops/digits/monday/part-0.parquet", ("digits", "monday")),
        ("drops/digits/monday/sub/part 1+%2B.parquet", ("digits", "monday")),
        ("drops/digits/monday/_SUCCESS", ("digits", "monday")),
        ("drops/a b/c+d/e", ("a b", "c+d")),
        ("drops/digits/monday/", None),
        ("drops/digits/monday", ("digits", "./monday")),
        ("drops/monday", ("./monday", "")),
        ("drops//monday/x", ("", "monday")),
        ("drops/digits//x", ("digits", "")),
        ("drops/", None),
        ("holdouts/digits/v1/x", None),
        ("/drops/digits/monday/x", None),
        ("", None),
    ],
)
def test_a_key_says_which_drop_it_belongs_to(key: str, place: tuple[str, str] | None) -> None:
    assert place_of(key) == place


@given(model=NAMES, drop=NAMES, name=NAMES)
def test_a_key_below_a_drops_folder_leads_back_to_the_drop(
    model: str, drop: str, name: str
) -> None:
    if "/" not in model + drop + name:
        assert place_of(prefix_of(model, drop) + name) == (model, drop)


def test_a_folder_is_whole_once_it_is_marked_and_lacks_nothing() -> None:
    assert a_folder("a", "b").whole
    assert a_folder("a", "b", promised=("a", "b")).whole
    assert not a_folder("a", "b", marked=False).whole
    assert not a_folder("a", promised=("a", "b")).whole
    assert not a_folder("a", complaint="manifest.json: unreadable").whole


def test_a_folder_names_what_is_missing() -> None:
    assert a_folder("a", promised=("c", "a", "b")).missing == ("c", "b")
    assert a_folder("a").missing == ()


def test_with_a_manifest_only_what_is_promised_counts() -> None:
    folder = a_folder("b", "a", "extra", promised=("b", "a"))

    assert [stored.name for stored in folder.data] == ["a", "b"]


def test_without_a_manifest_everything_counts() -> None:
    assert [stored.name for stored in a_folder("b", "a").data] == ["a", "b"]


def test_a_promise_is_found_by_name() -> None:
    folder = a_folder("a", promised=("a",))

    assert folder.promise("a") == Promise(name="a", sha256=digest("a"), size=5)
    assert folder.promise("b") is None
    assert a_folder("a").promise("a") is None


def test_a_manifest_is_read() -> None:
    assert read_manifest(a_manifest("a", "sub/b c+d")) == Manifest(
        files=(
            Promise(name="a", sha256=digest("a"), size=5),
            Promise(name="sub/b c+d", sha256=digest("sub/b c+d"), size=5),
        )
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "manifest.json: document: "),
        (b"\xff\xfe", "manifest.json: document: "),
        (b"[]", "manifest.json: document: "),
        (b"{}", "manifest.json: files: Field required"),
        (b'{"files": []}', "manifest.json: files: "),
        (a_manifest("/etc/passwd"), "'/etc/passwd' is no name of a file inside the drop"),
        (a_manifest("../monday/a"), "is no name of a file inside the drop"),
        (a_manifest("a/../b"), "is no name of a file inside the drop"),
        (a_manifest("a//b"), "is no name of a file inside the drop"),
        (a_manifest("./a"), "is no name of a file inside the drop"),
        (a_manifest("a/"), "is no name of a file inside the drop"),
        (a_manifest("."), "is no name of a file inside the drop"),
        (a_manifest(""), "is no name of a file inside the drop"),
        (a_manifest("manifest.json"), "is no name of a file inside the drop"),
        (a_manifest("_SUCCESS"), "is no name of a file inside the drop"),
        (a_manifest("a", "b", "a"), "'a' is listed twice"),
        (a_manifest("a", size=-1), "manifest.json: files.0.size: "),
        (a_manifest("a", size="5"), "manifest.json: files.0.size: "),
        (a_manifest("a", sha256="ABC"), "manifest.json: files.0.sha256: "),
        (a_manifest("a", comment="hi"), "manifest.json: files.0.comment: "),
        (b"[" * 100_000, "manifest.json: document: "),
    ],
)
def test_a_manifest_that_promises_nothing_clear_is_refused_in_one_line(
    text: bytes, said: str
) -> None:
    refused = read_manifest(text)

    assert isinstance(refused, str)
    assert said in refused
    assert "\n" not in refused


@given(text=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_bytes_make_the_manifest_reader_fail(text: bytes) -> None:
    assert isinstance(read_manifest(text), Manifest | str)


def test_a_dataset_is_its_content_not_its_place() -> None:
    here = a_dataset("one", "two")
    elsewhere = replace(
        a_dataset("one", "two", bucket="other", drop="tuesday"),
        files=tuple(
            replace(f, stored=replace(f.stored, key=f"x/{f.stored.key}", version_id="v9"))
            for f in here.files
        ),
    )

    assert elsewhere.digest == here.digest


@given(contents=st.lists(st.text(max_size=5), min_size=1, max_size=5), data=st.data())
def test_a_dataset_with_other_content_is_another(contents: list[str], data: st.DataObject) -> None:
    changed = list(contents)
    place = data.draw(st.integers(0, len(contents) - 1))
    changed[place] = changed[place] + "!"

    assert a_dataset(*changed).digest != a_dataset(*contents).digest


def test_files_that_trade_their_content_are_another_dataset() -> None:
    assert a_dataset("one", "two").digest != a_dataset("two", "one").digest


@given(order=st.permutations(["a", "b", "c", "d"]))
def test_the_order_in_which_files_are_listed_does_not_matter(order: list[str]) -> None:
    listed = Folder("data", "drops/digits/monday/", tuple(a_stored(n) for n in order), marked=True)
    promised = a_folder(*order, promised=tuple(reversed(order)))

    assert [f.name for f in listed.data] == ["a", "b", "c", "d"]
    assert [f.name for f in promised.data] == ["a", "b", "c", "d"]


def test_a_dataset_describes_itself_for_the_training_job() -> None:
    dataset: Dataset = a_dataset("one")

    assert dataset.description() == {
        "model": "digits",
        "digest": dataset.digest,
        "rows": 3,
        "files": [
            {
                "bucket": "data",
                "key": "drops/digits/monday/part-0.parquet",
                "version_id": "v1",
                "sha256": digest("one"),
                "size": 5,
            }
        ],
    }
    assert dataset.channel() == [
        {"prefix": "s3://data/drops/digits/monday/"},
        "part-0.parquet",
    ]
