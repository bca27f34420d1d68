"""Runs events in sandboxes and writes what Lambda writes about them: log lines and metrics."""

import json
import logging
import math
import queue
import time
import uuid
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from threading import Lock, Thread

from local.clock import Clock
from local.cloud import Account
from local.errors import AwsError
from local.lambdas.code import CodeStore
from local.lambdas.environment import log_stream, sandbox_environment
from local.lambdas.function import Function
from local.lambdas.pool import MOST_SANDBOXES, Pool
from local.lambdas.runtime_api import Outcome, Task
from local.lambdas.sandbox import Sandbox
from local.seams import PutsMetrics, WritesLogs

PREWARM_THREADS = 2
log = logging.getLogger("local.lambdas")


class Invoker:
    """One pool per function version; prewarms new ones in the background, few at a time."""

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
        self._pools: dict[str, Pool] = {}
        self._lock = Lock()
        self._to_warm: queue.Queue[Pool | None] = queue.Queue()

    def start(self) -> None:
        for _ in range(PREWARM_THREADS):
            Thread(target=self._prewarm, name="lambda-prewarm", daemon=True).start()

    def stop(self) -> None:
        for _ in range(PREWARM_THREADS):
            self._to_warm.put(None)
        with self._lock:
            pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            pool.stop()

    def deploy(self, function: Function, *, limit: int | None) -> None:
        """New or changed function: its next event meets this code, warm if time allows."""
        with self._lock:
            pool = self._pools.get(function.qualified_arn)
            if pool is None:
                size = MOST_SANDBOXES if limit is None else min(limit, MOST_SANDBOXES)
                pool = self._pools[function.qualified_arn] = Pool(
                    function, self._start_sandbox, limit=size
                )
        pool.replace(function)
        self._to_warm.put(pool)

    def resize(self, function: Function, limit: int | None) -> None:
        size = MOST_SANDBOXES if limit is None else min(limit, MOST_SANDBOXES)
        self._pool(function).resize(size)

    def remove(self, function: Function) -> None:
        with self._lock:
            pool = self._pools.pop(function.qualified_arn, None)
        if pool is not None:
            pool.stop()

    def limit(self, function: Function) -> int:
        return self._pool(function).limit

    def run(
        self, function: Function, payload: bytes, *, request_id: str = "", wait: bool = True
    ) -> Outcome:
        """One event through one sandbox; AwsError when throttled."""
        pool = self._pool(function)
        dimensions = {"FunctionName": function.name}
        try:
            sandbox = pool.acquire(wait=wait)
        except AwsError:
            self._metrics.put("AWS/Lambda", "Throttles", dimensions, 1.0, unit="Count")
            raise
        task = Task(request_id or str(uuid.uuid4()), payload, function.arn, function.timeout)
        sandbox.say(f"START RequestId: {task.request_id} Version: {function.version}")
        started = time.monotonic()
        try:
            outcome = sandbox.run(task)
        finally:
            pool.release(sandbox)
        elapsed = (time.monotonic() - started) * 1000
        sandbox.say(*_ending(task, outcome, elapsed, function.memory))
        self._measure(dimensions, outcome, elapsed)
        return replace(outcome, log=sandbox.recent())

    def _measure(self, dimensions: Mapping[str, str], outcome: Outcome, elapsed: float) -> None:
        put = self._metrics.put
        put("AWS/Lambda", "Invocations", dimensions, 1.0, unit="Count")
        put("AWS/Lambda", "Errors", dimensions, float(bool(outcome.error)), unit="Count")
        put("AWS/Lambda", "Duration", dimensions, elapsed, unit="Milliseconds")

    def _pool(self, function: Function) -> Pool:
        with self._lock:
            pool = self._pools.get(function.qualified_arn)
        if pool is None:
            message = f"Function not found: {function.qualified_arn}"
            raise AwsError("ResourceNotFoundException", message, status=404)
        return pool

    def _start_sandbox(self, function: Function) -> Sandbox:
        stream = log_stream(function, self._clock.now())
        return Sandbox(
            function,
            runtime=self._code.runtime(),
            environment=sandbox_environment(self._account, function, stream),
            lines=partial(self._logs.write, function.log_group, stream),
        )

    def _prewarm(self) -> None:
        while (pool := self._to_warm.get()) is not None:
            try:
                pool.prewarm()
            except Exception:  # a function that cannot start says so when it is invoked
                log.exception("prewarming failed")


def _ending(task: Task, outcome: Outcome, elapsed: float, memory: int) -> list[str]:
    billed = math.ceil(elapsed)
    lines = [f"END RequestId: {task.request_id}"]
    if outcome.error and b"Task timed out" in outcome.payload:
        lines.insert(0, str(json.loads(outcome.payload)["errorMessage"]))
    lines.append(
        f"REPORT RequestId: {task.request_id}\tDuration: {elapsed:.2f} ms\t"
        f"Billed Duration: {billed} ms\tMemory Size: {memory} MB"
    )
    return lines
