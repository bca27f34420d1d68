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


class DisturbsJobs(Protocol):
    """What may go wrong with a job's machines; asked again and again while a job lasts."""

    def capacity(self, job: str, instance_type: str) -> bool:
        """Whether there is a machine of this type now."""
        ...

    def interrupt(self, job: str) -> bool:
        """Whether spot capacity is taken back now."""
        ...

    def breaks(self, job: str) -> bool:
        """Whether the machine fails now, through no fault of the container."""
        ...


class Undisturbed:
    """Machines that are always there and never fail."""

    def capacity(self, job: str, instance_type: str) -> bool:
        return True

    def interrupt(self, job: str) -> bool:
        return False

    def breaks(self, job: str) -> bool:
        return False
