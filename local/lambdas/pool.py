"""The warm sandboxes of one function: reused, added under load, replaced with the code."""

import os
import time
from collections.abc import Callable
from threading import Condition

from local.errors import AwsError
from local.lambdas.function import Function
from local.lambdas.sandbox import Sandbox

MOST_SANDBOXES = min(8, 2 * (os.cpu_count() or 1))
KEEP_IDLE_SECONDS = 120.0
PATIENCE_SECONDS = 0.25

StartSandbox = Callable[[Function], Sandbox]


class Pool:
    """At most `limit` sandboxes of one version; who comes later waits for a free one.

    A busy sandbox is often free again before a new process has done its imports, so a new one is
    started only after a short patience.
    """

    def __init__(self, function: Function, start: StartSandbox, *, limit: int) -> None:
        self._function = function
        self._start = start
        self._limit = limit
        self._idle: list[Sandbox] = []
        self._busy: set[Sandbox] = set()
        self._stopped = False
        self._changed = Condition()

    @property
    def limit(self) -> int:
        return self._limit

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
                    raise AwsError("TooManyRequestsException", "Rate Exceeded.", status=429)
                sandbox = None if self._full() else self._warm()
                left = impatient - time.monotonic()
                if sandbox is None and not self._full() and (not self._busy or left <= 0):
                    sandbox = self._start(self._function)
                if sandbox is not None:
                    self._busy.add(sandbox)
                    return sandbox
                self._changed.wait(1.0 if self._full() else left)

    def release(self, sandbox: Sandbox) -> None:
        with self._changed:
            self._busy.discard(sandbox)
            current = sandbox.function is self._function and not self._stopped
            retired = self._surplus()
            if current and not sandbox.dead:
                self._idle.append(sandbox)
            else:
                retired.append(sandbox)
            self._changed.notify()
        for each in retired:
            each.kill()

    def prewarm(self) -> None:
        """One warm sandbox: the first event may take it even while it still imports."""
        with self._changed:
            if self._idle or self._busy or self._stopped or self._limit == 0:
                return
            sandbox = self._start(self._function)
            self._idle.append(sandbox)
        sandbox.wait_until_idle()

    def stop(self) -> None:
        """Ends every sandbox, also those at work."""
        with self._changed:
            self._stopped = True
            sandboxes, self._idle = [*self._idle, *self._busy], []
            self._changed.notify_all()
        for sandbox in sandboxes:
            sandbox.kill()

    def _full(self) -> bool:
        return len(self._busy) >= self._limit

    def _warm(self) -> Sandbox | None:
        """The idle sandbox used last; one that died meanwhile is forgotten."""
        while self._idle:
            sandbox = self._idle.pop()
            if not sandbox.dead:
                return sandbox
            sandbox.kill()
        return None

    def _surplus(self) -> list[Sandbox]:
        """Idle sandboxes that nobody needed for a while; the last one stays."""
        long_ago = time.monotonic() - KEEP_IDLE_SECONDS
        surplus = [each for each in self._idle[1:] if each.last_used < long_ago]
        self._idle = [each for each in self._idle if each not in surplus]
        return surplus
