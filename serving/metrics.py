"""Counts what the server does, in Prometheus' text format."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_ROWS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256)


@dataclass(eq=False)
class Histogram:
    name: str
    help: str
    bounds: tuple[float, ...]
    counts: list[int] = field(init=False)
    total: float = 0.0

    def __post_init__(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def lines(self) -> list[str]:
        lines = _head(self.name, self.help, "histogram")
        below = 0
        for bound, count in zip(self.bounds, self.counts, strict=False):
            below += count
            lines.append(f'{self.name}_bucket{{le="{bound:g}"}} {below}')
        count = sum(self.counts)
        lines.append(f'{self.name}_bucket{{le="+Inf"}} {count}')
        return [*lines, f"{self.name}_sum {self.total:g}", f"{self.name}_count {count}"]


@dataclass(eq=False)
class Metrics:
    """Touched by the event loop only, so nothing here needs a lock."""

    model: str
    version: str
    digest: str
    requests: Counter[int] = field(default_factory=Counter)
    seconds: Histogram = field(
        default_factory=lambda: Histogram(
            "sluice_request_seconds", "From a whole invocation to its answer.", _SECONDS
        )
    )
    batches: Histogram = field(
        default_factory=lambda: Histogram("sluice_batch_rows", "Rows the model saw at once.", _ROWS)
    )

    def answered(self, status: int, seconds: float) -> None:
        self.requests[status] += 1
        self.seconds.observe(seconds)

    def text(self, *, waiting: int) -> bytes:
        labels = f'model="{self.model}",version="{self.version}",digest="{self.digest}"'
        lines = [
            *_head("sluice_model_info", "The model that answers.", "gauge"),
            f"sluice_model_info{{{labels}}} 1",
            *_head("sluice_requests_total", "Invocations by status code.", "counter"),
            *(
                f'sluice_requests_total{{code="{status}"}} {count}'
                for status, count in sorted(self.requests.items())
            ),
            *_head("sluice_queue_rows", "Rows that wait or are at work.", "gauge"),
            f"sluice_queue_rows {waiting}",
            *self.seconds.lines(),
            *self.batches.lines(),
        ]
        return ("\n".join(lines) + "\n").encode()


def _head(name: str, text: str, kind: str) -> list[str]:
    return [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
