"""Closed-loop load: so many connections, each asks again as soon as it was answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, cast


@dataclass(frozen=True)
class Load:
    """What was measured; latencies in seconds, sorted."""

    seconds: float
    latencies: tuple[float, ...]
    failures: int

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds

    def quantile(self, share: float) -> float:
        return self.latencies[min(int(share * len(self.latencies)), len(self.latencies) - 1)]


class _Client(asyncio.Protocol):
    """Knows just enough HTTP to tell where an answer ends."""

    def __init__(self, request: bytes, until: float) -> None:
        self.latencies: list[float] = []
        self.failures = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._request, self._until, self._buffer = request, until, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found or len(body) < _length(head):
            return
        now = time.perf_counter()
        self.latencies.append(now - self._asked)
        self.failures += not head.startswith(b"HTTP/1.1 200")
        if now < self._until:
            self._ask()
        else:
            self._transport.close()

    def connection_lost(self, _error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)

    def _ask(self) -> None:
        self._buffer = b""
        self._asked = time.perf_counter()
        self._transport.write(self._request)


def measure(port: int, request: bytes, *, connections: int, seconds: float) -> Load:
    return _run(lambda: _measure(port, request, connections=connections, seconds=seconds))


async def _measure(port: int, request: bytes, *, connections: int, seconds: float) -> Load:
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    clients: list[_Client] = []
    for _ in range(connections):
        _, client = await loop.create_connection(
            lambda: _Client(request, began + seconds), "127.0.0.1", port
        )
        clients.append(client)
    await asyncio.gather(*(client.done for client in clients))
    latencies = sorted(latency for client in clients for latency in client.latencies)
    failures = sum(client.failures for client in clients)
    return Load(time.perf_counter() - began, tuple(latencies), failures)


def _run(main: Callable[[], Coroutine[Any, Any, Load]]) -> Load:
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main())


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise ValueError(f"an answer without a length: {head!r}")
