"""What SQS tells CloudWatch of its queues."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from local.clock import Clock
from local.queue_metrics import Depth, QueueMetrics


@dataclass
class Recorded:
    seen: list[tuple[str, str, dict[str, str], float]] = field(default_factory=list)

    def put(
        self,
        namespace: str,
        name: str,
        dimensions: Mapping[str, str],
        value: float,
        *,
        unit: str = "None",
        at: datetime | None = None,
    ) -> None:
        self.seen.append((namespace, name, dict(dimensions), value))

    def visible(self) -> list[float]:
        return [v for _, n, _, v in self.seen if n == "ApproximateNumberOfMessagesVisible"]


def test_what_lies_in_a_queue_is_told_at_every_look() -> None:
    metrics = Recorded()
    queues = QueueMetrics(Clock(), metrics, lambda: [Depth("letters", 3, 1, 0)])

    queues.measure()
    queues.measure()

    assert metrics.visible() == [3, 3]
    assert metrics.seen[1] == (
        "AWS/SQS",
        "ApproximateNumberOfMessagesNotVisible",
        {"QueueName": "letters"},
        1,
    )


def test_an_empty_queue_is_told_of_once_and_again_after_it_was_not() -> None:
    metrics = Recorded()
    depths = iter([0, 0, 0, 2, 0, 0])
    queues = QueueMetrics(Clock(), metrics, lambda: [Depth("letters", next(depths), 0, 0)])

    for _ in range(6):
        queues.measure()

    assert metrics.visible() == [0, 2, 0]


def test_a_queue_that_stays_empty_is_not_forgotten() -> None:
    metrics = Recorded()
    queues = QueueMetrics(Clock(), metrics, lambda: [Depth("letters", 0, 0, 0)])

    for _ in range(300):
        queues.measure()

    assert metrics.visible() == [0, 0, 0]
