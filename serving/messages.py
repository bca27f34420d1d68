"""An HTTP request and response, as far as this server speaks it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, Protocol

import msgspec

JSON: Final = "application/json"

_STATUS_LINES: Final = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}


Body = bytes | bytearray


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    content_type: str
    body: Body
    late: bool = False  # it began after the server was told to stop
    began: float = 0.0  # when its first byte came
    expires: float = float("inf")  # after which nobody wants the answer
    client: str = ""  # who shares the model with others
    request_id: str = ""
    traceparent: str = ""


@dataclass(frozen=True)
class Response:
    status: int
    body: bytes
    content_type: str = JSON
    headers: str = ""  # whole lines, each with its CRLF

    def wire(self, fixed: bytes, *, trace: str, close: bool, head_only: bool) -> bytes:
        """`fixed` are the header lines that every response of this server carries."""
        parts = [
            _STATUS_LINES[self.status],
            fixed,
            f"Content-Type: {self.content_type}\r\nContent-Length: {len(self.body)}\r\n".encode(),
            f"{self.headers}{trace}".encode("latin-1"),
            b"Connection: close\r\n\r\n" if close else b"\r\n",
            b"" if head_only else self.body,
        ]
        return b"".join(parts)


Respond = Callable[[Response], None]
Abandon = Callable[[], None]


class Application(Protocol):
    """What a connection needs to know of the server behind it."""

    headers: bytes
    leaving: bool  # every answer is the last of its connection
    draining: bool  # no request is begun any more

    def refused(self, status: int) -> None:
        """A request was answered before it was whole."""

    def failed(self, error: Exception) -> Response:
        """What is answered when `handle` raised."""

    def handle(self, request: Request, respond: Respond) -> Abandon | None:
        """Responds once, now or later; what it returns is called when the client is gone."""


def refusal(status: int, code: str, message: str, *, headers: str = "") -> Response:
    body = msgspec.json.encode({"error": {"code": code, "message": message}})
    return Response(status, body, headers=headers)


def crowded(code: str, message: str, *, seconds: int = 1, status: int = 429) -> Response:
    """There is too much of something, which passes."""
    return refusal(status, code, message, headers=f"Retry-After: {seconds}\r\n")
