"""Runs events in sandboxes: one pool per function version, one bound for all."""

import logging
import os
import queue
import time
import uuid
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from threading import Lock, Thread
from weakref import WeakValueDictionary

from local.clock import Clock
from local.cloud import Account
from local.errors import AwsError
from local.lambdas.code import CodeStore
from local.lambdas.environment import access_key, log_stream, sandbox_environment
from local.lambdas.function import Function
from local.lambdas.pool import Pool, throttled
from local.lambdas.report import ended
from local.lambdas.runtime_api import Outcome, Task
from local.lambdas.sandbox import Sandbox
from local.seams import PutsMetrics, WritesLogs

PREWARM_THREADS = 2
TRIM_SECONDS = 10.0
LEAST_SANDBOXES = 64
_SANDBOX_BYTES = 64 << 20
ASYNC_SANDBOXES = min(8, 2 * (os.cpu_count() or 1))
"""Of one function; its later asynchronous events wait, so that a flood does not fill the memory."""
log = logging.getLogger("local.lambdas")


def most_sandboxes() -> int:
    """What fits into a quarter of the machine's memory, and 64 in any case."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min(1000, max(LEAST_SANDBOXES, memory // 4 // _SANDBOX_BYTES))


class Invoker:
    """Prewarms new functions in the background, few at a time."""

    def __init__(
        self,
        account: Account,
        clock: Clock,
        logs: WritesLogs,
        metrics: PutsMetrics,
        code: CodeStore,
    ) -> None:
        self._account = account
        self._clock = clock
        self._logs = logs
        self._metrics = metrics
        self._code = code
        self._most = most_sandboxes()
        self._pools: dict[str, Pool] = {}
        self._lock = Lock()
        self._sandboxes: WeakValueDictionary[str, Sandbox] = WeakValueDictionary()
        self._to_warm: queue.Queue[Pool | None] = queue.Queue()

    def start(self) -> None:
        self._code.clear()
        for _ in range(PREWARM_THREADS):
            Thread(target=self._prewarm, name="lambda-prewarm", daemon=True).start()

    def stop(self) -> None:
        for _ in range(PREWARM_THREADS):
            self._to_warm.put(None)
        with self._lock:
            pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            pool.stop()

    def deploy(self, function: Function, *, limit: int | None, warm: bool = True) -> None:
        """New or changed function: its next event meets this code, warm if time allows."""
        size = self._most if limit is None else min(limit, self._most)
        with self._lock:
            pool = self._pools.get(function.qualified_arn)
            if pool is None:
                elsewhere = partial(self._elsewhere, function)
                pool = Pool(function, self._start_sandbox, limit=size, elsewhere=elsewhere)
                self._pools[function.qualified_arn] = pool
        pool.replace(function)
        if warm:
            self._to_warm.put(pool)

    def resize(self, function: Function, limit: int | None) -> None:
        size = self._most if limit is None else min(limit, self._most)
        self._pool(function).resize(size)

    def remove(self, function: Function) -> None:
        with self._lock:
            pool = self._pools.pop(function.qualified_arn, None)
        if pool is not None:
            pool.stop()

    def workers(self, function: Function) -> int:
        """How many asynchronous events of a function are tried at once."""
        return min(ASYNC_SANDBOXES, self._pool(function).limit)

    def run(
        self,
        function: Function,
        payload: bytes,
        *,
        request_id: str = "",
        arn: str = "",
        wait: bool = True,
    ) -> Outcome:
        """One event through one sandbox; AwsError when throttled."""
        pool = self._pool(function)
        dimensions = {"FunctionName": function.name}
        try:
            sandbox = pool.acquire(wait=wait)
        except AwsError:
            self._metrics.put("AWS/Lambda", "Throttles", dimensions, 1.0, unit="Count")
            raise
        task = Task(request_id or str(uuid.uuid4()), payload, arn or function.arn, function.timeout)
        try:
            outcome, elapsed = _timed(sandbox, task)
        finally:
            pool.release(sandbox)
        self._measure(dimensions, outcome, elapsed)
        return outcome

    def _measure(self, dimensions: Mapping[str, str], outcome: Outcome, elapsed: float) -> None:
        put = self._metrics.put
        put("AWS/Lambda", "Invocations", dimensions, 1.0, unit="Count")
        put("AWS/Lambda", "Errors", dimensions, float(bool(outcome.error)), unit="Count")
        put("AWS/Lambda", "Duration", dimensions, elapsed, unit="Milliseconds")

    def _elsewhere(self, function: Function) -> int:
        """How many sandboxes are at work for the function's other versions."""
        return sum(
            pool.at_work
            for arn, pool in list(self._pools.items())
            if arn != function.qualified_arn and arn.startswith(f"{function.arn}:")
        )

    def _pool(self, function: Function) -> Pool:
        with self._lock:
            pool = self._pools.get(function.qualified_arn)
        if pool is None:
            message = f"Function not found: {function.qualified_arn}"
            raise AwsError("ResourceNotFoundException", message, status=404)
        return pool

    def _start_sandbox(self, function: Function) -> Sandbox:
        self._make_room()
        if not function.code.path.is_dir():
            message = f"the code of {function.name} is gone from the state folder: deploy it again"
            raise AwsError("ServiceException", message, status=500)
        stream = log_stream(function, self._clock.now())
        sandbox = Sandbox(
            function,
            runtime=self._code.runtime(),
            folder=self._code.scratch,
            environment=sandbox_environment(self._account, function, stream),
            lines=partial(self._logs.write, function.log_group, stream),
        )
        self._sandboxes[access_key(stream)] = sandbox
        return sandbox

    def sandbox(self, key: str) -> Sandbox | None:
        """The one that signs with this access key, if it lives."""
        return self._sandboxes.get(key)

    def _make_room(self) -> None:
        """Idle sandboxes end for a new one when there are too many of all functions."""
        with self._lock:
            pools = list(self._pools.values())
        if sum(pool.size for pool in pools) <= self._most:
            return
        if not any(pool.trim(idle_for=0.0, keep=0) for pool in pools):
            raise throttled("ConcurrentInvocationLimitExceeded")

    def _prewarm(self) -> None:
        while True:
            try:
                pool = self._to_warm.get(timeout=TRIM_SECONDS)
            except queue.Empty:
                self._trim()
                continue
            if pool is None:
                return
            try:
                pool.prewarm()
            except Exception:  # a function that cannot start says so when it is invoked
                log.exception("prewarming failed")

    def _trim(self) -> None:
        with self._lock:
            pools = list(self._pools.values())
        for pool in pools:
            pool.trim()


def _timed(sandbox: Sandbox, task: Task) -> tuple[Outcome, float]:
    """Run, between the lines that tell of it; the duration in milliseconds."""
    sandbox.begin(f"START RequestId: {task.request_id} Version: {sandbox.function.version}")
    started = time.monotonic()
    outcome = sandbox.run(task)
    elapsed = (time.monotonic() - started) * 1000
    sandbox.say(*ended(task, outcome, elapsed, sandbox))
    return replace(outcome, log=sandbox.recent()), elapsed
