"""The warm sandboxes of one function: reused, added under load, replaced with the code."""

import os
import time
from collections.abc import Callable
from threading import Condition

from local.errors import AwsError
from local.lambdas.function import Function
from local.lambdas.sandbox import Sandbox, StartSandbox

MOST_STARTING = os.cpu_count() or 1
KEEP_IDLE_SECONDS = 30.0
PATIENCE_SECONDS = 0.25


class Pool:
    """At most `limit` sandboxes of a function at work; who comes later waits for a free one.

    A busy sandbox is often free again before a new process has done its imports, so a new one is
    started only after a short patience, and only while few others are still importing.
    """

    def __init__(
        self,
        function: Function,
        start: StartSandbox,
        *,
        limit: int,
        elsewhere: Callable[[], int] = lambda: 0,
    ) -> None:
        """`elsewhere` counts what is at work for other versions of the function."""
        self._function = function
        self._start = start
        self._limit = limit
        self._elsewhere = elsewhere
        self._idle: list[Sandbox] = []
        self._busy: set[Sandbox] = set()
        self._starting = 0
        self._warming = 0
        self._stopped = False
        self._changed = Condition()

    @property
    def limit(self) -> int:
        return self._limit

    @property
    def at_work(self) -> int:
        return len(self._busy) + self._starting

    @property
    def size(self) -> int:
        """How many processes it has or is about to have."""
        return len(self._idle) + self._warming + self.at_work

    def resize(self, limit: int) -> None:
        with self._changed:
            self._limit = limit
            self._changed.notify_all()

    def replace(self, function: Function) -> None:
        """From now on new code or configuration; busy sandboxes end with their event."""
        with self._changed:
            self._function = function
            retired, self._idle = self._idle, []
        for sandbox in retired:
            sandbox.kill()

    def acquire(self, *, wait: bool = True) -> Sandbox:
        """A sandbox for one event; TooManyRequestsException when the limit forbids it."""
        impatient = time.monotonic() + PATIENCE_SECONDS
        with self._changed:
            while True:
                if self._stopped or self._limit == 0 or (self._full() and not wait):
                    raise throttled("ReservedFunctionConcurrentInvocationLimitExceeded")
                sandbox = None if self._full() else self._warm()
                if sandbox is not None:
                    self._busy.add(sandbox)
                    return sandbox
                left = impatient - time.monotonic()
                if self._may_start(left):
                    self._starting += 1
                    break
                self._changed.wait(left if left > 0 else 0.1)
        return self._started()

    def release(self, sandbox: Sandbox) -> None:
        with self._changed:
            self._busy.discard(sandbox)
            current = sandbox.function is self._function and not self._stopped
            retired = not current or sandbox.dead
            if not retired:
                self._idle.append(sandbox)
            self._changed.notify()
        if retired:
            sandbox.kill()

    def prewarm(self) -> None:
        """One warm sandbox: the first event may take it even while it still imports."""
        with self._changed:
            if self.size or self._stopped or self._limit == 0:
                return
            self._warming += 1
        try:
            sandbox = self._start(self._function)
        finally:
            with self._changed:
                self._warming -= 1
        self.release(sandbox)
        sandbox.wait_until_idle()

    def trim(self, *, idle_for: float = KEEP_IDLE_SECONDS, keep: int = 1) -> int:
        """End idle sandboxes that nobody needed for a while; how many."""
        long_ago = time.monotonic() - idle_for
        with self._changed:
            spare = self._idle[: max(0, self.size - keep)]
            retired = [each for each in spare if each.last_used < long_ago]
            self._idle = [each for each in self._idle if each not in retired]
        for sandbox in retired:
            sandbox.kill()
        return len(retired)

    def stop(self) -> None:
        """Ends every sandbox, also those at work."""
        with self._changed:
            self._stopped = True
            sandboxes, self._idle = [*self._idle, *self._busy], []
            self._changed.notify_all()
        for sandbox in sandboxes:
            sandbox.kill()
        for sandbox in sandboxes:
            sandbox.wait_until_gone()

    def _started(self) -> Sandbox:
        """A new process, whose place was counted before; the lock is free meanwhile."""
        try:
            sandbox = self._start(self._function)
        except BaseException:
            with self._changed:
                self._starting -= 1
                self._changed.notify()
            raise
        with self._changed:
            self._starting -= 1
            self._busy.add(sandbox)
            stopped = self._stopped
        if stopped:
            sandbox.kill()
        return sandbox

    def _full(self) -> bool:
        return self.at_work + self._elsewhere() >= self._limit

    def _may_start(self, patience_left: float) -> bool:
        if self._full():
            return False
        importing = self._starting + sum(not each.ready for each in self._busy)
        nobody = not self._busy and not self._starting and not self._warming
        return nobody or (patience_left <= 0 and importing < MOST_STARTING)

    def _warm(self) -> Sandbox | None:
        """The idle sandbox used last; one that died meanwhile is forgotten."""
        while self._idle:
            sandbox = self._idle.pop()
            if not sandbox.dead:
                return sandbox
            sandbox.kill()
        return None


def throttled(reason: str) -> AwsError:
    details = {"Reason": reason, "Type": "User"}
    return AwsError("TooManyRequestsException", "Rate Exceeded.", status=429, details=details)
