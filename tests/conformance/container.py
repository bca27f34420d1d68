"""The container image of the conformance checks: trains, processes or serves as it is told.

A job's hyperparameters or environment say how it behaves: `EXIT` (status), `SECONDS` (work),
`FAILURE` (what it writes to /opt/ml/output/failure), `PRINT` (a line). A server answers a request
with its body and who it is (`VERSION`), after `DELAY` seconds, with `STATUS`.
"""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event

ML = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))


def told() -> dict[str, str]:
    """What it is to do, from the environment and the hyperparameters."""
    parameters = ML / "input" / "config" / "hyperparameters.json"
    own = json.loads(parameters.read_text()) if parameters.is_file() else {}
    return {**os.environ, **own}


def take(seconds: str) -> None:
    """The time that a real container would be busy."""
    Event().wait(float(seconds))


def work() -> int:
    """One job."""
    wish = told()
    print(wish.get("PRINT", "at work"), flush=True)
    take(wish.get("SECONDS", "0"))
    if "FAILURE" in wish:
        (ML / "output").mkdir(parents=True, exist_ok=True)
        (ML / "output" / "failure").write_text(wish["FAILURE"])
    model = ML / "model"
    if model.is_dir():
        (model / "model.txt").write_text("made")
    return int(wish.get("EXIT", "0"))


class Answers(BaseHTTPRequestHandler):
    """`GET /ping` and `POST /invocations`."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._send(200, b"")

    def do_POST(self) -> None:
        wish = os.environ
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        take(wish.get("DELAY", "0"))
        answer = {"version": wish.get("VERSION", ""), "body": body.decode("utf-8", "replace")}
        self._send(int(wish.get("STATUS", "200")), json.dumps(answer).encode())

    def log_message(self, *_: object) -> None:
        """Requests are no news."""

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def serve() -> int:
    port = int(os.environ.get("SAGEMAKER_BIND_TO_PORT", "8080"))
    ThreadingHTTPServer(("127.0.0.1", port), Answers).serve_forever()
    return 0


if __name__ == "__main__":
    serving = "serve" in sys.argv or "SAGEMAKER_BIND_TO_PORT" in os.environ
    sys.exit(serve() if serving else work())
