"""How much of a client is borne, and what it is told when that is over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from serving.budget import Budget
from serving.messages import Response, crowded, refusal

READ_BYTES: Final = 64 * 2**10  # at once; so much beyond a limit may be read
HEAD_LIMIT: Final = 64 * 2**10
REQUEST_SECONDS: Final = 30.0  # from its first byte to its last
IDLE_SECONDS: Final = 75.0
WRITE_SECONDS: Final = 30.0  # for a client to make room for its answers
LINGER_SECONDS: Final = 2.0  # for a client to go on reading what it was sent at the end
PROBE_SECONDS: Final = 0.05  # for an answer that is about to come
WATCH_SECONDS: Final = 5.0
PIPELINED: Final = 32  # answers owed before reading stops


@dataclass(frozen=True)
class Limits:
    """Of one connection, and what it shares with all others."""

    body: int  # bytes
    bodies: Budget  # bytes of bodies on all connections, from the first byte to the answer
    seconds: float = 60.0  # from a request's first byte to its answer


def body_too_large(limit: int) -> Response:
    return refusal(413, "BODY_TOO_LARGE", f"the body has more than {limit} bytes")


def head_too_large() -> Response:
    return refusal(431, "HEAD_TOO_LARGE", f"URL and headers have more than {HEAD_LIMIT} bytes")


def too_many_bytes(limit: int) -> Response:
    message = f"bodies of {limit} bytes are being received already: try again"
    return crowded("BODIES_FULL", message)


def too_many_connections() -> Response:
    message = "this server has all the connections it can hold: try again"
    return crowded("CONNECTIONS_FULL", message, status=503)
