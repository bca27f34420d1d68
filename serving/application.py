"""The routes: what each request is answered."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from serving.batcher import Answered, Batcher, Failed, Item, Outcome
from serving.errors import RequestError
from serving.log import Log
from serving.messages import Abandon, Request, Respond, Response, refusal
from serving.metrics import CONTENT_TYPE, Metrics
from serving.parser import Parsed, Parser
from serving.payload import encode

_METHODS: Final = {
    "/ping": ("GET", "HEAD"),
    "/metrics": ("GET", "HEAD"),
    "/invocations": ("POST",),
}
_CLIENT_GONE: Final = 499  # by custom; nobody is left to read it
_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


@dataclass(eq=False)
class _Invocation:
    """One request on its way through parser and model, without its body, which may be large."""

    traceparent: str
    respond: Respond
    began: float
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
    clock: Callable[[], float] = time.perf_counter
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
            text = self.metrics.text(waiting=self.batcher.waiting)
            respond(Response(200, text, content_type=CONTENT_TYPE))
        return None

    def _ping(self) -> Response:
        if self.draining:
            return refusal(503, "DRAINING", "this server is shutting down")
        if (fault := self.batcher.fault()) is not None:
            return refusal(503, "MODEL_STALLED", fault)
        return Response(200, b"")

    def _invoke(self, request: Request, respond: Respond) -> Abandon | None:
        invocation = _Invocation(request.traceparent, respond, self.clock())
        unavailable = self._unavailable(request)
        if unavailable is not None:
            self._answer(unavailable, invocation)
            return None
        done = partial(self._submit, invocation)
        if not self.parser.parse(request, done, wanted=invocation.is_wanted):
            self._answer(_full(f"{self.parser.waiting} large bodies"), invocation)
        return partial(self._abandon, invocation)

    def _unavailable(self, request: Request) -> Response | None:
        """Asked before a body is parsed: a server that cannot answer spends nothing on it."""
        if request.late:
            return refusal(503, "DRAINING", "this server is shutting down: ask another")
        if (fault := self.batcher.fault()) is not None:
            return refusal(503, "MODEL_STALLED", fault)
        if self.batcher.is_full:
            return _full(f"{self.batcher.waiting} rows")
        return None

    def _submit(self, invocation: _Invocation, parsed: Parsed) -> None:
        if invocation.abandoned:
            return
        if isinstance(parsed, RequestError):
            self._answer(refusal(parsed.status, parsed.code, parsed.message), invocation)
            return
        invocation.item = self.batcher.submit(parsed, partial(self._done, invocation))
        if invocation.item is None:
            self._answer(_full(f"{self.batcher.waiting} rows"), invocation)

    def _abandon(self, invocation: _Invocation) -> None:
        self.metrics.requests[_CLIENT_GONE] += 1
        invocation.abandoned = True
        if invocation.item is not None:
            invocation.item.abandon()

    def _done(self, invocation: _Invocation, outcome: Outcome) -> None:
        match outcome:
            case Answered(predictions):
                response = self._answered(predictions, invocation.traceparent)
            case Failed(reason):
                response = self._failed(reason, invocation.traceparent)
        self._answer(response, invocation)

    def _answered(self, predictions: list[Any], traceparent: str) -> Response:
        try:
            return Response(200, encode(predictions))
        except Exception as error:  # noqa: BLE001  # whatever a user's model answers
            return self._failed(f"its answer cannot be written as JSON: {error}", traceparent)

    def _failed(self, reason: str, traceparent: str) -> Response:
        self.log.error("the model failed", reason=reason, traceparent=traceparent)
        return refusal(500, "MODEL_FAILED", reason)

    def _answer(self, response: Response, invocation: _Invocation) -> None:
        self.metrics.answered(response.status, self.clock() - invocation.began)
        invocation.respond(_traced(response, invocation.traceparent))


def _full(what: str) -> Response:
    message = f"{what} wait already: try again"
    return refusal(429, "QUEUE_FULL", message, headers="Retry-After: 1\r\n")


def _traced(response: Response, traceparent: str) -> Response:
    """A valid trace context goes back, so that caller and server tell of the same request."""
    if not traceparent or _TRACEPARENT.fullmatch(traceparent) is None:
        return response
    headers = f"{response.headers}traceparent: {traceparent}\r\n"
    return Response(response.status, response.body, response.content_type, headers)
