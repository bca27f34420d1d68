"""The line before the model: fair between clients, in order for each of them.

Start-time fair queueing: a client's next request starts where its last one ends, counted in rows,
and never before the present. Who asks for ten thousand rows thus does not hold up who asks for one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from math import inf
from typing import Any, Final, NamedTuple

from serving.columns import Rows

_REMEMBERED: Final = 1024  # clients


@dataclass(frozen=True)
class Answered:
    predictions: list[Any]


@dataclass(frozen=True)
class Failed:
    """The model raised on this input, or wanted to exit; other inputs are not affected."""

    reason: str


@dataclass(frozen=True)
class OutOfMemory:
    """Not even one row of this input fits into memory."""

    reason: str


@dataclass(frozen=True)
class Expired:
    """Its time was over before the model was free for it."""


Outcome = Answered | Failed | OutOfMemory | Expired


@dataclass(eq=False)
class Item:
    """One request's rows; `abandoned` once nobody waits for the answer any more."""

    rows: Rows
    done: Callable[[Outcome], None]
    client: str = ""
    expires: float = inf
    queued: float = 0.0
    abandoned: bool = False
    begun: float = 0.0  # when the model got its first row
    taken: int = 0  # rows that the model had; the model's thread writes it
    answers: list[Any] = field(default_factory=list)

    def abandon(self) -> None:
        self.abandoned = True


class Part(NamedTuple):
    """Rows of one item, from `start` to before `stop`."""

    item: Item
    start: int
    stop: int

    @property
    def is_last(self) -> bool:
        return self.stop == len(self.item.rows)


@dataclass(eq=False)
class Line:
    """Touched by the model's thread only."""

    _heap: list[tuple[float, int, Item]] = field(default_factory=list)
    _ends: dict[str, float] = field(default_factory=dict)
    _now: float = 0.0
    _numbers: count[int] = field(default_factory=count)

    def __bool__(self) -> bool:
        return bool(self._heap)

    def join(self, item: Item) -> None:
        start = max(self._now, self._ends.get(item.client, 0.0))
        self._ends[item.client] = start + len(item.rows)
        heappush(self._heap, (start, next(self._numbers), item))

    def take(self, rows: int, *, now: float) -> tuple[list[Part], list[Part]]:
        """At most so many rows to compute, and what nobody wants any more."""
        parts: list[Part] = []
        dropped: list[Part] = []
        while self._heap and rows > 0:
            start, number, item = heappop(self._heap)
            self._now = start
            if item.abandoned or item.expires <= now:
                dropped.append(Part(item, item.taken, len(item.rows)))
                continue
            part = self._cut(item, rows, now)
            parts.append(part)
            rows -= part.stop - part.start
            if not part.is_last:
                heappush(self._heap, (start + part.stop - part.start, number, item))
        self._forget()
        return parts, dropped

    def _cut(self, item: Item, rows: int, now: float) -> Part:
        if item.taken == 0:
            item.begun = now
        part = Part(item, item.taken, min(item.taken + rows, len(item.rows)))
        item.taken = part.stop
        return part

    def _forget(self) -> None:
        if not self._heap:
            self._ends.clear()
        elif len(self._ends) > _REMEMBERED:
            self._ends = {name: end for name, end in self._ends.items() if end > self._now}
