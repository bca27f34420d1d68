"""One thread that calls things when their time has come."""

import heapq
import itertools
import logging
import time
from collections.abc import Callable
from threading import Condition, Thread

log = logging.getLogger("local.timers")
Action = Callable[[], None]


class Timers:
    """Calls actions at monotonic times, one after another; an action must be quick."""

    def __init__(self, name: str, *, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._name = name
        self._heap: list[tuple[float, int, Action]] = []
        self._numbers = itertools.count()
        self._changed = Condition()
        self._running = False

    def after(self, seconds: float, action: Action) -> None:
        """Call `action` once, `seconds` from now."""
        with self._changed:
            entry = (self._now() + seconds, next(self._numbers), action)
            heapq.heappush(self._heap, entry)
            self._changed.notify()

    def fire_due(self) -> int:
        """Call whatever is due; how many that were."""
        fired = 0
        while True:
            with self._changed:
                if not self._heap or self._heap[0][0] > self._now():
                    return fired
                _, _, action = heapq.heappop(self._heap)
            fired += 1
            try:
                action()
            except Exception:  # one action's fault must not stop the others
                log.exception("%s: an action failed", self._name)

    def start(self) -> None:
        self._running = True
        Thread(target=self._run, name=self._name, daemon=True).start()

    def stop(self) -> None:
        with self._changed:
            self._running = False
            self._changed.notify()

    def _run(self) -> None:
        while self._wait():
            self.fire_due()

    def _wait(self) -> bool:
        with self._changed:
            while self._running:
                if not self._heap:
                    self._changed.wait()
                    continue
                left = self._heap[0][0] - self._now()
                if left <= 0:
                    return True
                self._changed.wait(left)
            return False
