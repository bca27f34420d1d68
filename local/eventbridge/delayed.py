"""Events that were held back on their way: kept until their time has come."""

import itertools
import time
from collections.abc import Collection
from datetime import timedelta
from typing import Any, Protocol

from local.clock import Clock
from local.eventbridge.inputs import Event
from local.store import Store
from local.timers import Timers


class Routes(Protocol):
    def __call__(self, bus: str, event: Event, only: Collection[str]) -> None: ...


class Delayed:
    """A delay is in real seconds: who holds events back chooses them."""

    def __init__(self, store: Store, clock: Clock, timers: Timers, route: Routes) -> None:
        self._store = store
        self._clock = clock
        self._timers = timers
        self._route = route
        self._shelf = store.shelf("events.delayed")
        self._numbers = itertools.count(time.time_ns())
        self._left = self._shelf.all()

    def keep(self, delay: float, bus: str, event: Event, only: Collection[str]) -> None:
        key = f"{next(self._numbers):020d}"
        due = self._clock.now() + timedelta(seconds=delay)
        record = {"bus": bus, "event": event, "only": list(only), "due": due}
        self._shelf.put(key, record)
        self._arm(key, record)

    def start(self) -> None:
        left, self._left = self._left, {}
        for key, record in left.items():
            self._arm(key, record)

    def _arm(self, key: str, record: dict[str, Any]) -> None:
        wait = max(0.0, (record["due"] - self._clock.now()).total_seconds())
        self._timers.after(wait, lambda: self._release(key, record))

    def _release(self, key: str, record: dict[str, Any]) -> None:
        self._route(record["bus"], record["event"], record["only"])
        self._shelf.drop(key)
