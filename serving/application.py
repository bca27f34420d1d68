"""The routes: what each request is answered."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from serving.batcher import Answered, Batcher, Failed, Outcome
from serving.errors import BadInputError, MediaTypeError
from serving.log import Log
from serving.messages import Abandon, Request, Respond, Response, refusal
from serving.metrics import CONTENT_TYPE, Metrics
from serving.payload import Payload, encode

_METHODS: Final = {
    "/ping": ("GET", "HEAD"),
    "/metrics": ("GET", "HEAD"),
    "/invocations": ("POST",),
}
_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


@dataclass(eq=False)
class ModelApplication:
    """One model behind SageMaker's routes."""

    payload: Payload
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
        return Response(200, b"")

    def _invoke(self, request: Request, respond: Respond) -> Abandon | None:
        began = self.clock()
        try:
            rows = self.payload.rows(request.body, request.content_type)
        except BadInputError as error:
            self._answer(refusal(400, error.code, error.message), request, respond, began)
            return None
        except MediaTypeError as error:
            self._answer(refusal(415, error.code, error.message), request, respond, began)
            return None
        if request.late:
            response = refusal(503, "DRAINING", "this server is shutting down: ask another")
            self._answer(response, request, respond, began)
            return None
        done = partial(self._done, request=request, respond=respond, began=began)
        item = self.batcher.submit(rows, done)
        if item is None:
            message = f"{self.batcher.waiting} rows wait already: try again"
            response = refusal(429, "QUEUE_FULL", message, headers="Retry-After: 1\r\n")
            self._answer(response, request, respond, began)
            return None
        return item.abandon

    def _done(self, outcome: Outcome, *, request: Request, respond: Respond, began: float) -> None:
        match outcome:
            case Answered(predictions):
                response = self._answered(predictions, request)
            case Failed(reason):
                response = self._failed(reason, request)
        self._answer(response, request, respond, began)

    def _answered(self, predictions: list[Any], request: Request) -> Response:
        try:
            return Response(200, encode(predictions))
        except (TypeError, ValueError) as error:
            return self._failed(f"its answer cannot be written as JSON: {error}", request)

    def _failed(self, reason: str, request: Request) -> Response:
        self.log.error("the model failed", reason=reason, traceparent=request.traceparent)
        return refusal(500, "MODEL_FAILED", reason)

    def _answer(self, response: Response, request: Request, respond: Respond, began: float) -> None:
        self.metrics.answered(response.status, self.clock() - began)
        respond(_traced(response, request.traceparent))


def _traced(response: Response, traceparent: str) -> Response:
    """A valid trace context goes back, so that caller and server tell of the same request."""
    if not traceparent or _TRACEPARENT.fullmatch(traceparent) is None:
        return response
    headers = f"{response.headers}traceparent: {traceparent}\r\n"
    return Response(response.status, response.body, response.content_type, headers)
