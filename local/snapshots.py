"""Snapshots of moto's state, so that the journal stays short and a start quick."""

import gc
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from local.bodies import Bodies
from local.journal import Journal
from local.object_graph import Decoder, Encoder, UnkeepableError
from local.store import StateError, Store

_SCHEMA = "CREATE TABLE IF NOT EXISTS moto_snapshot (nodes TEXT NOT NULL, digests TEXT NOT NULL)"
log = logging.getLogger("local.moto")


class Snapshots:
    """At most one is kept: what the journal had led to when it was cut."""

    def __init__(self, store: Store, journal: Journal, bodies: Bodies) -> None:
        self._store = store
        self._journal = journal
        self._bodies = bodies
        store.execute(_SCHEMA)

    def restore(self) -> None:
        """Put moto's backends into the kept state; raises StateError when that cannot be."""
        rows = self._store.execute("SELECT nodes, digests FROM moto_snapshot")
        if not rows:
            return
        try:
            with _no_collection():
                kept = Decoder(json.loads(rows[0][0]), self._bodies, _found).decode()
        except (UnkeepableError, OSError, KeyError, ImportError) as error:
            raise StateError(f"the state kept of moto cannot be read: {error}") from error
        for name, attributes in kept.items():
            backend = _found(name)
            backend.__dict__.clear()
            backend.__dict__.update(attributes)

    def taken(self) -> "tuple[list[Any], set[str], int]":
        """The state as it is now, the bodies it needs and the entry that led to it.

        While nothing changes, please; raises UnkeepableError for an object without a form.
        """
        encoder = Encoder(self._bodies, _name)
        return encoder.encode(_backends()), encoder.digests, self._journal.last()

    def keep(self, nodes: list[Any], digests: set[str], last: int) -> None:
        """Cut the journal, once the snapshot was read back the same; raises UnkeepableError."""
        again = Encoder(self._bodies, _name)
        if again.encode(Decoder(nodes, self._bodies, _found).decode()) != nodes:
            raise UnkeepableError("the snapshot reads back differently")
        with self._store.together():
            self._store.execute("DELETE FROM moto_snapshot")
            self._store.execute(
                "INSERT INTO moto_snapshot VALUES (?, ?)",
                json.dumps(nodes, separators=(",", ":")),
                json.dumps(sorted(digests)),
            )
            self._journal.cut(last)

    def sweep(self) -> None:
        """Delete the bodies that nothing needs; only while nothing is written."""
        rows = self._store.execute("SELECT digests FROM moto_snapshot")
        kept = {digest for row in rows for digest in json.loads(row[0])}
        self._bodies.keep(kept | self._journal.digests())


@contextmanager
def _no_collection() -> Iterator[None]:
    """What is made here stays: looking through it for garbage again and again takes most time."""
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()


def _backends() -> dict[str, Any]:
    from moto.core.base_backend import BackendDict

    found: dict[str, Any] = {}
    for service in list(BackendDict._instances):  # type: ignore[misc]  # moto's own list
        for account, region, backend in service.iter_backends():
            found[f"{service.service_name}|{account}|{region}"] = backend.__dict__
    return found


def _name(value: Any) -> str | None:
    """The name of a backend, nothing for what is none."""
    from moto.core.base_backend import BackendDict, BaseBackend

    if not isinstance(value, BaseBackend):
        return None
    for service in list(BackendDict._instances):  # type: ignore[misc]  # moto's own list
        for account, region, backend in service.iter_backends():
            if backend is value:
                return f"{service.service_name}|{account}|{region}"
    raise UnkeepableError(f"{type(value).__name__} is no backend of an account")


def _found(name: str) -> Any:
    from moto import backends

    service, account, region = name.split("|")
    return backends.get_backend(service)[account][region]  # type: ignore[call-overload]  # a name
