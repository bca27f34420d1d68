"""The routes: what each request is answered."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from serving.batcher import Batcher
from serving.errors import RequestError
from serving.line import Answered, Expired, Failed, Item, Outcome, OutOfMemory
from serving.log import Log
from serving.messages import Abandon, Request, Respond, Response, crowded, refusal
from serving.metrics import CONTENT_TYPE, Metrics
from serving.parser import Parsed, Parser
from serving.payload import encode

_METHODS: Final = {
    "/ping": ("GET", "HEAD"),
    "/metrics": ("GET", "HEAD"),
    "/invocations": ("POST",),
}
_CLIENT_GONE: Final = 499  # by custom; nobody is left to read it
_EXPIRED: Final = refusal(
    504, "DEADLINE_EXCEEDED", "the time this request had was over before the model was free for it"
)


@dataclass(eq=False)
class _Invocation:
    """One request on its way through parser and model, without its body, which may be large."""

    request_id: str
    traceparent: str
    client: str
    expires: float
    respond: Respond
    began: float
    arrived: float
    abandoned: bool = False
    item: Item | None = None

    def is_wanted(self) -> bool:
        return not self.abandoned


@dataclass(eq=False)
class ModelApplication:
    """One model behind SageMaker's routes."""

    parser: Parser
    batcher: Batcher
    metrics: Metrics
    log: Log
    clock: Callable[[], float] = time.monotonic
    leaving: bool = False
    draining: bool = False

    def __post_init__(self) -> None:
        version, digest = self.metrics.version, self.metrics.digest
        self.headers = (
            f"X-Model-Version: {version}\r\n"
            f"X-Model-Digest: {digest}\r\n"
            "X-Amzn-SageMaker-Custom-Attributes:"
            f" version={version};digest={digest[:12]}\r\n"
        ).encode()

    def refused(self, status: int) -> None:
        self.metrics.requests[status] += 1

    def failed(self, error: Exception) -> Response:
        self.metrics.requests[500] += 1
        reason = f"{type(error).__name__}: {error}"
        self.log.error("a request could not be handled", reason=reason)
        return refusal(500, "INTERNAL", reason)

    def handle(self, request: Request, respond: Respond) -> Abandon | None:
        methods = _METHODS.get(request.path)
        if methods is None:
            respond(refusal(404, "NOT_FOUND", f"{request.path} is not here: {', '.join(_METHODS)}"))
        elif request.method not in methods:
            allow = ", ".join(methods)
            message = f"{request.path} takes {allow}, not {request.method}"
            respond(refusal(405, "METHOD_NOT_ALLOWED", message, headers=f"Allow: {allow}\r\n"))
        elif request.path == "/invocations":
            return self._invoke(request, respond)
        elif request.path == "/ping":
            respond(self._ping())
        else:
            text = self.metrics.text(
                waiting=self.batcher.waiting,
                waiting_bytes=self.batcher.bytes_queued.taken,
                limit=self.batcher.pace.limit,
            )
            respond(Response(200, text, content_type=CONTENT_TYPE))
        return None

    def _ping(self) -> Response:
        if self.leaving or self.draining:
            return refusal(503, "DRAINING", "this server is shutting down")
        if (fault := self.batcher.fault()) is not None:
            return refusal(503, "MODEL_STALLED", fault)
        return Response(200, b"")

    def _invoke(self, request: Request, respond: Respond) -> Abandon | None:
        invocation = _Invocation(
            request.request_id,
            request.traceparent,
            request.client,
            request.expires,
            respond,
            request.began,
            self.clock(),
        )
        unavailable = self._unavailable(request, invocation.arrived)
        if unavailable is not None:
            self._answer(unavailable, invocation)
            return None
        done = partial(self._submit, invocation)
        if not self.parser.parse(request, done, wanted=invocation.is_wanted):
            self._answer(self._full(f"{self.parser.waiting} large bodies"), invocation)
        return partial(self._abandon, invocation)

    def _unavailable(self, request: Request, now: float) -> Response | None:
        """Asked before a body is parsed: a server that cannot answer spends nothing on it."""
        if request.late:
            return refusal(503, "DRAINING", "this server is shutting down: ask another")
        if (fault := self.batcher.fault()) is not None:
            return refusal(503, "MODEL_STALLED", fault)
        if now >= request.expires:
            return _EXPIRED
        if self.batcher.is_full:
            return self._full(f"{self.batcher.waiting} rows")
        return None

    def _submit(self, invocation: _Invocation, parsed: Parsed) -> None:
        if invocation.abandoned:
            return
        if isinstance(parsed, RequestError):
            self._answer(refusal(parsed.status, parsed.code, parsed.message), invocation)
            return
        done = partial(self._done, invocation)
        invocation.item = self.batcher.submit(
            parsed, done, client=invocation.client, expires=invocation.expires
        )
        if invocation.item is None:
            self._answer(self._full(f"{self.batcher.waiting} rows"), invocation)

    def _abandon(self, invocation: _Invocation) -> None:
        self.metrics.requests[_CLIENT_GONE] += 1
        invocation.abandoned = True
        if invocation.item is not None:
            invocation.item.abandon()

    def _done(self, invocation: _Invocation, outcome: Outcome) -> None:
        match outcome:
            case Answered(predictions):
                response = self._answered(predictions, invocation)
            case Expired():
                response = _EXPIRED
            case OutOfMemory(reason):
                self._tell(reason, invocation)
                response = refusal(503, "OUT_OF_MEMORY", reason)
            case Failed(reason):
                response = self._failed(reason, invocation)
        self._answer(response, invocation)

    def _answered(self, predictions: list[Any], invocation: _Invocation) -> Response:
        try:
            response = Response(200, encode(predictions))
        except Exception as error:  # noqa: BLE001  # whatever a user's model answers
            return self._failed(f"its answer cannot be written as JSON: {error}", invocation)
        self.metrics.predictions.count(predictions)
        return response

    def _failed(self, reason: str, invocation: _Invocation) -> Response:
        self._tell(reason, invocation)
        return refusal(500, "MODEL_FAILED", reason)

    def _tell(self, reason: str, invocation: _Invocation) -> None:
        self.log.error(
            "the model failed",
            reason=reason,
            request_id=invocation.request_id,
            traceparent=invocation.traceparent,
        )

    def _full(self, what: str) -> Response:
        seconds = self.batcher.pace.wait(self.batcher.waiting)
        return crowded("QUEUE_FULL", f"{what} wait already: try again", seconds=seconds)

    def _answer(self, response: Response, invocation: _Invocation) -> None:
        now = self.clock()
        self.metrics.answered(response.status, now - invocation.began)
        item = invocation.item
        if item is not None and response.status == 200:
            self.metrics.phases.observe(
                receive=invocation.arrived - invocation.began,
                parse=item.queued - invocation.arrived,
                queue=item.begun - item.queued,
                answer=now - item.begun,
            )
        invocation.respond(response)
