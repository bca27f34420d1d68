"""`python -m bench.serving`: our server beside FastAPI on uvicorn, same model, same load, one run.

Servers are loaded in turn, never together, each as one process with one torch thread; the load
comes from this process. The digits model is not trained: its weights do not change its speed.
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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.load import Load, measure
from training.artifact import write
from training.container import TrainingJob
from training.task import Code, load

_ROOT: Final = Path(__file__).parents[1]
_CONNECTIONS: Final = (1, 16, 64)
_SECONDS: Final = 3.0
_START_SECONDS: Final = 60.0


@dataclass(frozen=True)
class Contender:
    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    port: int


@dataclass(frozen=True)
class Found:
    start: float  # seconds to the first healthy answer
    resident: float  # MiB
    loads: tuple[Load, ...]  # one for each number of connections


def main() -> int:
    with tempfile.TemporaryDirectory() as scratch:
        base = Path(scratch)
        digest = _artifact(base / "model")
        found = [_bench(contender) for contender in (_ours(base, digest), _fastapi(base))]
    _write(_table(*found))
    return int(any(load.failures for each in found for load in each.loads))


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


def _bench(contender: Contender) -> Found:
    with _running(contender) as (process, start):
        request = _request()
        measure(contender.port, request, connections=4, seconds=0.3)
        loads = tuple(
            measure(contender.port, request, connections=count, seconds=_SECONDS)
            for count in _CONNECTIONS
        )
        return Found(start, _resident(process.pid), loads)


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


def _table(ours: Found, peer: Found) -> list[str]:
    lines = [
        "| connections | sluice rps | p50 ms | p99 ms | fastapi rps | p50 ms | p99 ms | ratio |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for count, mine, theirs in zip(_CONNECTIONS, ours.loads, peer.loads, strict=True):
        ratio = mine.rate / theirs.rate
        lines.append(f"| {count} | {_cells(mine)} | {_cells(theirs)} | {ratio:.1f} |")
    starts = f"start {ours.start:.1f} s and {peer.start:.1f} s"
    resident = f"resident {ours.resident:.0f} and {peer.resident:.0f} MiB"
    failures = sum(load.failures for each in (ours, peer) for load in each.loads)
    return [*lines, "", f"{starts}; {resident}; {failures} answers were not 200"]


def _cells(load: Load) -> str:
    p50, p99 = load.quantile(0.5) * 1000, load.quantile(0.99) * 1000
    return f"{load.rate:.0f} | {p50:.2f} | {p99:.2f}"


def _write(lines: Sequence[str]) -> None:
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    raise SystemExit(main())
