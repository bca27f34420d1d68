"""What variants answered, as a test sets it."""

from dataclasses import replace
from datetime import datetime

from functions.aws.evidence import TrafficMetrics
from functions.endpoint import NO_TRAFFIC, Traffic
from tests.builders import traffic
from tests.fakes.calls import Calls

PLENTY = traffic(500)


class FakeTraffic(TrafficMetrics):
    """Traffic by variant, whatever the stretch of time: all of it in its last minute."""

    def __init__(self, calls: Calls | None = None, *, everywhere: Traffic = NO_TRAFFIC) -> None:
        self.calls = calls or Calls()
        self.everywhere = everywhere
        self.of: dict[str, Traffic] = {}
        """What a variant answered, where it differs."""

    def read(
        self,
        model: str,
        *,
        variant: str,
        since: datetime,
        until: datetime,
        slower_than: float | None = None,
    ) -> Traffic:
        with self.calls.one("traffic.read"):
            return moved(self.of.get(variant, self.everywhere), until)


def moved(told: Traffic, at: datetime) -> Traffic:
    """The same, answered at another time."""
    return Traffic(tuple(replace(each, at=at) for each in told.minutes))
