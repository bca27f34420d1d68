"""The servers that are measured: how each is installed, started, asked and stopped.

A peer has its own environment under .sluice/bench, made at its first turn. It sees the packages of
this project behind its own, so that torch is there once and is the same for all.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import sysconfig
import time
import venv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from training.artifact import write
from training.container import TrainingJob
from training.task import Code, load

ROOT: Final = Path(__file__).parents[1]
FEATURES: Final = 64
_ENVIRONMENTS: Final = ROOT / ".sluice" / "bench"
_START_SECONDS: Final = 120.0
_INSTALL_SECONDS: Final = 600.0
_PINS: Final = {"litserve": "0.2.19", "bentoml": "1.4.40", "mlserver": "1.7.1"}


@dataclass(frozen=True)
class Contender:
    name: str
    command: Sequence[str]
    port: int
    request: bytes
    environment: Mapping[str, str] = field(default_factory=dict)
    ping: str = "/ping"


@dataclass(frozen=True)
class Running:
    contender: Contender
    process: subprocess.Popen[bytes]
    start: float  # seconds until it was healthy

    def pause(self) -> None:
        """Even an idle server may look around all the time, which would cost the other."""
        os.killpg(self.process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        os.killpg(self.process.pid, signal.SIGCONT)

    @property
    def resident(self) -> float:
        """MiB, of all its processes."""
        pages = sum(int((each / "statm").read_text().split()[1]) for each in self._processes())
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    @property
    def computed(self) -> float:
        """Seconds of a processor, of all its processes."""
        ticks = sum(sum(map(int, _stat(each)[11:13])) for each in self._processes())
        return ticks / os.sysconf("SC_CLK_TCK")

    def _processes(self) -> Iterator[Path]:
        for folder in Path("/proc").glob("[0-9]*"):
            stat = _stat(folder)
            if stat and int(stat[2]) == self.process.pid:
                yield folder


@contextmanager
def running(contender: Contender, *, cores: set[int] | None = None) -> Iterator[Running]:
    began = time.perf_counter()
    process = subprocess.Popen(
        contender.command,
        cwd=ROOT,
        env={**_ENVIRONMENT, **contender.environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    if cores:
        os.sched_setaffinity(process.pid, cores)  # before it has begun; its children inherit it
    try:
        while not _healthy(contender):
            if process.poll() is not None or time.perf_counter() - began > _START_SECONDS:
                raise RuntimeError(f"{contender.name} did not start: {contender.command}")
            time.sleep(0.02)
        yield Running(contender, process, time.perf_counter() - began)
    finally:
        with suppress(ProcessLookupError):  # it has ended by itself
            os.killpg(process.pid, signal.SIGCONT)
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


_ENVIRONMENT: Final = {
    "PATH": os.environ["PATH"],
    "HOME": str(_ENVIRONMENTS),
    "PYTHONPATH": str(ROOT),
    "OMP_NUM_THREADS": "1",
    "BENTOML_DO_NOT_TRACK": "True",
}


def sluice(base: Path, digest: str, *, body: bytes | None = None, **more: str) -> Contender:
    port = free_port()
    environment = {
        "SAGEMAKER_BASE_DIR": str(base),
        "SAGEMAKER_BIND_TO_PORT": str(port),
        "SLUICE_HOST": "127.0.0.1",
        "SLUICE_MODEL": "digits",
        "SLUICE_VERSION": "1",
        "SLUICE_MODEL_DIGEST": digest,
        **more,
    }
    command = [sys.executable, "-m", "serving", "serve"]
    return Contender("sluice", command, port, request(body=body), environment)


def fastapi(base: Path) -> Contender:
    return _module("fastapi", base, sys.executable)


def asgi(base: Path) -> Contender:
    """Our parser of bodies and our batcher behind uvicorn: what the protocol alone is worth."""
    return _module("asgi", base, sys.executable)


def litserve(base: Path) -> Contender:
    return _module("litserve", base, _environment("litserve"))


def bentoml(base: Path) -> Contender:
    python, port = _environment("bentoml"), free_port()
    command = [
        python, "-m", "bentoml", "serve", "bench.peers.bentoml_serving:Digits",
        "--host", "127.0.0.1", "--port", str(port),
    ]  # fmt: skip
    environment = {"SLUICE_BENCH_MODEL": str(base / "model")}
    return Contender("bentoml", command, port, request(), environment, ping="/readyz")


def mlserver(base: Path) -> Contender:
    python, port = _environment("mlserver"), free_port()
    folder = base / "mlserver"
    folder.mkdir(exist_ok=True)
    settings = {"http_port": port, "host": "127.0.0.1", "parallel_workers": 0, "debug": False}
    settings |= {"grpc_port": free_port(), "metrics_port": free_port()}
    model = {
        "name": "digits",
        "implementation": "bench.peers.mlserver_serving.Digits",
        "parameters": {"uri": str(base / "model")},
        "max_batch_size": 32,
        "max_batch_time": 0.003,
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    (folder / "model-settings.json").write_text(json.dumps(model))
    command = [str(Path(python).with_name("mlserver")), "start", str(folder)]
    tensor = {"name": "x", "shape": [1, FEATURES], "datatype": "FP32", "data": [_ROW]}
    asked = request(path="/v2/models/digits/infer", body=json.dumps({"inputs": [tensor]}).encode())
    return Contender("mlserver", command, port, asked, ping="/v2/health/ready")


PEERS: Final[Mapping[str, Callable[[Path], Contender]]] = {
    "asgi": asgi,
    "fastapi": fastapi,
    "litserve": litserve,
    "bentoml": bentoml,
    "mlserver": mlserver,
}


def artifact(folder: Path, *, source: bytes | None = None) -> str:
    """The digits model, or another of its columns; its weights do not change its speed."""
    code = Code.find("digits", root=ROOT)
    if source is not None:
        code = Code(source, code.model_toml, None)
    model = load(code.model_py, name="model.py").build()
    job = TrainingJob("digits", "0" * 12, "0" * 64, "0" * 64, "1")
    columns = tuple(f"pixel_{index}" for index in range(FEATURES))
    return write(folder, model=model, columns=columns, code=code, job=job)


_ROW: Final = [float(index % 17) for index in range(FEATURES)]


def request(
    *, path: str = "/invocations", body: bytes | None = None, content_type: str = "application/json"
) -> bytes:
    data = json.dumps({"instances": [_ROW]}).encode() if body is None else body
    head = (
        f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {len(data)}\r\n\r\n"
    )
    return head.encode() + data


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def _module(name: str, base: Path, python: str) -> Contender:
    port = free_port()
    command = [python, "-m", f"bench.peers.{name}_serving", str(base / "model"), str(port)]
    return Contender(name, command, port, request())


def _environment(peer: str) -> str:
    """The Python of a peer's own environment, which is made when it is not there."""
    folder = _ENVIRONMENTS / peer
    python, ready = folder / "bin" / "python", folder / ".ready"
    if not ready.exists():
        sys.stderr.write(f"installing {peer} into {folder}\n")
        venv.create(folder, with_pip=True, clear=True)
        (site,) = folder.glob("lib/python*/site-packages")
        (site / "project.pth").write_text(sysconfig.get_path("purelib"))
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", f"{peer}=={_PINS[peer]}"],
            check=True,
            timeout=_INSTALL_SECONDS,
            stdout=sys.stderr,
        )
        ready.touch()
    return str(python)


def _healthy(contender: Contender) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", contender.port, timeout=2)
    try:
        connection.request("GET", contender.ping)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _stat(folder: Path) -> list[str]:
    """What /proc says of a process after its name, or nothing when it has ended."""
    try:
        return (folder / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
