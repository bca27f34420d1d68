"""The Lambda API and its two inner doors: invoke now, or queue."""

import base64
from dataclasses import dataclass
from pathlib import Path
from threading import RLock

from local.clock import Clock
from local.cloud import Account
from local.errors import AwsError
from local.lambdas.asynchronous import AsyncQueue, Finished, QueuedEvent
from local.lambdas.attachments import Attachments
from local.lambdas.code import CodeStore
from local.lambdas.destinations import Destinations
from local.lambdas.function import Function
from local.lambdas.invoker import Invoker
from local.lambdas.registry import Operation, Registry, Request
from local.lambdas.runtime_api import Outcome
from local.seams import PutsMetrics, SendsMessages, WritesLogs

MOST_ASYNC_BYTES = 1_048_576
MOST_SYNC_BYTES = 6_291_556
TAIL_BYTES = 4096


@dataclass(frozen=True)
class Invocation:
    """The answer of a synchronous invocation; `error` is empty when the handler returned."""

    status: int
    payload: bytes
    error: str = ""


class Lambdas:
    """`handle` speaks boto3's shapes; `invoke` and `invoke_async` are for the other services."""

    def __init__(
        self,
        account: Account,
        clock: Clock,
        logs: WritesLogs,
        metrics: PutsMetrics,
        queues: SendsMessages,
        state: Path,
    ) -> None:
        code = CodeStore(state)
        self._clock = clock
        self._invoker = Invoker(account, clock, logs, metrics, code)
        self._registry = Registry(account, clock, code, self._invoker)
        self._attachments = Attachments(self._registry, clock, self._invoker.resize)
        self._destinations = Destinations(account, clock, queues, self.invoke_async)
        self._queues: dict[str, AsyncQueue] = {}
        self._lock = RLock()
        self._operations: dict[str, Operation] = {
            **self._registry.operations(),
            **self._attachments.operations(),
            "Invoke": self._invoke,
            "DeleteFunction": self._delete,
        }

    def start(self) -> None:
        self._invoker.start()

    def stop(self) -> None:
        with self._lock:
            queues, self._queues = list(self._queues.values()), {}
        for each in queues:
            each.stop()
        self._invoker.stop()

    def handle(self, action: str, request: Request) -> Request:
        operation = self._operations.get(action)
        if operation is None:
            message = f"Lambda {action} is not part of the embedded AWS"
            raise AwsError("UnknownOperationException", message, status=404)
        return operation(request) or {}

    def invoke(self, function: str, payload: bytes) -> Invocation:
        """Run now and wait; a handler's error is an answer, not an exception."""
        target = self._registry.version({"FunctionName": function})
        outcome = self._invoker.run(target, payload, wait=self._waits(target))
        return Invocation(200, outcome.payload, outcome.error)

    def invoke_async(self, function: str, payload: bytes) -> None:
        """Queue with Lambda's own retries; the caller learns nothing of the outcome."""
        target = self._registry.version({"FunctionName": function})
        self._queue(target).put(payload)

    def _queue(self, target: Function) -> AsyncQueue:
        with self._lock:
            known = self._queues.get(target.qualified_arn)
            if known is None:
                known = self._queues[target.qualified_arn] = self._new_queue(target.qualified_arn)
            return known

    def _new_queue(self, arn: str) -> AsyncQueue:
        def current() -> Function:
            return self._registry.version({"FunctionName": arn})

        def run(event: QueuedEvent) -> Outcome:
            return self._invoker.run(current(), event.payload, request_id=event.request_id)

        def finished(event: Finished) -> None:
            function = current()
            config = self._attachments.event_config(function)
            self._destinations.deliver(function, config, event)

        return AsyncQueue(
            self._clock,
            run,
            policy=lambda: self._attachments.policy(current()),
            workers=lambda: self._invoker.limit(current()),
            finished=finished,
        )

    def _waits(self, function: Function) -> bool:
        """Without a reserved concurrency of its own, a function is never throttled here."""
        return self._registry.find(function.name)[0].reserved is None

    def _delete(self, request: Request) -> None:
        gone = self._registry.delete(request)
        with self._lock:
            ended = [self._queues.pop(function.qualified_arn, None) for function in gone]
        for queue in ended:
            if queue is not None:
                queue.stop()

    def _invoke(self, request: Request) -> Request:
        target = self._registry.version(request)
        payload = bytes(request.get("Payload") or b"{}")
        kind = request.get("InvocationType") or "RequestResponse"
        _check_size(payload, MOST_ASYNC_BYTES if kind == "Event" else MOST_SYNC_BYTES)
        if kind == "DryRun":
            return {"StatusCode": 204}
        if kind == "Event":
            self._queue(target).put(payload)
            return {"StatusCode": 202, "Payload": b""}
        outcome = self._invoker.run(target, payload, wait=self._waits(target))
        answer: Request = {"StatusCode": 200, "ExecutedVersion": target.version}
        if outcome.error:
            answer["FunctionError"] = outcome.error
        if request.get("LogType") == "Tail":
            tail = "\n".join(outcome.log).encode()[-TAIL_BYTES:]
            answer["LogResult"] = base64.b64encode(tail).decode()
        return {**answer, "Payload": outcome.payload}


def _check_size(payload: bytes, most: int) -> None:
    if len(payload) > most:
        message = f"{len(payload)} byte payload is too large (limit {most} bytes)"
        raise AwsError("RequestTooLargeException", message, status=413)
