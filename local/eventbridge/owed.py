"""Which event is still owed to whom: kept before the event counts as accepted."""

import itertools
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from local.eventbridge.inputs import Event
from local.store import Store


@dataclass(frozen=True)
class Delivery:
    """One event on its way to one target."""

    target: Mapping[str, Any]
    rule: str
    rule_arn: str
    tries: int = 1
    age: float = 0.0
    """Seconds that AWS would have been at it."""

    @property
    def arn(self) -> str:
        return str(self.target["Arn"])


@dataclass
class Accepted:
    """An event, and the deliveries that are left of it."""

    key: str
    event: Event
    ingested: str
    owed: dict[int, Delivery] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        owed = [vars(each) for each in self.owed.values()]
        return {"event": self.event, "ingested": self.ingested, "owed": owed}

    @classmethod
    def read(cls, key: str, record: Mapping[str, Any]) -> "Accepted":
        owed = {number: Delivery(**each) for number, each in enumerate(record["owed"])}
        return cls(key, record["event"], record["ingested"], owed)


class Owed:
    """One write when an event is accepted, one when nothing is owed any more."""

    def __init__(self, store: Store) -> None:
        self._lock = store.lock
        self._shelf = store.shelf("events.owed")
        self._numbers = itertools.count(time.time_ns())
        self._left = self._shelf.all()

    def accept(self, event: Event, ingested: str, owed: Iterable[Delivery]) -> Accepted:
        key = f"{next(self._numbers):020d}"
        accepted = Accepted(key, event, ingested, dict(enumerate(owed)))
        if accepted.owed:
            self._shelf.put(key, accepted.record())
        return accepted

    def settle(self, accepted: Accepted, number: int) -> None:
        with self._lock:
            accepted.owed.pop(number, None)
            if not accepted.owed:
                self._shelf.drop(accepted.key)

    def postpone(self, accepted: Accepted, number: int, pause: float) -> None:
        """What was tried keeps its tries and its age."""
        with self._lock:
            before = accepted.owed[number]
            after = replace(before, tries=before.tries + 1, age=before.age + pause)
            accepted.owed[number] = after
            self._shelf.put(accepted.key, accepted.record())

    def left(self) -> list[Accepted]:
        """What was owed when the process ended; told once."""
        left, self._left = self._left, {}
        return [Accepted.read(key, record) for key, record in left.items()]
