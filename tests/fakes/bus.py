"""Both event buses in memory: what was said lies in one queue of EventBridge envelopes."""

import json
from collections import deque
from datetime import UTC, datetime
from typing import Any

from events.base import SOURCE, Event
from events.foreign import Foreign
from functions.aws.bus import Bus
from tests.fakes.calls import Calls

Envelope = dict[str, Any]


class FakeBus(Bus):
    """Takes every event; AWS's own come in by `happens`."""

    def __init__(self, calls: Calls | None = None) -> None:
        self.calls = calls or Calls()
        self.queue: deque[Envelope] = deque()
        self.said: list[Event] = []
        self.silent: set[type[Foreign]] = set()
        """The AWS events that get lost."""

    def publish(self, *events: Event) -> None:
        with self.calls.one("bus.publish"):
            for event in events:
                self.said.append(event)
                detail = json.loads(event.detail())
                self._enqueue(SOURCE, event.detail_type(), detail)

    def happens(self, kind: type[Foreign], detail: dict[str, Any]) -> None:
        """AWS says that something changed, unless the event gets lost."""
        if kind not in self.silent:
            self._enqueue(kind.source, kind.detail_types[0], detail)

    def names(self) -> list[str]:
        """The names of our events, in the order they were said."""
        return [event.detail_type() for event in self.said]

    def _enqueue(self, source: str, detail_type: str, detail: dict[str, Any]) -> None:
        self.queue.append(envelope(source, detail_type, detail, number=len(self.queue)))


def envelope(source: str, detail_type: str, detail: dict[str, Any], *, number: int = 0) -> Envelope:
    """`detail` as EventBridge hands it to a target."""
    return {
        "version": "0",
        "id": f"00000000-0000-4000-8000-{number:012d}",
        "detail-type": detail_type,
        "source": source,
        "account": "123456789012",
        "time": datetime(2026, 11, 24, 12, tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": "us-east-1",
        "resources": [],
        "detail": detail,
    }
