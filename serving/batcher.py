"""Groups waiting requests into batches for one model thread.

Work-conserving: the moment the model is free it takes whatever waits, up to what its pace allows,
and never sleeps for more to come. Full batches form by themselves under load.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from queue import SimpleQueue
from typing import Any, Final

import numpy as np

from serving.budget import Budget
from serving.columns import Rows
from serving.line import Answered, Expired, Failed, Item, Line, Outcome, OutOfMemory, Part
from serving.pace import Pace

_SHARE: Final = 8  # times what is free in the queue one client may hold while others are there

Result = list[Any] | Failed | OutOfMemory


@dataclass(frozen=True)
class Batch:
    """What the model did in one go, and what it was spared."""

    parts: list[Part]
    results: list[Result]
    dropped: list[Part]
    seconds: float

    @property
    def rows(self) -> int:
        return _rows(self.parts)


@dataclass(eq=False)
class Batcher:
    """`submit` and every `done` run on the caller's side; `post` carries calls over to it."""

    predict: Callable[[Rows], list[Any]]
    post: Callable[[Callable[[], None]], object]
    pace: Pace
    max_queued: int
    bytes_queued: Budget = field(default_factory=lambda: Budget(2**62))
    observe: Callable[[Batch], None] = lambda _batch: None
    prepare: Callable[[], None] = lambda: None  # the first that the model thread does
    is_out_of_memory: Callable[[BaseException], bool] = lambda error: isinstance(error, MemoryError)
    clock: Callable[[], float] = time.monotonic
    stall_seconds: float = 60.0
    waiting: int = 0  # rows that wait or are at work; touched on the caller's side only
    _clients: dict[str, int] = field(default_factory=dict)  # rows of each; likewise
    _queue: SimpleQueue[Item | None] = field(default_factory=SimpleQueue)
    _line: Line = field(default_factory=Line)
    _thread: threading.Thread | None = None
    _began: float | None = None  # when the model got its present batch; written by its thread
    _stopped: bool = False
    _buffer: Rows | None = None  # what a batch is put together in
    _fitted: int = 0  # rows of the largest part of the present batch that memory was enough for
    _short: bool = False  # of memory, in the present batch

    def start(self) -> None:
        self._stopped = False
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

    def submit(
        self,
        rows: Rows,
        done: Callable[[Outcome], None],
        *,
        client: str = "",
        expires: float = float("inf"),
    ) -> Item | None:
        """None when too much waits already; a lone request of any size is let in."""
        if not self._has_room(len(rows), client) or not self.bytes_queued.take(rows.nbytes):
            return None
        item = Item(rows, done, client, expires, self.clock())
        self.waiting += len(rows)
        self._clients[client] = self._clients.get(client, 0) + len(rows)
        self._queue.put(item)
        return item

    def stop(self, *, timeout: float) -> bool:
        """All submitted before is still answered. False when the model does not come back."""
        if self._thread is None:
            return True
        self._queue.put(None)
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _has_room(self, rows: int, client: str) -> bool:
        """The fuller the queue, the less of it one of several clients may hold."""
        free = self.max_queued - self.waiting
        if not self.waiting or len(self._clients) < 2:
            return not self.waiting or rows <= free
        return rows <= free and self._clients.get(client, 0) + rows <= _SHARE * free

    # What the model's thread does

    def _work(self) -> None:
        self.prepare()
        while self._await_work():
            parts, dropped = self._line.take(self.pace.limit, now=self.clock())
            self.post(partial(self._deliver, self._compute(parts, dropped)))

    def _await_work(self) -> bool:
        """All that has arrived stands in line; False when nothing will come any more."""
        while not (self._stopped and self._queue.empty()):
            if self._line and self._queue.empty():
                return True
            item = self._queue.get()
            if item is None:
                self._stopped = True
            else:
                self._line.join(item)
        return bool(self._line)

    def _compute(self, parts: list[Part], dropped: list[Part]) -> Batch:
        self._fitted, self._short = 0, False
        self._began = began = self.clock()
        results = self._results(parts) if parts else []
        seconds = self.clock() - began
        self._began = None
        if self._short:
            self.pace.shrink(self._fitted)
        elif parts:
            self.pace.observe(_rows(parts), seconds)
        return Batch(parts, results, dropped, seconds)

    def _results(self, parts: list[Part]) -> list[Result]:
        """A batch that raises is halved until the input that does it stands alone."""
        try:
            return self._answers(parts)
        except BaseException as error:  # noqa: BLE001  # whatever a user's model does, the thread stays
            reason = f"{type(error).__name__}: {error}"
            short = self.is_out_of_memory(error)
        # Out here the error is gone, and with it what it held in memory.
        self._short |= short
        if len(parts) > 1:
            middle = len(parts) // 2
            return self._results(parts[:middle]) + self._results(parts[middle:])
        if short:
            return [self._in_halves(parts[0], reason)]
        return [self._failed(parts[0].item, Failed(reason))]

    def _in_halves(self, part: Part, reason: str) -> Result:
        if _rows([part]) == 1:
            return self._failed(part.item, OutOfMemory(reason))
        middle = (part.start + part.stop) // 2
        answers: list[Any] = []
        for half in (Part(part.item, part.start, middle), Part(part.item, middle, part.stop)):
            (result,) = self._results([half])
            if not isinstance(result, list):
                return result
            answers += result
        return answers

    def _failed(self, item: Item, failed: Failed | OutOfMemory) -> Failed | OutOfMemory:
        item.expires = -float("inf")  # what is left of it need not be computed
        return failed

    def _answers(self, parts: list[Part]) -> list[Result]:
        rows = self._together(parts)
        count = _rows(parts)
        answers = self.predict(rows)
        self._fitted = max(self._fitted, count)
        if len(parts) == 1:
            return [answers[:count]]
        results: list[Result] = []
        at = 0
        for _, start, stop in parts:
            results.append(answers[at : at + stop - start])
            at += stop - start
        return results

    def _together(self, parts: list[Part]) -> Rows:
        """One array of all rows; in whole buckets the last row stands for those that lack."""
        slices = [item.rows[start:stop] for item, start, stop in parts]
        count = _rows(parts)
        size = self.pace.bucket(count) if self.pace.padded else count
        if len(slices) == 1 and size == count:
            return slices[0]
        if self._buffer is None:
            shape = (self.pace.sizes[-1], *slices[0].shape[1:])
            self._buffer = np.empty(shape, dtype=np.float32)
        np.concatenate(slices, out=self._buffer[:count])
        self._buffer[count:size] = self._buffer[count - 1]
        return self._buffer[:size]

    # Back on the caller's side

    def _deliver(self, batch: Batch) -> None:
        self.observe(batch)
        for part in batch.dropped:
            self._gone(part)
            if not part.item.abandoned:
                self._finish(part.item, Expired())
        for part, result in zip(batch.parts, batch.results, strict=True):
            self._gone(part)
            if not part.item.abandoned:
                self._result(part, result)

    def _result(self, part: Part, result: Result) -> None:
        item = part.item
        if not isinstance(result, list):
            self._finish(item, result)
        elif part.start == 0 and part.is_last:
            item.done(Answered(result))
        else:
            item.answers += result
            if part.is_last:
                item.done(Answered(item.answers))

    def _finish(self, item: Item, outcome: Outcome) -> None:
        """The rest of the item, if any, comes back as dropped: nobody is told a second time."""
        item.abandon()
        item.done(outcome)

    def _gone(self, part: Part) -> None:
        rows, client = part.stop - part.start, part.item.client
        self.waiting -= rows
        self._clients[client] -= rows
        if not self._clients[client]:
            del self._clients[client]
        if part.is_last:
            self.bytes_queued.give(part.item.rows.nbytes)


def _rows(parts: list[Part]) -> int:
    return sum(stop - start for _, start, stop in parts)
