"""The event loop's side of a connection, in memory: a transport, and time that a test moves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


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
