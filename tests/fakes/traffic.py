"""What variants answered, as a test sets it."""

from datetime import datetime

from functions.aws.evidence import TrafficMetrics
from functions.endpoint import NO_TRAFFIC, Traffic
from tests.fakes.calls import Calls

PLENTY = Traffic(requests=500, errors=0, latency_p99=0.01)


class FakeTraffic(TrafficMetrics):
    """Traffic by variant, whatever the stretch of time."""

    def __init__(self, calls: Calls | None = None, *, everywhere: Traffic = NO_TRAFFIC) -> None:
        self.calls = calls or Calls()
        self.everywhere = everywhere
        self.of: dict[str, Traffic] = {}
        """What a variant answered, where it differs."""

    def read(self, model: str, *, variant: str, since: datetime, until: datetime) -> Traffic:
        with self.calls.one("traffic.read"):
            return self.of.get(variant, self.everywhere)
