"""Asynchronous events that were accepted and are not at their end: kept until they are."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from local.store import Shelf


@dataclass(frozen=True)
class QueuedEvent:
    payload: bytes
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    attempts: int = 0
    throttles: int = 0
    queued_at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True)
class Waiting:
    """An event and when it is due."""

    event: QueuedEvent
    due: datetime


@dataclass(frozen=True)
class Accepted:
    """The events of one function (by its ARN with a qualifier)."""

    shelf: Shelf
    function: str

    def keep(self, event: QueuedEvent, due: datetime) -> None:
        self.shelf.put(event.request_id, {"function": self.function, "due": due, **vars(event)})

    def forget(self, event: QueuedEvent) -> None:
        self.shelf.drop(event.request_id)


def left_over(shelf: Shelf) -> Iterator[tuple[str, Waiting]]:
    """What an earlier process accepted and did not finish, with its function's ARN."""
    for kept in sorted(shelf.all().values(), key=_due):
        function, due = kept.pop("function"), kept.pop("due")
        yield function, Waiting(QueuedEvent(**kept), due)


def _due(kept: dict[str, Any]) -> datetime:
    moment: datetime = kept["due"]
    return moment
