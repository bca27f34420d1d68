"""The container image of the conformance checks: trains, processes or serves as it is told.

A job's hyperparameters or environment say how it behaves: `EXIT` (status), `SECONDS` (work),
`FAILURE` (what it writes to /opt/ml/output/failure), `MESSAGE` (to /opt/ml/output/message), `PRINT`
(a line), `TELL` (a file below /opt/ml to print), `LIST` (a folder there), `COPY` (`from:to` there),
`OBJECTIVE` (the parameter whose square is its metric). With `ECHO` a server answers a body with
itself. A server answers a request
with its body and who it is (`VERSION`), after `DELAY` seconds, with `STATUS`.
"""

import json
import os
import shutil
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
    if "TELL" in wish:
        print((ML / wish["TELL"]).read_text(), flush=True)
    if "LIST" in wish:
        print(json.dumps(sorted(each.name for each in (ML / wish["LIST"]).iterdir())), flush=True)
    if "COPY" in wish:
        source, target = wish["COPY"].split(":")
        shutil.copytree(ML / source, ML / target, dirs_exist_ok=True)
    if "OBJECTIVE" in wish:
        print(f"objective={float(wish[wish['OBJECTIVE']]) ** 2}", flush=True)
    take(wish.get("SECONDS", "0"))
    for wanted, name in (("FAILURE", "failure"), ("MESSAGE", "message")):
        if wanted in wish:
            (ML / "output").mkdir(parents=True, exist_ok=True)
            (ML / "output" / name).write_text(wish[wanted])
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
        if "ECHO" in wish:
            self._send(int(wish.get("STATUS", "200")), body)
            return
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
