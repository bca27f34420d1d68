"""Speaks HTTP/1.1 on one connection: keep-alive, pipelining, limits and time-outs."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol, cast

import httptools

from serving.messages import Abandon, Application, Request, Response, refusal

BODY_LIMIT: Final = 25 * 2**20  # of InvokeEndpoint
HEAD_LIMIT: Final = 64 * 2**10
REQUEST_SECONDS: Final = 30.0  # from its first byte to its last
IDLE_SECONDS: Final = 75.0
LINGER_SECONDS: Final = 2.0  # for a refused client to read why
_WATCH_SECONDS: Final = 5.0
_PIPELINED: Final = 32  # answers owed before reading stops
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class Timers(Protocol):
    """The part of an event loop that time-outs need."""

    def time(self) -> float: ...

    def call_later(self, delay: float, callback: Callable[[], None]) -> asyncio.TimerHandle: ...


@dataclass(eq=False)
class _Slot:
    """The place of one request in the order of answers."""

    head_only: bool
    close: bool
    wire: bytes | None = None
    abandon: Abandon | None = None


class Connection(asyncio.Protocol):
    """Callbacks named on_* are httptools'."""

    def __init__(
        self,
        application: Application,
        timers: Timers,
        *,
        closed: Callable[[Connection], None],
    ) -> None:
        self._application = application
        self._timers = timers
        self._closed = closed
        self._slots: deque[_Slot] = deque()
        self._refused = self._feeding = False
        self._paused_by_peer = self._throttled = False
        self._deadline: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._in_message = self._in_head = False
        self._forget()

    # What the event loop says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass
        self._parser = httptools.HttpRequestParser(self)
        self._await(IDLE_SECONDS)
        self._watch()

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        if self._in_head:
            self._head_bytes += len(data)
        self._feeding = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refuse(refusal(400, "UPGRADE", "this server speaks HTTP/1.1 and nothing else"))
        except httptools.HttpParserError as error:
            self._refuse(refusal(400, "BAD_REQUEST", f"this is no HTTP/1.1 request: {error}"))
        if self._in_head and self._head_bytes > HEAD_LIMIT:
            self._refuse(_head_too_large())
        self._feeding = False
        self._flush()

    def eof_received(self) -> bool:
        """A client that only stopped sending still gets the answers it is owed."""
        if self._slots:
            self._slots[-1].close = True
        return bool(self._slots)

    def pause_writing(self) -> None:
        self._paused_by_peer = True
        self._throttle()

    def resume_writing(self) -> None:
        self._paused_by_peer = False
        self._throttle()

    def connection_lost(self, _error: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        for slot in self._slots:
            if slot.abandon is not None:
                slot.abandon()
        self._slots.clear()
        self._refused = True  # whatever comes now is too late
        self._closed(self)

    # What the server says

    def drain(self) -> None:
        """An idle connection goes at once, a busy one after its last answer."""
        if not self._in_message and not self._slots:
            self._transport.close()

    # What the parser says

    def on_message_begin(self) -> None:
        if self._refused:
            return
        self._forget()
        self._in_message = self._in_head = True
        self._late = self._application.draining
        self._await(REQUEST_SECONDS)

    def on_url(self, url: bytes) -> None:
        self._url += url
        self._head_size += len(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.lower()] = value
        self._head_size += len(name) + len(value)

    def on_headers_complete(self) -> None:
        if self._refused:
            return
        self._in_head = False
        length = self._headers.get(b"content-length")
        if self._head_size > HEAD_LIMIT:
            self._refuse(_head_too_large())
        elif length is not None and int(length) > BODY_LIMIT:
            self._refuse(_body_too_large())
        elif self._parser.get_method() == b"POST" and not (
            length is not None or b"transfer-encoding" in self._headers
        ):
            self._refuse(refusal(411, "LENGTH_REQUIRED", "say Content-Length, or send chunks"))
        elif self._headers.get(b"expect", b"").lower() == b"100-continue" and not self._slots:
            self._transport.write(_CONTINUE)

    def on_body(self, body: bytes) -> None:
        self._body_size += len(body)
        if self._body_size > BODY_LIMIT:
            self._refuse(_body_too_large())
        elif not self._refused:
            self._body.append(body)

    def on_message_complete(self) -> None:
        self._in_message = False
        self._deadline = None
        if self._refused:
            return
        method = self._parser.get_method().decode("latin-1")
        slot = _Slot(
            head_only=method == "HEAD",
            close=not self._parser.should_keep_alive() or self._application.draining,
        )
        self._slots.append(slot)
        request = Request(
            method=method,
            path=self._url.partition(b"?")[0].decode("latin-1"),
            content_type=self._headers.get(b"content-type", b"").decode("latin-1"),
            traceparent=self._headers.get(b"traceparent", b"").decode("latin-1"),
            body=self._body[0] if len(self._body) == 1 else b"".join(self._body),
            late=self._late,
        )
        slot.abandon = self._application.handle(request, partial(self._respond, slot))

    # Answers, in the order of the requests

    def _respond(self, slot: _Slot, response: Response) -> None:
        slot.close = slot.close or self._application.draining
        slot.wire = response.wire(
            self._application.headers, close=slot.close, head_only=slot.head_only
        )
        slot.abandon = None
        if not self._feeding:
            self._flush()

    def _refuse(self, response: Response) -> None:
        """Answers what is owed, then this, then nothing more: the stream may be out of step."""
        if self._refused:
            return
        self._refused, self._in_message, self._in_head = True, False, False
        self._application.refused(response.status)
        wire = response.wire(self._application.headers, close=True, head_only=False)
        self._slots.append(_Slot(head_only=False, close=True, wire=wire))
        if not self._feeding:
            self._flush()

    def _flush(self) -> None:
        ready, last = [], False
        while self._slots and self._slots[0].wire is not None and not last:
            slot = self._slots.popleft()
            ready.append(slot.wire or b"")
            last = slot.close
        if ready:
            self._transport.write(ready[0] if len(ready) == 1 else b"".join(ready))
        if last:
            self._end()
        elif ready and not self._slots and not self._in_message:
            self._await(IDLE_SECONDS)
        self._throttle()

    def _end(self) -> None:
        """A client that still sends must be able to read why it was refused: no reset at once."""
        if not self._refused:
            self._transport.close()
            return
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self._timers.call_later(LINGER_SECONDS, self._transport.close)

    def _throttle(self) -> None:
        full = self._paused_by_peer or len(self._slots) > _PIPELINED
        if full == self._throttled or self._transport.is_closing():
            return
        self._throttled = full
        if full:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    # Time

    def _await(self, seconds: float) -> None:
        self._deadline = self._timers.time() + seconds

    def _watch(self) -> None:
        """One timer that looks again is cheaper than one that is set anew for each request."""
        if self._deadline is None or self._timers.time() < self._deadline:
            self._timer = self._timers.call_later(_WATCH_SECONDS, self._watch)
        elif self._in_message:
            self._refuse(refusal(408, "REQUEST_TIMEOUT", "the request took too long to arrive"))
        else:
            self._transport.close()

    def _forget(self) -> None:
        """Nothing of one request is there when the next begins."""
        self._url = b""
        self._headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []
        self._body_size = self._head_size = self._head_bytes = 0
        self._late = False


def _head_too_large() -> Response:
    return refusal(431, "HEAD_TOO_LARGE", f"URL and headers have more than {HEAD_LIMIT} bytes")


def _body_too_large() -> Response:
    return refusal(413, "BODY_TOO_LARGE", f"the body has more than {BODY_LIMIT} bytes")
