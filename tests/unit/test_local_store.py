"""What is put on a shelf is there after the process has gone, and a damaged file is never lost."""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from local.store import Kept, StateError, Store

NOW = datetime(2026, 11, 25, 8, 30, 1, 250_000, tzinfo=UTC)


def test_what_was_put_is_there_for_the_next_one_who_opens_the_file(tmp_path: Path) -> None:
    value = {"at": NOW, "code": b"\x00\xff", "list": [1, 2.5, None, True], "deep": {"é": "ü"}}
    first = Store(tmp_path / "state.db")
    first.shelf("things").put("a", value)
    # no close: a killed process closes nothing
    assert Store(tmp_path / "state.db").shelf("things").all() == {"a": value}


def test_shelves_know_nothing_of_each_other() -> None:
    store = Store()
    store.shelf("one").put("key", 1)
    store.shelf("two").put("key", 2)
    store.shelf("one").drop("key")
    assert store.shelf("one").get("key") is None
    assert store.shelf("two").get("key") == 2


def test_what_belongs_together_is_kept_whole_or_not_at_all() -> None:
    store = Store()
    shelf = store.shelf("things")

    def half_way() -> None:
        with store.together():
            shelf.put("a", 1)
            with store.together():
                shelf.put("b", 2)
            raise KeyError

    with pytest.raises(KeyError):
        half_way()
    assert shelf.all() == {}


def test_a_damaged_file_is_set_aside_and_named(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(b"no database at all" * 100)
    store = Store(path)
    assert store.set_aside is not None
    assert store.set_aside.read_bytes() == b"no database at all" * 100
    assert store.shelf("things").all() == {}


def test_a_file_of_a_later_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with sqlite3.connect(path) as later:
        later.execute("PRAGMA user_version = 99")
    with pytest.raises(StateError, match="later version"):
        Store(path)
    assert path.exists()


def test_a_folder_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="cannot be used"):
        Store(tmp_path / "missing" / "state.db")


def test_a_kept_dictionary_is_what_it_was_for_the_next_one_who_opens_it() -> None:
    shelf = Store().shelf("things")
    first = Kept(shelf)
    first["a"], first["b"] = {"n": 1}, {"n": 2}
    first.pop("b")
    first.pop("missing", None)

    assert dict(Kept(shelf)) == dict(first) == {"a": {"n": 1}}
