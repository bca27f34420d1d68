"""The Lambda API and its two inner doors: invoke now, or queue."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import RLock

from local.clock import Clock
from local.cloud import Account
from local.constraints import check
from local.errors import AwsError, not_there
from local.lambdas.accepted import Accepted, QueuedEvent, left_over
from local.lambdas.asynchronous import AsyncQueue, Finished
from local.lambdas.attachments import Attachments
from local.lambdas.code import CodeStore
from local.lambdas.destinations import Destinations
from local.lambdas.function import LATEST, Deployed, Function
from local.lambdas.invoker import Invoker
from local.lambdas.layers import Layers
from local.lambdas.mappings import Mappings
from local.lambdas.permissions import Permissions
from local.lambdas.registry import Operation, Registry, Request
from local.lambdas.runtime_api import Outcome
from local.lambdas.sandbox import Sandbox
from local.lambdas.versions import Versions
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
        layers = Layers(account, clock, code)
        self._clock = clock
        self._invoker = Invoker(account, clock, logs, metrics, code)
        self._registry = Registry(account, clock, code, self._invoker, layers)
        self._attachments = Attachments(self._registry, clock, self._invoker.resize)
        self._destinations = Destinations(account, clock, queues, self.invoke_async)
        self._mappings = Mappings(account, clock, self._registry, self.invoke)
        self._events = account.store.shelf("lambda.events")
        self._queues: dict[str, AsyncQueue] = {}
        self._lock = RLock()
        self.operations: Mapping[str, Operation] = {
            **self._registry.operations(),
            **Versions(self._registry).operations(),
            **Permissions(self._registry).operations(),
            **self._attachments.operations(),
            **layers.operations(),
            **self._mappings.operations(),
            "Invoke": self._invoke,
            "DeleteFunction": self._delete,
        }

    def start(self) -> None:
        """What is kept runs again, and what was accepted is taken up."""
        self._invoker.start()
        self._registry.start()
        for arn, waiting in left_over(self._events):
            self._queue(arn).take_up(waiting)
        self._mappings.start()

    def stop(self) -> None:
        self._mappings.stop()
        with self._lock:
            queues, self._queues = list(self._queues.values()), {}
        for each in queues:
            each.stop()
        self._invoker.stop()

    def handle(self, action: str, request: Request) -> Request:
        operation = self.operations.get(action)
        if operation is None:
            raise not_there("lambda", action)
        check("lambda", action, request, code="ValidationException")
        return operation(request) or {}

    def sandbox(self, key: str) -> Sandbox | None:
        """The sandbox whose calls are signed with this access key."""
        return self._invoker.sandbox(key)

    def invoke(self, function: str, payload: bytes) -> Invocation:
        """Run now and wait; a handler's error is an answer, not an exception."""
        deployed, qualifier = self._registry.find(function)
        _, outcome = self._run(deployed, qualifier, payload)
        return Invocation(200, outcome.payload, outcome.error)

    def invoke_async(self, function: str, payload: bytes) -> None:
        """Queue with Lambda's own retries; the caller learns nothing of the outcome."""
        deployed, qualifier = self._registry.find(function)
        self._put(deployed, qualifier, payload)

    def _put(self, deployed: Deployed, qualifier: str, payload: bytes) -> None:
        deployed.version(qualifier)
        self._queue(f"{deployed.latest.arn}:{qualifier or LATEST}").put(payload)

    def _queue(self, arn: str) -> AsyncQueue:
        with self._lock:
            known = self._queues.get(arn)
            if known is None:
                known = self._queues[arn] = self._new_queue(arn)
            return known

    def _new_queue(self, arn: str) -> AsyncQueue:
        def current() -> Function:
            deployed, qualifier = self._registry.find(arn)
            return deployed.route(qualifier)

        def run(event: QueuedEvent) -> Outcome:
            told = arn.removesuffix(f":{LATEST}")
            return self._invoker.run(
                current(),
                event.payload,
                request_id=event.request_id,
                arn=told,
                wait=self._waits(arn),
            )

        def finished(event: Finished) -> None:
            config = self._attachments.event_config(arn)
            self._destinations.deliver(current(), config, event)

        return AsyncQueue(
            self._clock,
            run,
            Accepted(self._events, arn),
            policy=lambda: self._attachments.policy(arn),
            workers=lambda: self._invoker.workers(current()),
            finished=finished,
        )

    def _waits(self, function: str) -> bool:
        """Without a reserved concurrency of its own, a function is never throttled here."""
        return self._registry.find(function)[0].reserved is None

    def _run(self, deployed: Deployed, qualifier: str, payload: bytes) -> tuple[str, Outcome]:
        """The version that answered, and its answer."""
        target = deployed.route(qualifier)
        arn = f"{target.arn}:{qualifier}" if qualifier else target.arn
        wait = deployed.reserved is None
        return target.version, self._invoker.run(target, payload, arn=arn, wait=wait)

    def _delete(self, request: Request) -> None:
        gone = self._registry.delete(request)
        arns = {function.qualified_arn for function in gone}
        whole = {f"{function.arn}:" for function in gone if function.version == LATEST}
        with self._lock:
            ended = [a for a in self._queues if a in arns or a.startswith(tuple(whole))]
            queues = [self._queues.pop(arn) for arn in ended]
        for queue in queues:
            queue.discard()

    def _invoke(self, request: Request) -> Request:
        deployed, qualifier = self._registry.place(request)
        deployed.version(qualifier)
        payload = bytes(request.get("Payload") or b"")
        kind = request.get("InvocationType") or "RequestResponse"
        _check_payload(payload, MOST_ASYNC_BYTES if kind == "Event" else MOST_SYNC_BYTES)
        if kind == "DryRun":
            return {"StatusCode": 204}
        if kind == "Event":
            self._put(deployed, qualifier, payload or b"{}")
            return {"StatusCode": 202, "Payload": b""}
        version, outcome = self._run(deployed, qualifier, payload or b"{}")
        answer: Request = {"StatusCode": 200, "ExecutedVersion": version}
        if outcome.error:
            answer["FunctionError"] = outcome.error
        if request.get("LogType") == "Tail":
            tail = "\n".join(outcome.log).encode()[-TAIL_BYTES:]
            answer["LogResult"] = base64.b64encode(tail).decode()
        return {**answer, "Payload": outcome.payload}


def _check_payload(payload: bytes, most: int) -> None:
    if len(payload) > most:
        message = f"{len(payload)} byte payload is too large for the"
        kind = "Event" if most == MOST_ASYNC_BYTES else "RequestResponse"
        message = f"{message} {kind} invocation type (limit {most} bytes)"
        raise AwsError("RequestTooLargeException", message, status=413)
    try:
        json.loads(payload or b"{}")
    except ValueError as error:
        message = f"Could not parse request body into json: {error}"
        raise AwsError("InvalidRequestContentException", message) from error
