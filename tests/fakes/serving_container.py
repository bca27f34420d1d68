"""A container that answers as Sluice's does: as many predictions as questions, and who it is."""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Answers(BaseHTTPRequestHandler):
    """`GET /ping` and `POST /invocations`."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._send(b"")

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)))
        self._send(json.dumps({"predictions": [0 for _ in asked["instances"]]}).encode())

    def log_message(self, *_: object) -> None:
        """Requests are no news."""

    def _send(self, body: bytes) -> None:
        version, digest = os.environ["SLUICE_VERSION"], os.environ["SLUICE_MODEL_DIGEST"]
        said = f"version={version};digest={digest[:12]}"
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("X-Amzn-SageMaker-Custom-Attributes", said)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    port = int(os.environ.get("SAGEMAKER_BIND_TO_PORT", "8080"))
    ThreadingHTTPServer(("127.0.0.1", port), Answers).serve_forever()
