"""What the story measures beside itself: memory of every process, and the endpoint's weights."""

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import ceil
from threading import Event, Thread

import psutil

from functions.endpoint import EndpointView

_MEMORY_EVERY = 0.5
_WEIGHTS_EVERY = 0.05
_MEBIBYTE = 1 << 20


@dataclass
class Sampler:
    """Calls `sample` every so often until it is stopped."""

    sample: Callable[[], None]
    every: float
    _over: Event = field(default_factory=Event)

    def start(self) -> None:
        Thread(target=self._run, daemon=True).start()

    def stop(self) -> None:
        self._over.set()

    def _run(self) -> None:
        while not self._over.wait(self.every):
            with contextlib.suppress(Exception):  # a missed sample is not worth a story
                self.sample()


@dataclass
class Memory:
    """Peak resident memory of this process, the embedded AWS and all they started, in MiB."""

    roots: list[int]
    peak: float = 0.0

    def sample(self) -> None:
        seen: dict[int, int] = {}
        for root in self.roots:
            with contextlib.suppress(psutil.Error):
                process = psutil.Process(root)
                for each in [process, *process.children(recursive=True)]:
                    with contextlib.suppress(psutil.Error):
                        seen[each.pid] = each.memory_info().rss
        self.peak = max(self.peak, sum(seen.values()) / _MEBIBYTE)

    def sampler(self) -> Sampler:
        return Sampler(self.sample, _MEMORY_EVERY)


@dataclass(frozen=True)
class Look:
    """The endpoint as it was read back at a moment."""

    at: float
    status: str
    weights: Mapping[str, int]


@dataclass
class Weights:
    """The endpoint read back twenty times a second."""

    view: Callable[[], EndpointView | None]
    looks: list[Look] = field(default_factory=list)

    def sample(self) -> None:
        found = self.view()
        if found is not None:
            self.looks.append(Look(time.time(), found.status, dict(found.weights)))

    def sampler(self) -> Sampler:
        return Sampler(self.sample, _WEIGHTS_EVERY)

    def first_whole(self, variant: str, *, after: float) -> float | None:
        """When, after a moment, a variant was first seen in service with all traffic."""
        for look in self.looks:
            if look.at >= after and look.status == "InService" and look.weights.get(variant) == 100:
                return look.at
        return None


def percentile(values: list[float], percent: float) -> float | None:
    """The nearest-rank percentile; None of nothing."""
    if not values:
        return None
    return sorted(values)[max(1, ceil(percent / 100 * len(values))) - 1]
