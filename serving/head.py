"""What the head of a request says: can it be taken, by when is it wanted, whose trace is it.

A client names its patience as Envoy does, or through SageMaker in the custom attributes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from itertools import count
from typing import Final, NamedTuple

from serving.limits import body_too_large
from serving.messages import Response, refusal

Headers = Mapping[bytes, bytes]  # names in lower case

_LENGTH_REQUIRED: Final = refusal(411, "LENGTH_REQUIRED", "say Content-Length, or send chunks")
_ENCODED: Final = refusal(
    415,
    "CONTENT_ENCODED",
    "a body is taken as it is, never unpacked: send it without Content-Encoding",
    headers="Accept-Encoding: identity\r\n",
)
_CODED_TRANSFER: Final = refusal(
    501, "TRANSFER_ENCODED", "the only Transfer-Encoding spoken here is chunked"
)
_TRACEPARENT: Final = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_REQUEST_ID: Final = re.compile(rb"[!-~]{1,128}")
_MILLISECONDS: Final = re.compile(rb"[0-9]{1,9}")
_ATTRIBUTE: Final = re.compile(rb"(?:^|[;,\s])timeout-ms=([0-9]{1,9})(?:$|[;,\s])")
_PROCESS: Final = os.urandom(8).hex()
_numbers: Final = count(1)


class Trace(NamedTuple):
    """By what name caller and server tell of the same request."""

    request_id: str
    traceparent: str

    def lines(self) -> str:
        return f"X-Request-Id: {self.request_id}\r\ntraceparent: {self.traceparent}\r\n"


def trace(headers: Headers) -> Trace:
    """What the client said, where it is valid; else names that nobody else gives."""
    given = headers.get(b"x-request-id") or headers.get(b"x-amzn-sagemaker-inference-id", b"")
    parent = headers.get(b"traceparent", b"")
    number = next(_numbers)
    known, traced = _REQUEST_ID.fullmatch(given), _TRACEPARENT.fullmatch(parent)
    return Trace(
        given.decode() if known else f"{_PROCESS}-{number:x}",
        parent.decode() if traced else f"00-{_PROCESS}{number:016x}-{number:016x}-00",
    )


def timeout(headers: Headers, *, most: float) -> float:
    """Seconds from its first byte in which the client still wants the answer."""
    said = headers.get(b"x-envoy-expected-rq-timeout-ms")
    if said is None:
        attributes = headers.get(b"x-amzn-sagemaker-custom-attributes")
        found = None if attributes is None else _ATTRIBUTE.search(attributes)
        said = found[1] if found else None
    if said is None or _MILLISECONDS.fullmatch(said) is None:
        return most
    return min(int(said) / 1000, most)


def unacceptable(headers: Headers, *, method: bytes, body_limit: int) -> Response | None:
    """Why the body that would follow is not even read, if so."""
    length = headers.get(b"content-length")
    coding = headers.get(b"transfer-encoding")
    if length is not None and int(length) > body_limit:
        return body_too_large(body_limit)
    if coding is not None and coding.strip().lower() != b"chunked":
        return _CODED_TRANSFER
    if headers.get(b"content-encoding", b"identity").strip().lower() != b"identity":
        return _ENCODED
    if method == b"POST" and length is None and coding is None:
        return _LENGTH_REQUIRED
    return None
