"""Groups waiting requests into batches for one model thread.

Work-conserving: the moment the model is free it takes whatever waits, up to the largest batch, and
never sleeps for more to come. Full batches form by themselves under load.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice
from queue import SimpleQueue
from typing import Any

import numpy as np

from serving.model import Rows


@dataclass(frozen=True)
class Answered:
    predictions: list[Any]


@dataclass(frozen=True)
class Failed:
    """The model raised on this input, or wanted to exit; other inputs are not affected."""

    reason: str


Outcome = Answered | Failed


@dataclass(eq=False)
class Item:
    """One request's rows; `abandoned` once nobody waits for the answer any more."""

    rows: Rows
    done: Callable[[Outcome], None]
    abandoned: bool = False

    def abandon(self) -> None:
        self.abandoned = True


@dataclass(eq=False)
class Batcher:
    """`submit` and every `done` run on the caller's side; `post` carries calls over to it."""

    predict: Callable[[Rows], list[Any]]
    post: Callable[[Callable[[], None]], object]
    max_batch: int
    max_queued: int
    observe: Callable[[int], None] = lambda _rows: None
    prepare: Callable[[], None] = lambda: None  # the first that the model thread does
    clock: Callable[[], float] = time.monotonic
    stall_seconds: float = 60.0
    waiting: int = 0  # rows that wait or are at work; touched on the caller's side only
    _queue: SimpleQueue[Item | None] = field(default_factory=SimpleQueue)
    _thread: threading.Thread | None = None
    _began: float | None = None  # when the model got its present batch; written by its thread

    def start(self) -> None:
        self._thread = threading.Thread(target=self._work, name="model", daemon=True)
        self._thread.start()

    @property
    def is_full(self) -> bool:
        return self.waiting >= self.max_queued

    def fault(self) -> str | None:
        """Why nothing submitted now would be answered soon, if so."""
        if self._thread is None or not self._thread.is_alive():
            return "the model's thread is not there"
        began = self._began
        if began is not None and self.clock() - began > self.stall_seconds:
            return f"the model is at one batch for more than {self.stall_seconds:g} s"
        return None

    def submit(self, rows: Rows, done: Callable[[Outcome], None]) -> Item | None:
        """None when too many rows wait already; a lone request of any size is let in."""
        if self.waiting and self.waiting + len(rows) > self.max_queued:
            return None
        item = Item(rows, done)
        self.waiting += len(rows)
        self._queue.put(item)
        return item

    def stop(self, *, timeout: float) -> bool:
        """All submitted before is still answered. False when the model does not come back."""
        if self._thread is None:
            return True
        self._queue.put(None)
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _work(self) -> None:
        self.prepare()
        first = self._queue.get()
        while first is not None:
            batch, following = self._gather(first)
            rows = sum(len(item.rows) for item in batch)
            # Asked once: an item abandoned from here on still has its place among the answers.
            wanted = [item for item in batch if not item.abandoned]
            self._began = self.clock()
            outcomes = self._outcomes(wanted)
            self._began = None
            self.post(partial(self._deliver, rows, wanted, outcomes))
            first = following[0] if following else self._queue.get()

    def _gather(self, first: Item) -> tuple[list[Item], list[Item | None]]:
        """All that waits and fits; what did not fit any more opens the next batch."""
        batch, rows = [first], len(first.rows)
        while not self._queue.empty():
            item = self._queue.get()
            if item is None or rows + len(item.rows) > self.max_batch:
                return batch, [item]
            batch.append(item)
            rows += len(item.rows)
        return batch, []

    def _outcomes(self, items: list[Item]) -> list[Outcome]:
        """A batch that raises is halved until the input that does it stands alone."""
        if not items:
            return []
        rows = [item.rows for item in items]
        try:
            answers = self._answers(rows[0] if len(rows) == 1 else np.concatenate(rows))
        except BaseException as error:  # noqa: BLE001  # whatever a user's model does, the thread stays
            if len(items) == 1:
                return [Failed(f"{type(error).__name__}: {error}")]
            middle = len(items) // 2
            return self._outcomes(items[:middle]) + self._outcomes(items[middle:])
        return [Answered(list(islice(answers, len(item.rows)))) for item in items]

    def _answers(self, rows: Rows) -> Iterator[Any]:
        """A request of more rows than a batch goes through in slices, so memory stays bounded."""
        parts = [
            self.predict(rows[start : start + self.max_batch])
            for start in range(0, len(rows), self.max_batch)
        ]
        return chain.from_iterable(parts)

    def _deliver(self, rows: int, items: list[Item], outcomes: list[Outcome]) -> None:
        self.waiting -= rows
        if items:
            self.observe(sum(len(item.rows) for item in items))
        for item, outcome in zip(items, outcomes, strict=True):
            if not item.abandoned:
                item.done(outcome)
