"""Speaks HTTP/1.1 on one connection: keep-alive, pipelining, limits and time-outs.

What is read at once goes through one buffer that all connections share: the event loop fills it
and hands it on before it turns to the next.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol, cast

import httptools

from serving.head import Trace, timeout, trace, unacceptable
from serving.limits import (
    HEAD_LIMIT,
    IDLE_SECONDS,
    LINGER_SECONDS,
    PIPELINED,
    PROBE_SECONDS,
    READ_BYTES,
    REQUEST_SECONDS,
    WATCH_SECONDS,
    WRITE_SECONDS,
    Limits,
    body_too_large,
    head_too_large,
    too_many_bytes,
    too_many_connections,
)
from serving.messages import Abandon, Application, Body, Request, Response, refusal

_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_BUFFER: Final = memoryview(bytearray(READ_BYTES))


class Timers(Protocol):
    """The part of an event loop that time-outs need."""

    def time(self) -> float: ...

    def call_later(self, delay: float, callback: Callable[[], None]) -> asyncio.TimerHandle: ...


@dataclass(eq=False)
class _Slot:
    """The place of one request in the order of answers."""

    head_only: bool
    close: bool
    trace: Trace
    charge: int = 0  # bytes of its body
    response: Response | None = None
    abandon: Abandon | None = None


class Connection(asyncio.BufferedProtocol):
    """Callbacks named on_* are httptools'."""

    def __init__(
        self,
        application: Application,
        timers: Timers,
        *,
        limits: Limits,
        clock: Callable[[], float] = time.monotonic,
        opened: Callable[[Connection], None],
        closed: Callable[[Connection], None],
    ) -> None:
        self._application = application
        self._timers = timers
        self._limits = limits
        self._clock = clock
        self._opened = opened
        self._closed = closed
        self._slots: deque[_Slot] = deque()
        self._refused = self._feeding = False
        self._paused_by_peer = self._throttled = False
        self._deadline: float | None = None
        self._read_by: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._in_message = self._surplus = False
        self._body: Body = b""
        self._charge = 0
        self._client = ""
        self._forget()

    # What the event loop says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass
        self._parser = httptools.HttpRequestParser(self)
        self._client = _host(transport)
        self._await(LINGER_SECONDS if self._application.draining else IDLE_SECONDS)
        self._watch()
        self._opened(self)

    def get_buffer(self, _size: int) -> memoryview:
        return _BUFFER

    def buffer_updated(self, size: int) -> None:
        if self._refused:
            return
        self._overhead += size
        self._feeding = True
        try:
            self._parser.feed_data(_BUFFER[:size])
        except httptools.HttpParserUpgrade:
            self._refuse(refusal(400, "UPGRADE", "this server speaks HTTP/1.1 and nothing else"))
        except httptools.HttpParserError as error:
            self._refuse(refusal(400, "BAD_REQUEST", f"this is no HTTP/1.1 request: {error}"))
        if self._in_message and self._overhead > HEAD_LIMIT:
            self._refuse(head_too_large())
        self._feeding = False
        self._flush()

    def eof_received(self) -> bool:
        """A client that only stopped sending still gets the answers it is owed."""
        self._in_message = False  # the rest of it will never come
        if self._slots:
            self._deadline = None
            self._slots[-1].close = True
            self._probe_later(2)
        elif not self._refused:
            self._end()
        return bool(self._slots)

    def pause_writing(self) -> None:
        self._paused_by_peer = True
        self._read_by = self._timers.time() + WRITE_SECONDS
        self._throttle()

    def resume_writing(self) -> None:
        self._paused_by_peer = False
        self._read_by = None
        self._throttle()

    def connection_lost(self, _error: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._abandon()
        self._forget()
        self._refused = True  # whatever comes now is too late
        self._closed(self)

    # What the server says

    @property
    def is_idle(self) -> bool:
        return not self._in_message and not self._slots and not self._refused

    def drain(self) -> None:
        """An idle connection goes at once, a busy one after its last answer."""
        if self.is_idle:
            self._end()

    def limit(self) -> None:
        """It is one too many: it gets one answer, and none that needs the model."""
        self._surplus = True

    def turn_away(self) -> None:
        """It is far too many: it is told so and not listened to."""
        self._refuse(too_many_connections())

    # What the parser says

    def on_message_begin(self) -> None:
        if self._refused:
            return
        self._forget()
        self._in_message = True
        self._late = self._application.draining
        self._began = self._clock()
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
        method, limit = self._parser.get_method(), self._limits.body
        if self._head_size > HEAD_LIMIT:
            self._refuse(head_too_large())
        elif self._surplus and method == b"POST":
            self._refuse(too_many_connections())
        elif fault := unacceptable(self._headers, method=method, body_limit=limit):
            self._refuse(fault)
        elif self._headers.get(b"expect", b"").lower() == b"100-continue" and not self._slots:
            self._transport.write(_CONTINUE)

    def on_body(self, body: bytes) -> None:
        self._overhead = 0
        if self._refused:
            return
        if len(self._body) + len(body) > self._limits.body:
            self._refuse(body_too_large(self._limits.body))
        elif not self._limits.bodies.take(len(body)):
            self._refuse(too_many_bytes(self._limits.bodies.limit))
        else:
            self._keep(body)

    def _keep(self, body: bytes) -> None:
        """Most bodies come at once and are never copied."""
        self._charge += len(body)
        if not self._body:
            self._body = body
            return
        if isinstance(self._body, bytes):
            self._body = bytearray(self._body)
        self._body += body

    def on_message_complete(self) -> None:
        self._in_message = False
        self._deadline = None
        if self._refused:
            return
        method = self._parser.get_method().decode("latin-1")
        traced = trace(self._headers)
        slot = _Slot(
            head_only=method == "HEAD",
            close=self._is_last(),
            trace=traced,
            charge=self._charge,
        )
        self._slots.append(slot)
        request = Request(
            method=method,
            path=self._url.partition(b"?")[0].decode("latin-1"),
            content_type=self._headers.get(b"content-type", b"").decode("latin-1"),
            body=self._body,
            late=self._late,
            began=self._began,
            expires=self._began + timeout(self._headers, most=self._limits.seconds),
            client=self._client,
            request_id=traced.request_id,
            traceparent=traced.traceparent,
        )
        self._body, self._charge = b"", 0  # the slot has them now
        try:
            slot.abandon = self._application.handle(request, partial(self._respond, slot))
        except Exception as error:  # noqa: BLE001  # whatever it is, the client is owed an answer
            self._respond(slot, self._application.failed(error))

    def _is_last(self) -> bool:
        alone = self._late or self._surplus or self._application.leaving
        return alone or not self._parser.should_keep_alive()

    # Answers, in the order of the requests

    def _respond(self, slot: _Slot, response: Response) -> None:
        slot.response = response
        self._release(slot)
        if not self._feeding:
            self._flush()

    def _refuse(self, response: Response) -> None:
        """Answers what is owed, then this, then nothing more: the stream may be out of step."""
        if self._refused:
            return
        self._refused, self._in_message, self._deadline = True, False, None
        self._application.refused(response.status)
        traced = trace(self._headers)
        self._slots.append(_Slot(head_only=False, close=True, trace=traced, response=response))
        self._forget()
        if not self._feeding:
            self._flush()

    def _flush(self) -> None:
        if len(self._slots) == 1 and self._slots[0].response is None and not self._throttled:
            return  # the common case: a request has come and is not answered yet
        ready, last = [], False
        while self._slots and self._slots[0].response is not None and not last:
            slot = self._slots.popleft()
            last = slot.close or self._is_over()
            ready.append(self._wire(slot, close=last))
        if ready and not self._transport.is_closing():
            self._transport.write(ready[0] if len(ready) == 1 else b"".join(ready))
        if last:
            self._end()
        elif ready and not self._slots and not self._in_message:
            self._await(IDLE_SECONDS)
        self._throttle()

    def _is_over(self) -> bool:
        """In a drain the connection ends with the last request that had begun."""
        return self._application.draining and not self._slots and not self._in_message

    def _wire(self, slot: _Slot, *, close: bool) -> bytes:
        assert slot.response is not None
        return slot.response.wire(
            self._application.headers,
            trace=slot.trace.lines(),
            close=close,
            head_only=slot.head_only,
        )

    def _probe_later(self, times: int) -> None:
        self._timers.call_later(PROBE_SECONDS, partial(self._probe, times))

    def _probe(self, times: int) -> None:
        """Tells a client that is gone from one that only stopped sending: both look the same.

        Who is gone meets the first word with a reset, which the second runs into; then what was
        asked is dropped. Who still reads skips words that only say that its answer is to come.
        """
        if not self._slots or self._parser.get_http_version() != "1.1":
            return
        self._transport.write(_CONTINUE)
        if times > 1:
            self._probe_later(times - 1)

    def _abandon(self) -> None:
        for slot in self._slots:
            if slot.abandon is not None and slot.response is None:
                slot.abandon()
            self._release(slot)
        self._slots.clear()

    def _release(self, slot: _Slot) -> None:
        self._limits.bodies.give(slot.charge)
        slot.charge = 0

    def _end(self) -> None:
        """A client that still sends must be able to read why it was refused: no reset at once."""
        self._abandon()
        if self._timer is not None:
            self._timer.cancel()
        if not self._refused:
            self._transport.close()
        elif self._transport.can_write_eof():
            self._transport.write_eof()
        self._linger(self._transport.get_write_buffer_size())

    def _linger(self, unread: int) -> None:
        """For as long as the client goes on reading; the rest is never sent."""
        self._timer = self._timers.call_later(LINGER_SECONDS, partial(self._leave, unread))

    def _leave(self, before: int) -> None:
        unread = self._transport.get_write_buffer_size()
        if 0 < unread < before:
            self._linger(unread)
        else:
            self._transport.abort()

    def _throttle(self) -> None:
        full = self._paused_by_peer or len(self._slots) > PIPELINED
        if full == self._throttled or self._transport.is_closing():
            return
        self._throttled = full
        if full:
            self._transport.pause_reading()
            return
        self._transport.resume_reading()
        if self._in_message:
            self._await(REQUEST_SECONDS)  # it was not the client that kept it waiting

    # Time

    def _await(self, seconds: float) -> None:
        self._deadline = self._timers.time() + seconds

    def _watch(self) -> None:
        """One timer that looks again is cheaper than one that is set anew for each request."""
        now = self._timers.time()
        if self._read_by is not None and now >= self._read_by:
            self._transport.abort()
        elif self._deadline is None or now < self._deadline or self._throttled:
            self._timer = self._timers.call_later(WATCH_SECONDS, self._watch)
        elif self._in_message:
            self._refuse(refusal(408, "REQUEST_TIMEOUT", "the request took too long to arrive"))
        else:
            self._end()

    def _forget(self) -> None:
        """Nothing of one request is there when the next begins."""
        self._url = b""
        self._headers: dict[bytes, bytes] = {}
        self._body = b""
        self._limits.bodies.give(self._charge)
        self._charge = 0
        self._head_size = 0
        self._overhead = 0  # bytes since the head began or the body last grew
        self._late = False
        self._began = 0.0


def _host(transport: asyncio.BaseTransport) -> str:
    peer = transport.get_extra_info("peername")
    return str(peer[0]) if isinstance(peer, tuple) and peer else ""
