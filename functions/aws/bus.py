"""The sluice bus: what was decided is said there, entry by entry checked."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from events.base import SOURCE, Event

if TYPE_CHECKING:
    from types_boto3_events.client import EventBridgeClient

_MOST_PER_CALL = 10


class PublishError(RuntimeError):
    """EventBridge did not take an event; the caller's retry says it again."""


class Bus:
    """Publishes events of ours."""

    def __init__(self, client: "EventBridgeClient", name: str) -> None:
        self._client = client
        self._name = name

    def publish(self, *events: Event) -> None:
        """Say all of `events`; raises PublishError when any was not taken."""
        for start in range(0, len(events), _MOST_PER_CALL):
            self._put(events[start : start + _MOST_PER_CALL])

    def _put(self, events: Sequence[Event]) -> None:
        answer = self._client.put_events(
            Entries=[
                {
                    "EventBusName": self._name,
                    "Source": SOURCE,
                    "DetailType": event.detail_type(),
                    "Detail": event.detail(),
                }
                for event in events
            ]
        )
        failed = [e for e in answer["Entries"] if "ErrorCode" in e]
        if failed:
            first = failed[0]
            raise PublishError(
                f"bus {self._name}: {len(failed)} of {len(events)} events not taken,"
                f" first: {first['ErrorCode']}: {first.get('ErrorMessage', '')}"
            )
