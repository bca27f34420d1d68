"""The serving container as a process, and what a client does to it."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.fakes.artifact import write_artifact

ROOT = Path(__file__).parents[2]
DEADLINE = 60.0


def environment(base: Path, digest: str, **more: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "SAGEMAKER_BASE_DIR": str(base),
        "SAGEMAKER_BIND_TO_PORT": "0",
        "SLUICE_HOST": "127.0.0.1",
        "SLUICE_MODEL": "clouds",
        "SLUICE_VERSION": "2",
        "SLUICE_MODEL_DIGEST": digest,
        **more,
    }


class Process:
    def __init__(self, base: Path, *, source: str, **more: str) -> None:
        self.digest = write_artifact(base / "model", source=source)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "serving", "serve"],
            env=environment(base, self.digest, **more),
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stderr is not None
        self.port = next(
            line["port"]
            for line in map(json.loads, self.process.stderr)
            if line["message"] == "serving"
        )

    def ask(
        self, path: str, body: object = None, *, method: str = "POST"
    ) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, path, data, {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()
        finally:
            connection.close()

    def predict(self, value: int, *, gated: bool = False) -> tuple[int, bytes]:
        row = [-1 if gated else 1, value, 0, 0]
        status, _, body = self.ask("/invocations", {"instances": [row]})
        return status, body

    def metric(self, name: str) -> int:
        _, _, text = self.ask("/metrics", method="GET")
        found = [line for line in text.decode().splitlines() if line.startswith(f"{name} ")]
        return sum(int(line.split()[1]) for line in found)

    def connected(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE)

    def threads(self) -> int:
        return len(list(Path(f"/proc/{self.process.pid}/task").iterdir()))

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        assert self.process.stderr is not None
        self.process.stderr.close()


@contextmanager
def running(base: Path, *, source: str, **more: str) -> Iterator[Process]:
    process = Process(base, source=source, **more)
    try:
        yield process
    finally:
        process.end()


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not holds():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)
