"""SQS's own metrics: how many messages lie in each queue, told twice a (scaled) minute."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from local.clock import Clock
from local.cloud import Account
from local.seams import PutsMetrics
from local.timers import Timers

_NAMESPACE = "AWS/SQS"
_PERIOD = 30.0
_SHORTEST_WAIT = 0.05
_QUIET_WAITS = 120
"""A queue that stays empty is told of once in so many looks: it says nothing new."""


@dataclass(frozen=True)
class Depth:
    queue: str
    visible: int
    in_flight: int
    delayed: int

    def told(self) -> Mapping[str, int]:
        return {
            "ApproximateNumberOfMessagesVisible": self.visible,
            "ApproximateNumberOfMessagesNotVisible": self.in_flight,
            "ApproximateNumberOfMessagesDelayed": self.delayed,
        }


class QueueMetrics:
    def __init__(
        self, clock: Clock, metrics: PutsMetrics, depths: Callable[[], Iterable[Depth]]
    ) -> None:
        self._clock = clock
        self._metrics = metrics
        self._depths = depths
        self._timers = Timers("queue-metrics")
        self._quiet: dict[str, int] = {}

    def start(self) -> None:
        self._timers.start()
        self._tick()

    def stop(self) -> None:
        self._timers.stop()

    def measure(self) -> None:
        """Put what lies in the queues now."""
        for depth in self._depths():
            if self._says_nothing_new(depth):
                continue
            for name, value in depth.told().items():
                dimensions = {"QueueName": depth.queue}
                self._metrics.put(_NAMESPACE, name, dimensions, value, unit="Count")

    def _says_nothing_new(self, depth: Depth) -> bool:
        """Whether it was told a short while ago that this queue is empty, and it still is."""
        if any(depth.told().values()):
            self._quiet.pop(depth.queue, None)
            return False
        waited = self._quiet.get(depth.queue, _QUIET_WAITS)
        told = waited >= _QUIET_WAITS
        self._quiet[depth.queue] = 0 if told else waited + 1
        return not told

    def _tick(self) -> None:
        wait = max(_SHORTEST_WAIT, self._clock.scaled(_PERIOD))
        self._timers.after(wait, self._tick)
        self.measure()


def depths_in_moto(account: Account) -> Callable[[], list[Depth]]:
    """Read where moto keeps them: a call per queue and tick would cost too much."""

    def depths() -> list[Depth]:
        from moto.backends import get_backend

        backend: Any = get_backend("sqs")[account.id][account.region]
        return [
            Depth(
                name,
                queue.approximate_number_of_messages,
                queue.approximate_number_of_messages_not_visible,
                queue.approximate_number_of_messages_delayed,
            )
            for name, queue in list(backend.queues.items())
        ]

    return depths
