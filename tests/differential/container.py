"""The image of these stories: what a drop says of itself is what its model scores and serves.

A data file is JSON: the drop's name, its score, and whether its model fails under traffic.
"""

import json
import os
import sys
import tarfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

ML = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
MODEL = "drop.json"
TRAFFIC = "traffic"
"""An instance that is no probe."""


def train() -> None:
    (data,) = [p for p in (ML / "input" / "data" / "train").rglob("*") if p.is_file()]
    told = ML / "input" / "config" / "hyperparameters.json"
    made = {**json.loads(data.read_text()), "run": json.loads(told.read_text())["run"]}
    (ML / "model").mkdir(exist_ok=True)
    (ML / "model" / MODEL).write_text(json.dumps(made))


def evaluate() -> None:
    """The report that the gate reads, from what both models say of themselves."""
    sys.path.insert(0, str(Path(__file__).parents[2]))
    from tests.builders import a_report, digest
    from tests.fakes.stage import replace_digest

    folder = ML / "processing"
    candidate, champion = (_packed(folder / "input" / who) for who in ("candidate", "champion"))
    run = os.environ["SLUICE_RUN"]
    report = a_report(
        candidate["score"],
        champion=champion.get("score"),
        champion_digest=os.environ.get("SLUICE_CHAMPION_DIGEST"),
        run=run,
    )
    (folder / "output").mkdir(exist_ok=True)
    text = json.dumps(replace_digest(report.model_dump(mode="json"), digest(run)))
    (folder / "output" / "report.json").write_text(text)


def _packed(folder: Path) -> dict[str, Any]:
    archives = list(folder.rglob("*.tar.gz")) if folder.is_dir() else []
    if not archives:
        return {}
    with tarfile.open(archives[0]) as archive:
        member = next(m for m in archive.getmembers() if m.name.endswith(MODEL))
        found: dict[str, Any] = json.load(archive.extractfile(member))  # type: ignore[arg-type]  # a file
    return found


class Answers(BaseHTTPRequestHandler):
    """`GET /ping` and `POST /invocations`; only traffic sees a model fail."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._send(200, {})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        instances = json.loads(body)["instances"]
        made = json.loads(next((ML / "model").rglob(MODEL)).read_text())
        fails = bool(made["fails"]) and TRAFFIC in instances
        self._send(500 if fails else 200, {"predictions": [0 for _ in instances]})

    def log_message(self, *_: object) -> None:
        """Requests are no news."""

    def _send(self, status: int, value: object) -> None:
        text = json.dumps(value).encode()
        self.send_response(status)
        version = os.environ.get("SLUICE_VERSION", "")
        self.send_header("X-Amzn-SageMaker-Custom-Attributes", f"version={version}")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


def serve() -> None:
    port = int(os.environ.get("SAGEMAKER_BIND_TO_PORT", "8080"))
    ThreadingHTTPServer(("127.0.0.1", port), Answers).serve_forever()


if __name__ == "__main__":
    if "train" in sys.argv:
        train()
    elif "evaluate" in sys.argv:
        evaluate()
    else:
        serve()
