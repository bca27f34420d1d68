"""Closed-loop load: so many connections, each asks again as soon as it was answered."""

from __future__ import annotations

import select
import socket
import time
from dataclasses import dataclass
from typing import Final

_READ_BYTES: Final = 2**16
_PATIENCE: Final = 30.0  # seconds, for answers that are owed at the end


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


class Client:
    """One connection with one request under way; knows just enough HTTP to tell its end."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(0.0)
        self.asked = 0.0
        self._buffer = b""

    def ask(self, request: bytes) -> None:
        self.asked = time.perf_counter()
        sent = self.socket.send(request)
        if sent < len(request):
            raise BlockingIOError("the request does not fit into the socket's buffer")

    def answer(self) -> bytes | None:
        """A whole answer, once it is there."""
        data = self.socket.recv(_READ_BYTES)
        if not data:
            raise ConnectionResetError("the server hung up")
        if self._buffer:
            data = self._buffer + data
        end = data.find(b"\r\n\r\n")
        if end < 0 or len(data) < end + 4 + _length(data[:end]):
            self._buffer = data
            return None
        self._buffer = b""
        return data


def measure(port: int, request: bytes, *, connections: int, seconds: float) -> Load:
    clients = {client.socket.fileno(): client for client in _clients(port, connections)}
    poll = select.epoll()
    for number in clients:
        poll.register(number, select.EPOLLIN)
    began = time.perf_counter()
    for client in clients.values():
        client.ask(request)
    try:
        latencies, failures = _rounds(poll, clients, request, until=began + seconds)
        return Load(time.perf_counter() - began, tuple(sorted(latencies)), failures)
    finally:
        poll.close()
        for client in clients.values():
            client.socket.close()


def _rounds(
    poll: select.epoll, clients: dict[int, Client], request: bytes, *, until: float
) -> tuple[list[float], int]:
    latencies: list[float] = []
    failures, owed = 0, len(clients)
    while owed:
        ready = poll.poll(_PATIENCE)
        if not ready:
            raise TimeoutError(f"{owed} answers did not come")
        for number, _ in ready:
            client = clients[number]
            answer = client.answer()
            if answer is None:
                continue
            now = time.perf_counter()
            latencies.append(now - client.asked)
            failures += not answer.startswith(b"HTTP/1.1 200")
            if now < until:
                client.ask(request)
            else:
                owed -= 1
    return latencies, failures


def _clients(port: int, count: int) -> list[Client]:
    return [Client(port) for _ in range(count)]


def _length(head: bytes) -> int:
    start = head.find(b"ength: ")  # servers write the name in upper or lower case
    if start < 0:
        raise ValueError(f"an answer without a length: {head!r}")
    return int(head[start + 7 :].split(b"\r\n", 1)[0])
