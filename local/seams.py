"""What the parts of the embedded AWS ask of each other."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol


class PutsMetrics(Protocol):
    def put(
        self,
        namespace: str,
        name: str,
        dimensions: Mapping[str, str],
        value: float,
        *,
        unit: str = "None",
        at: datetime | None = None,
    ) -> None: ...


class WritesLogs(Protocol):
    def write(self, group: str, stream: str, lines: Sequence[str]) -> None: ...


class SendsMessages(Protocol):
    def send(self, queue_arn: str, body: str, attributes: Mapping[str, str]) -> None: ...


class Disturbs(Protocol):
    """What becomes of an event before it is matched: seconds of delay, and the event, each time."""

    def events(self, event: dict[str, Any]) -> Sequence[tuple[float, dict[str, Any]]]: ...
