"""What the parts of the embedded AWS ask of each other."""

from collections.abc import Mapping, Sequence, Set
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


class DisturbsMachines(Protocol):
    """What may go wrong with machines; those of jobs ask again and again."""

    def capacity(self, job: str, instance_type: str) -> bool:
        """Whether there is a machine of this type now."""
        ...

    def interrupt(self, job: str) -> bool:
        """Whether spot capacity is taken back now."""
        ...

    def breaks(self, job: str) -> bool:
        """Whether the machine fails now, through no fault of the container."""
        ...

    def strands(self, endpoint: str) -> bool:
        """Whether a rolling deployment that is to go back cannot."""
        ...


class ScalesVariants(Protocol):
    """Which variants Application Auto Scaling has in its hands."""

    def registered(self, endpoint: str) -> Set[str]: ...

    def forget(self, endpoint: str) -> None:
        """The endpoint is deleted."""
        ...


class Unscaled:
    """Nothing is scaled by itself."""

    def registered(self, endpoint: str) -> Set[str]:
        return frozenset()

    def forget(self, endpoint: str) -> None:
        """There is nothing to forget."""


class Undisturbed:
    """Machines that are always there and never fail."""

    def capacity(self, job: str, instance_type: str) -> bool:
        return True

    def interrupt(self, job: str) -> bool:
        return False

    def breaks(self, job: str) -> bool:
        return False

    def strands(self, endpoint: str) -> bool:
        return False
