"""A connection in memory: its transport, time that a test moves, a client and an application."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from serving.budget import Budget
from serving.connection import Connection
from serving.limits import READ_BYTES, Limits
from serving.messages import Abandon, Request, Respond, Response

BODY_LIMIT = 2**20
BODIES_LIMIT = 4 * BODY_LIMIT


class FakeTransport(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = self.aborted = self.half_closed = self.paused = False
        self.unread = 0  # bytes that the client has not made room for

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closed, "written after it was closed"
        assert not self.half_closed, "written after its end"
        self.written += bytes(data)

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = self.aborted = True

    def get_write_buffer_size(self) -> int:
        return self.unread

    def is_closing(self) -> bool:
        return self.closed

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.half_closed = True

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False


class FakeTimers:
    def __init__(self) -> None:
        self.now = 0.0
        self._waiting: list[tuple[float, asyncio.TimerHandle, Callable[[], None]]] = []
        self._loop = asyncio.new_event_loop()

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(self.now + delay, callback, (), self._loop)
        self._waiting.append((self.now + delay, handle, callback))
        return handle

    def move(self, seconds: float) -> None:
        end = self.now + seconds
        while due := [entry for entry in self._waiting if entry[0] <= end]:
            entry = min(due, key=lambda one: one[0])
            self._waiting.remove(entry)
            self.now = entry[0]
            if not entry[1].cancelled():
                entry[2]()
        self.now = end

    def close(self) -> None:
        self._loop.close()


@dataclass(eq=False)
class LaterApplication:
    """Keeps every request until the test answers it."""

    headers: bytes = b"X-Model-Version: 2\r\n"
    leaving: bool = False
    draining: bool = False
    asked: list[tuple[Request, Respond]] = field(default_factory=list)
    refusals: list[int] = field(default_factory=list)
    abandoned: list[str] = field(default_factory=list)
    error: Exception | None = None

    def refused(self, status: int) -> None:
        self.refusals.append(status)

    def failed(self, error: Exception) -> Response:
        return Response(500, str(error).encode())

    def handle(self, request: Request, respond: Respond) -> Abandon | None:
        if self.error is not None:
            raise self.error
        self.asked.append((request, respond))
        return lambda: self.abandoned.append(request.path)

    def answer(self, index: int, *, body: bytes = b"") -> None:
        request, respond = self.asked[index]
        respond(Response(200, body or request.path.encode()))


class Wire:
    """One connection with a client at its other end."""

    def __init__(
        self, timers: FakeTimers, *, draining: bool = False, bodies: Budget | None = None
    ) -> None:
        self.application = LaterApplication(draining=draining)
        self.bodies = bodies or Budget(BODIES_LIMIT)
        self.transport = FakeTransport()
        self.timers = timers
        self.opened: list[Connection] = []
        self.closed: list[Connection] = []
        self.connection = Connection(
            self.application,
            timers,
            limits=Limits(BODY_LIMIT, self.bodies),
            clock=lambda: timers.now,
            opened=self.opened.append,
            closed=self.closed.append,
        )
        self.connection.connection_made(self.transport)

    def is_paused(self) -> bool:
        return self.transport.paused

    def has_ended(self) -> bool:
        return self.transport.closed

    def send(self, *data: bytes) -> None:
        for chunk in data:
            for start in range(0, len(chunk), READ_BYTES):
                read = chunk[start : start + READ_BYTES]
                self.connection.get_buffer(-1)[: len(read)] = read
                self.connection.buffer_updated(len(read))

    @property
    def statuses(self) -> list[int]:
        found = re.findall(rb"HTTP/1\.1 (\d{3}) ", self.transport.written)
        return [int(status) for status in found]


def get(path: str, *headers: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: h", *headers, "", ""]).encode()


def post(body: bytes, *headers: str) -> bytes:
    head = ["POST /invocations HTTP/1.1", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(head).encode() + body
