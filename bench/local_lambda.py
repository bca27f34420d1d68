"""`python -m bench.local_lambda`: what a warm invocation costs through the embedded AWS.

Both sides are one HTTP request on one kept connection: a synchronous Invoke of a handler that
returns its event, and a round trip to a bare Python HTTP server with a body as large. They take
turns, so that whatever else the machine does meets both.
"""

import http.client
import io
import json
import socket
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median, quantiles
from threading import Thread
from typing import Final

from local.server import Options, Server

LIMIT: Final = 5.0
"""Milliseconds, at the median."""
_TURNS: Final = 1000
_WARM_UP: Final = 50
_SCOPE: Final = "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/lambda/aws4_request"
_BODY: Final = json.dumps({"drop": "digits", "rows": 12}).encode()


class Echo(BaseHTTPRequestHandler):
    """The bare round trip."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Requests are no news."""


def main() -> int:
    """Measure and print; 1 when the overhead is over the limit."""
    with tempfile.TemporaryDirectory() as scratch:
        embedded = Server(Options(0, Path(scratch)))
        embedded.start()
        bare = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
        Thread(target=bare.serve_forever, daemon=True).start()
        try:
            port = int(embedded.url.rpartition(":")[2])
            _deploy(port)
            invoked, echoed = _measured(port, int(bare.server_port))
        finally:
            bare.shutdown()
            embedded.stop()
    return _tell(invoked, echoed)


def _measured(port: int, bare: int) -> tuple[list[float], list[float]]:
    invoke = _caller(port, "/2015-03-31/functions/echo/invocations")
    echo = _caller(bare, "/")
    for call in (invoke, echo):
        for _ in range(_WARM_UP):
            call()
    pairs = [(_timed(invoke), _timed(echo)) for _ in range(_TURNS)]
    return [each[0] for each in pairs], [each[1] for each in pairs]


def _tell(invoked: list[float], echoed: list[float]) -> int:
    print(f"{_TURNS} warm invocations     p50 ms   p95 ms")
    for name, times in (("Invoke", invoked), ("bare round trip", echoed)):
        print(f"{name:<24}{median(times):>9.2f}{quantiles(times, n=20)[-1]:>9.2f}")
    overhead = median(a - b for a, b in zip(invoked, echoed, strict=True))
    print(
        f"ratio {median(invoked) / median(echoed):.1f}; overhead {overhead:.2f} ms (limit {LIMIT})"
    )
    return int(overhead > LIMIT)


def _timed(call: Callable[[], None]) -> float:
    begun = time.perf_counter()
    call()
    return (time.perf_counter() - begun) * 1000


def _caller(port: int, path: str) -> Callable[[], None]:
    """Posts the body and checks that it comes back."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.connect()
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def call() -> None:
        connection.request("POST", path, _BODY, {"Authorization": _SCOPE})
        answer = connection.getresponse()
        if json.loads(answer.read()) != json.loads(_BODY):
            raise RuntimeError(f"{path} answered {answer.status}")

    return call


def _deploy(port: int) -> None:
    import boto3

    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.py", "def handle(event, context):\n    return event\n")
    boto3.client(
        "lambda",
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    ).create_function(
        FunctionName="echo",
        Role="arn:aws:iam::123456789012:role/any",
        Runtime="python3.12",
        Handler="app.handle",
        Code={"ZipFile": packed.getvalue()},
    )


if __name__ == "__main__":
    sys.exit(main())
