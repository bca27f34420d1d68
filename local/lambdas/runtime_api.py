"""The Lambda Runtime API of one sandbox: it asks for the next event and posts what came of it."""

import json
import queue
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event
from typing import Any

from local.http_messages import HttpRequest, HttpResponse
from local.http_server import HttpServer

_REPORT = re.compile(r"/2018-06-01/runtime/invocation/([^/]+)/(response|error)")
_NEXT = "/2018-06-01/runtime/invocation/next"
_INIT_ERROR = "/2018-06-01/runtime/init/error"
_ACCEPTED = HttpResponse(202, {"Content-Type": "application/json"}, b'{"status":"OK"}\n')


@dataclass(frozen=True)
class Task:
    """One event on its way into a sandbox."""

    request_id: str
    payload: bytes
    arn: str
    timeout: float


@dataclass(frozen=True)
class Outcome:
    """What came of a task; `error` is Lambda's FunctionError (`Unhandled`) or nothing."""

    payload: bytes
    error: str = ""
    log: tuple[str, ...] = ()


def failure(kind: str, message: str, **details: Any) -> Outcome:
    body = {"errorType": kind, "errorMessage": message, **details}
    return Outcome(json.dumps(body).encode(), "Unhandled")


def trace_id() -> str:
    root = f"1-{int(time.time()):08x}-{secrets.token_hex(12)}"
    return f"Root={root};Parent={secrets.token_hex(8)};Sampled=0"


class RuntimeApi:
    """Serves one sandbox on a port of its own."""

    def __init__(self, *, on_idle: Callable[[], None]) -> None:
        self.idle = Event()
        self.taken = Event()
        self.outcomes: queue.Queue[Outcome] = queue.Queue()
        self._tasks: queue.Queue[Task | None] = queue.Queue()
        self.current = ""
        self._on_idle = on_idle
        self._server = HttpServer(0, self._answer)
        self._server.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.port}"

    def offer(self, task: Task) -> None:
        self.taken.clear()
        self.current = task.request_id
        self._tasks.put(task)

    def stop(self) -> None:
        self._tasks.put(None)
        self._server.stop()

    def _answer(self, request: HttpRequest) -> HttpResponse:
        if request.path == _NEXT:
            return self._next()
        if request.path == _INIT_ERROR:
            self.outcomes.put(Outcome(request.body, "Unhandled"))
            return _ACCEPTED
        match = _REPORT.fullmatch(request.path)
        if match is None:
            return HttpResponse(404, body=b"not part of the Runtime API\n")
        if match.group(1) == self.current:
            error = "Unhandled" if match.group(2) == "error" else ""
            self.outcomes.put(Outcome(request.body, error))
        return _ACCEPTED

    def _next(self) -> HttpResponse:
        self.idle.set()
        self._on_idle()
        task = self._tasks.get()
        if task is None:
            return HttpResponse(410)
        self.idle.clear()
        self.taken.set()
        headers = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": task.request_id,
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + task.timeout) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": task.arn,
            "Lambda-Runtime-Trace-Id": trace_id(),
        }
        return HttpResponse(200, headers, task.payload)
