"""Counts what the server does, in Prometheus' text format."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
CLASSES: Final = 100  # of predictions told apart; a label for each of any number would be no bound
_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_ROWS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
_DECADES: Final = (0.001, 0.01, 0.1, 1.0, 10.0, 100.0, 1000.0)
_VALUES: Final = (*(-each for each in reversed(_DECADES)), 0.0, *_DECADES)
_ESCAPED: Final = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


@dataclass(eq=False)
class Histogram:
    name: str
    help: str
    bounds: tuple[float, ...]
    labels: str = ""  # as they are written, without braces
    counts: list[int] = field(init=False)
    total: float = 0.0

    def __post_init__(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def lines(self) -> list[str]:
        return [*_head(self.name, self.help, "histogram"), *self.samples()]

    def samples(self) -> list[str]:
        lines, below = [], 0
        more, alone = (f"{self.labels},", f"{{{self.labels}}}") if self.labels else ("", "")
        for bound, count in zip(self.bounds, self.counts, strict=False):
            below += count
            lines.append(f'{self.name}_bucket{{{more}le="{bound:g}"}} {below}')
        count = sum(self.counts)
        lines.append(f'{self.name}_bucket{{{more}le="+Inf"}} {count}')
        return [
            *lines,
            f"{self.name}_sum{alone} {self.total:g}",
            f"{self.name}_count{alone} {count}",
        ]


class Phases:
    """Where the time of an answered invocation went, one after the other."""

    NAME: Final = "sluice_phase_seconds"
    HELP: Final = "Of an answered invocation: receive, parse, queue, answer."

    def __init__(self) -> None:
        self._receive, self._parse, self._queue, self._answer = self._all = tuple(
            Histogram(self.NAME, self.HELP, _SECONDS, f'phase="{phase}"')
            for phase in ("receive", "parse", "queue", "answer")
        )

    def observe(self, *, receive: float, parse: float, queue: float, answer: float) -> None:
        self._receive.observe(receive)
        self._parse.observe(parse)
        self._queue.observe(queue)
        self._answer.observe(answer)

    def lines(self) -> list[str]:
        samples = [line for each in self._all for line in each.samples()]
        return [*_head(self.NAME, self.HELP, "histogram"), *samples]


class Predictions:
    """What a version answers: classes by name, numbers by size. Anything else is not counted."""

    NAME: Final = "sluice_predictions_total"
    HELP: Final = "Predictions of a class, by version."

    def __init__(self, version: str) -> None:
        self._version = f'version="{version}"'
        self._classes: Counter[Any] = Counter()
        self._others = 0
        self._values = Histogram(
            "sluice_prediction_value", "Predictions that are numbers.", _VALUES, self._version
        )

    def count(self, predictions: list[Any]) -> None:
        if not predictions:
            return
        kind = type(predictions[0])
        if kind is float:
            for value in predictions:
                self._values.observe(value)
        elif kind in {int, str, bool}:
            self._classes.update(predictions)
            if len(self._classes) > CLASSES:
                self._bound()

    def lines(self) -> list[str]:
        said: Mapping[str, int] = {
            str(each).translate(_ESCAPED): count for each, count in self._classes.items()
        }
        if self._others:
            said = {**said, "other": said.get("other", 0) + self._others}
        return [
            *_head(self.NAME, self.HELP, "counter"),
            *(
                f'{self.NAME}{{{self._version},prediction="{each}"}} {count}'
                for each, count in said.items()
            ),
            *(self._values.lines() if any(self._values.counts) else []),
        ]

    def _bound(self) -> None:
        """Those that came first keep their name."""
        for each in list(self._classes)[CLASSES:]:
            self._others += self._classes.pop(each)


@dataclass(eq=False)
class Metrics:
    """Touched by the event loop only, so nothing here needs a lock."""

    model: str
    version: str
    digest: str
    requests: Counter[int] = field(default_factory=Counter)
    seconds: Histogram = field(
        default_factory=lambda: Histogram(
            "sluice_request_seconds", "From an invocation's first byte to its answer.", _SECONDS
        )
    )
    phases: Phases = field(default_factory=Phases)
    batches: Histogram = field(
        default_factory=lambda: Histogram("sluice_batch_rows", "Rows the model saw at once.", _ROWS)
    )
    computing: Histogram = field(
        default_factory=lambda: Histogram(
            "sluice_batch_seconds", "What the model took for a batch.", _SECONDS
        )
    )
    predictions: Predictions = field(init=False)

    def __post_init__(self) -> None:
        self.predictions = Predictions(self.version)

    def answered(self, status: int, seconds: float) -> None:
        self.requests[status] += 1
        self.seconds.observe(seconds)

    def batch(self, rows: int, seconds: float) -> None:
        if rows:
            self.batches.observe(rows)
            self.computing.observe(seconds)

    def text(self, *, waiting: int, waiting_bytes: int = 0, limit: int = 0) -> bytes:
        labels = f'model="{self.model}",version="{self.version}",digest="{self.digest}"'
        lines = [
            *_head("sluice_model_info", "The model that answers.", "gauge"),
            f"sluice_model_info{{{labels}}} 1",
            *_head("sluice_requests_total", "Invocations by status code.", "counter"),
            *(
                f'sluice_requests_total{{code="{status}"}} {count}'
                for status, count in sorted(self.requests.items())
            ),
            *_gauge("sluice_queue_rows", "Rows that wait or are at work.", waiting),
            *_gauge("sluice_queue_bytes", "Bytes of those rows.", waiting_bytes),
            *_gauge("sluice_batch_limit_rows", "Rows of the next batch at most.", limit),
            *self.seconds.lines(),
            *self.phases.lines(),
            *self.batches.lines(),
            *self.computing.lines(),
            *self.predictions.lines(),
        ]
        return ("\n".join(lines) + "\n").encode()


def _head(name: str, text: str, kind: str) -> list[str]:
    return [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]


def _gauge(name: str, text: str, value: int) -> list[str]:
    return [*_head(name, text, "gauge"), f"{name} {value}"]
