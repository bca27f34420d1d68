"""`python -m bench.serving`: our server beside FastAPI on uvicorn, same model, same load, one run.

Servers are loaded in turn, never together, each as one process with one torch thread; the load
comes from this process. The turns are short and repeated, so that whatever else the machine does
meets both: a cell is the middle one of its turns, and a ratio compares turns that are neighbours.
The digits model is not trained: its weights do not change its speed.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from bench.load import Load, measure
from training.artifact import write
from training.container import TrainingJob
from training.task import Code, load

_ROOT: Final = Path(__file__).parents[1]
_CONNECTIONS: Final = (1, 16, 64)
_TURNS: Final = 5
_SECONDS: Final = 1.0
_START_SECONDS: Final = 60.0


@dataclass(frozen=True)
class Contender:
    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    port: int


@dataclass(frozen=True)
class Turn:
    """Both under the same load, one directly after the other."""

    ours: Load
    peer: Load

    @property
    def ratio(self) -> float:
        return self.ours.rate / self.peer.rate


def main() -> int:
    with tempfile.TemporaryDirectory() as scratch:
        base = Path(scratch)
        digest = _artifact(base / "model")
        ours, peer = _ours(base, digest), _fastapi(base)
        with _running(ours) as (process, start), _running(peer) as (peer_process, peer_start):
            turns = {count: _turns(ours.port, peer.port, count) for count in _CONNECTIONS}
            resident = f"{_resident(process.pid):.0f} and {_resident(peer_process.pid):.0f} MiB"
    failures = sum(_failures(each) for each in turns.values())
    _write(_table(turns))
    _write(
        [
            "",
            f"start {start:.1f} s and {peer_start:.1f} s; resident {resident}; not 200: {failures}",
        ]
    )
    return int(failures > 0)


def _ours(base: Path, digest: str) -> Contender:
    port = _free_port()
    environment = {
        "SAGEMAKER_BASE_DIR": str(base),
        "SAGEMAKER_BIND_TO_PORT": str(port),
        "SLUICE_HOST": "127.0.0.1",
        "SLUICE_MODEL": "digits",
        "SLUICE_VERSION": "1",
        "SLUICE_MODEL_DIGEST": digest,
    }
    return Contender("sluice", [sys.executable, "-m", "serving", "serve"], environment, port)


def _fastapi(base: Path) -> Contender:
    port = _free_port()
    module = "bench.peers.fastapi_serving"
    command = [sys.executable, "-m", module, str(base / "model"), str(port)]
    return Contender("fastapi", command, {}, port)


def _turns(ours: int, peer: int, connections: int) -> list[Turn]:
    request = _request()

    def load(port: int, seconds: float = _SECONDS) -> Load:
        return measure(port, request, connections=connections, seconds=seconds)

    load(ours, 0.3)
    load(peer, 0.3)
    return [Turn(load(ours), load(peer)) for _ in range(_TURNS)]


@contextmanager
def _running(contender: Contender) -> Iterator[tuple[subprocess.Popen[bytes], float]]:
    began = time.perf_counter()
    process = subprocess.Popen(
        contender.command,
        cwd=_ROOT,
        env={"PATH": os.environ["PATH"], **contender.environment},
        stderr=subprocess.DEVNULL,
    )
    try:
        while not _healthy(contender.port):
            if process.poll() is not None or time.perf_counter() - began > _START_SECONDS:
                raise RuntimeError(f"{contender.name} did not start: {contender.command}")
            time.sleep(0.01)
        yield process, time.perf_counter() - began
    finally:
        process.terminate()
        process.wait()


def _healthy(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/ping")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _artifact(folder: Path) -> str:
    code = Code.find("digits", root=_ROOT)
    model = load(code.model_py, name="model.py").build()
    job = TrainingJob("digits", "0" * 12, "0" * 64, "0" * 64, "1")
    columns = tuple(f"pixel_{index}" for index in range(64))
    return write(folder, model=model, columns=columns, code=code, job=job)


def _request() -> bytes:
    body = json.dumps({"instances": [[float(index % 17) for index in range(64)]]}).encode()
    head = (
        "POST /invocations HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _resident(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) / 1024


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def _failures(turns: list[Turn]) -> int:
    return sum(turn.ours.failures + turn.peer.failures for turn in turns)


def _table(turns: Mapping[int, list[Turn]]) -> list[str]:
    lines = [
        "| connections | sluice rps | p50 ms | p99 ms | fastapi rps | p50 ms | p99 ms"
        " | ratio | least | most |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for connections, each in turns.items():
        mine, theirs = _middle(turn.ours for turn in each), _middle(turn.peer for turn in each)
        ratios = sorted(turn.ratio for turn in each)
        spread = f"{median(ratios):.1f} | {ratios[0]:.1f} | {ratios[-1]:.1f}"
        lines.append(f"| {connections} | {_cells(mine)} | {_cells(theirs)} | {spread} |")
    return lines


def _middle(loads: Iterable[Load]) -> Load:
    ordered = sorted(loads, key=lambda load: load.rate)
    return ordered[len(ordered) // 2]


def _cells(load: Load) -> str:
    p50, p99 = load.quantile(0.5) * 1000, load.quantile(0.99) * 1000
    return f"{load.rate:.0f} | {p50:.2f} | {p99:.2f}"


def _write(lines: Sequence[str]) -> None:
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    raise SystemExit(main())
