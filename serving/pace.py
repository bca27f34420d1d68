"""How many rows the model gets at once: what its measured speed, the objective and memory allow.

Sizes are buckets: powers of two up to the largest batch. For each the seconds of one batch are
known, from the warm-up at first and then from what the model really takes.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil, inf
from typing import Final

_NEW: Final = 0.1  # of each measurement in the running mean
_ENOUGH: Final = 0.97  # of the best throughput; the rest is not worth the wait
_BATCHES_BEFORE_GROWTH: Final = 500


def buckets(most: int) -> tuple[int, ...]:
    powers = (2**exponent for exponent in range(most.bit_length()))
    return (*(size for size in powers if size < most), most)


@dataclass(eq=False)
class Pace:
    """Touched by the model's thread only, but for `wait`."""

    sizes: tuple[int, ...]
    objective: float = inf  # seconds; of one request, from its arrival to its answer
    seconds: dict[int, float] = field(default_factory=dict)  # of a batch, by its bucket
    padded: bool = False  # the model only ever sees whole buckets
    ceiling: int = 0  # rows that memory allows
    limit: int = 0  # rows of the next batch
    _good: int = 0  # batches since memory was short

    def __post_init__(self) -> None:
        self.ceiling = self.sizes[-1]
        self._choose()

    def measured(self, seconds: Mapping[int, float]) -> None:
        self.seconds.update(seconds)
        self._choose()

    def bucket(self, rows: int) -> int:
        """The shape that so many rows are computed in."""
        return self.sizes[bisect_left(self.sizes, rows)]

    def observe(self, rows: int, seconds: float) -> None:
        """What a batch took; one far smaller than its bucket tells nothing of it."""
        size = self.bucket(rows)
        if self.padded or rows * 4 >= size * 3:
            before = self.seconds.get(size, seconds)
            self.seconds[size] = before + _NEW * (seconds - before)
        self._good += 1
        if self._good % _BATCHES_BEFORE_GROWTH == 0 and self.ceiling < self.sizes[-1]:
            self.ceiling = min(2 * self.ceiling, self.sizes[-1])
        if self._good & 31 == 0:
            self._choose()

    def shrink(self, rows: int) -> None:
        """Memory was short: so many rows went well at once, more did not."""
        self.ceiling, self._good = max(1, rows), 0
        self._choose()

    def wait(self, rows: int) -> int:
        """Whole seconds in which so many rows will have been computed."""
        taken = self.seconds.get(self.bucket(self.limit), 0.0)
        return max(1, ceil(rows / self.limit * taken))

    def _choose(self) -> None:
        self.limit = min(self._knee(self._allowed()), self.ceiling)

    def _allowed(self) -> list[int]:
        """Who comes just too late for one batch waits for two."""
        fast = [size for size in self.sizes if 2 * self.seconds.get(size, 0.0) <= self.objective]
        return fast or [self.sizes[0]]

    def _knee(self, sizes: list[int]) -> int:
        """The smallest batch that is nearly as good as the best: larger ones only wait longer."""
        rates = {size: size / self.seconds[size] for size in sizes if self.seconds.get(size)}
        if len(rates) < len(sizes):
            return sizes[-1]
        best = max(rates.values())
        return min(size for size, rate in rates.items() if rate >= _ENOUGH * best)
