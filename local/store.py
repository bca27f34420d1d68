"""What outlasts the process: shelves of JSON values in one SQLite file."""

import base64
import contextlib
import json
import sqlite3
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import RLock
from typing import Any

_FORMAT = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS kept (
  shelf TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (shelf, key)
) WITHOUT ROWID
"""
_PUT = "INSERT INTO kept VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value"


class StateError(Exception):
    """A state that cannot be used; the message is one line for a person."""


class Store:
    """One file, or memory alone without a path; safe to use from every thread.

    What was put is there after `kill -9` (not after a power cut: nothing waits for the disk). A
    file that is no database any more is set aside, never deleted: `set_aside` names it. Raises
    StateError for a folder that cannot be written and for a file of a later version.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.lock = RLock()
        self.set_aside: Path | None = None
        self._connection = self._opened(path)

    def shelf(self, name: str) -> "Shelf":
        """The values kept under one name; each service has shelves of its own."""
        return Shelf(self, name)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Everything put or dropped inside is kept whole or not at all."""
        with self.lock:
            if self._connection.in_transaction:  # the outer one decides
                yield
                return
            self._connection.execute("BEGIN")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def execute(self, statement: str, *values: Any) -> list[Any]:
        """One statement, for whoever keeps a table of its own here."""
        with self.lock:
            return self._connection.execute(statement, values).fetchall()

    def close(self) -> None:
        with self.lock:
            self._connection.close()

    def _opened(self, path: Path | None) -> sqlite3.Connection:
        if path is None:
            return _connected(":memory:")
        try:
            return _connected(str(path))
        except sqlite3.OperationalError as error:
            raise StateError(f"{path} cannot be used: {error}; choose another --state") from error
        except sqlite3.DatabaseError:
            self.set_aside = _aside(path)
            return _connected(str(path))


@dataclass(frozen=True)
class Shelf:
    """Values by key. A value is what JSON holds, and bytes, times and tuples (told as lists)."""

    store: Store
    name: str

    def put(self, key: str, value: Any) -> None:
        self.store.execute(_PUT, self.name, key, encoded(value))

    def drop(self, key: str) -> None:
        """Nothing happens when there is none."""
        self.store.execute("DELETE FROM kept WHERE shelf = ? AND key = ?", self.name, key)

    def get(self, key: str) -> Any:
        """The value, or None."""
        found = self.store.execute(
            "SELECT value FROM kept WHERE shelf = ? AND key = ?", self.name, key
        )
        return decoded(found[0][0]) if found else None

    def all(self) -> dict[str, Any]:
        """Every value, in the order of the keys."""
        found = self.store.execute(
            "SELECT key, value FROM kept WHERE shelf = ? ORDER BY key", self.name
        )
        return {key: decoded(value) for key, value in found}


class Kept(MutableMapping[str, Any]):
    """A dictionary that is kept: what is set is on the shelf before the next line runs.

    A value that is changed in place is not seen: set it again.
    """

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._values = shelf.all()

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._shelf.put(key, value)
        self._values[key] = value

    def __delitem__(self, key: str) -> None:
        del self._values[key]
        self._shelf.drop(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def encoded(value: Any) -> str:
    """JSON, in which bytes and times are told apart from text."""
    return json.dumps(value, default=_told, separators=(",", ":"))


def decoded(text: str) -> Any:
    return json.loads(text, object_hook=_read)


def _told(value: Any) -> Any:
    match value:
        case datetime():
            return {"$time": value.astimezone(UTC).isoformat()}
        case bytes() | bytearray():
            return {"$bytes": base64.b64encode(value).decode()}
        case Mapping():
            return dict(value)
        case set() | frozenset():
            return sorted(value)
        case _:
            raise TypeError(f"{type(value).__name__} cannot be kept")


def _read(value: dict[str, Any]) -> Any:
    if len(value) == 1:
        if "$time" in value:
            return datetime.fromisoformat(value["$time"])
        if "$bytes" in value:
            return base64.b64decode(value["$bytes"])
    return value


def _connected(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = OFF")  # a killed process loses nothing by it
        _check(connection, path)
        connection.execute(_SCHEMA)
        connection.execute(f"PRAGMA user_version = {_FORMAT}")
    except BaseException:
        connection.close()
        raise
    return connection


def _check(connection: sqlite3.Connection, path: str) -> None:
    """Raise DatabaseError for damage, and StateError for what a later version wrote."""
    if connection.execute("PRAGMA quick_check").fetchone()[0] != "ok":
        raise sqlite3.DatabaseError("the file is damaged")
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    if found not in (0, _FORMAT):
        raise StateError(f"{path} was written by a later version ({found}); choose another")


def _aside(path: Path) -> Path:
    """Move a damaged file out of the way, and what belongs to it."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    kept = path.with_name(f"{path.name}.damaged-{stamp}")
    path.rename(kept)
    for suffix in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(kept.with_name(kept.name + suffix))
    return kept
