"""The journal of the requests that change moto's state, with the seed and time of each."""

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

from local.bodies import INLINE, Bodies
from local.http_messages import HttpRequest
from local.store import Store

_SCHEMA = """
CREATE TABLE IF NOT EXISTS journal (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at REAL NOT NULL, seed INTEGER NOT NULL, done INTEGER NOT NULL,
  method TEXT NOT NULL, path TEXT NOT NULL, query TEXT NOT NULL, headers TEXT NOT NULL,
  client TEXT NOT NULL, body BLOB, digest TEXT
)
"""
_INSERT = """
INSERT INTO journal (at, seed, done, method, path, query, headers, client, body, digest)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id
"""
_COLUMNS = "id, at, seed, done, method, path, query, headers, client, body, digest"


@dataclass(frozen=True)
class Entry:
    id: int
    at: float
    seed: int
    done: bool
    """Whether it was carried out to its end before the process was."""
    request: HttpRequest


class Journal:
    """Every entry in the order in which it was carried out."""

    def __init__(self, store: Store, bodies: Bodies) -> None:
        self._store = store
        self._bodies = bodies
        store.execute(_SCHEMA)

    def begin(self, request: HttpRequest, *, at: float, seed: int, done: bool = False) -> int:
        """Write the request down; the entry's id."""
        large = len(request.body) > INLINE
        body = None if large else request.body
        digest = self._bodies.put(request.body) if large else None
        headers = json.dumps(dict(request.headers))
        place = (request.method, request.path, request.query, headers, request.client)
        rows = self._store.execute(_INSERT, at, seed, int(done), *place, body, digest)
        return int(rows[0][0])

    def together(self) -> AbstractContextManager[None]:
        """A transaction of the store that the journal lies in."""
        return self._store.together()

    def finish(self, entry: int) -> None:
        self._store.execute("UPDATE journal SET done = 1 WHERE id = ?", entry)

    def forget(self, entry: int) -> None:
        """Drop an entry that changed nothing."""
        self._store.execute("DELETE FROM journal WHERE id = ?", entry)

    def cut(self, last: int) -> None:
        """Drop every entry up to `last`."""
        self._store.execute("DELETE FROM journal WHERE id <= ?", last)

    def last(self) -> int:
        return int(self._store.execute("SELECT coalesce(max(id), 0) FROM journal")[0][0])

    def __len__(self) -> int:
        return int(self._store.execute("SELECT count(*) FROM journal")[0][0])

    def digests(self) -> set[str]:
        """The large bodies that entries still need."""
        found = self._store.execute("SELECT digest FROM journal WHERE digest IS NOT NULL")
        return {row[0] for row in found}

    def entries(self) -> Iterator[Entry]:
        for (known,) in self._store.execute("SELECT id FROM journal ORDER BY id"):
            yield self._entry(known)

    def _entry(self, known: int) -> Entry:
        statement = f"SELECT {_COLUMNS} FROM journal WHERE id = ?"
        row = self._store.execute(statement, known)[0]
        number, at, seed, done, method, path, query, headers, client, body, digest = row
        read = body if digest is None else self._bodies.get(digest)
        request = HttpRequest(method, path, query, json.loads(headers), bytes(read), client)
        return Entry(number, at, seed, bool(done), request)
