"""What the parts of the embedded AWS ask of each other."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol


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
