"""The embedded AWS as a process of its own: started, waited for, stopped."""

import contextlib
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from cli.errors import DeployError, PortBusyError
from cli.home import LOCAL, Local

_START = 30.0
_STOP = 15.0
_POLL = 0.05


def images() -> list[str]:
    """Which commands stand for the containers of training, evaluation and serving here."""
    python = shlex.quote(sys.executable)
    return [
        f"/pytorch:={python} {{entrypoint}} {{arguments}}",
        f"/sluice-serving:=env SLUICE_HOST=127.0.0.1 {python} -m serving",
    ]


def start(folder: Path, *, port: int, time_scale: float) -> Local:
    """The embedded AWS as it was left; raises PortBusyError and DeployError."""
    free(port)
    folder.mkdir(parents=True, exist_ok=True)
    state, ready = folder / "state", folder / "ready"
    ready.unlink(missing_ok=True)
    command = [sys.executable, "-m", "local", "--port", str(port), "--state", str(state)]
    command += ["--time-scale", str(time_scale), "--ready-file", str(ready)]
    command += [word for image in images() for word in ("--image", image)]
    with (folder / "local.log").open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
        )
    begun = Local("", process.pid, time_scale)
    begun.write(folder)
    return awaited(folder, begun)


def awaited(folder: Path, begun: Local) -> Local:
    """One that was started, perhaps by an `up` that was killed, once it answers."""
    url = begun.url or _await(begun.pid, folder / "ready", folder / "local.log")
    local = Local(url, begun.pid, begun.time_scale)
    local.write(folder)
    return local


def stop(folder: Path) -> bool:
    """Stop it and everything it started; whether there was one."""
    local = Local.read(folder)
    there = local is not None and local.alive
    if local is not None and there:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(local.pid, signal.SIGTERM)
            if not _gone(local.pid, _STOP):
                os.killpg(local.pid, signal.SIGKILL)
    for name in (LOCAL, "ready"):
        (folder / name).unlink(missing_ok=True)
    return there


def free(port: int) -> None:
    """Raise PortBusyError when somebody listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise PortBusyError(
                f"port {port} on 127.0.0.1 is taken; say --port with another, or 0 for any"
            ) from error


def _await(pid: int, ready: Path, log: Path) -> str:
    deadline = time.monotonic() + _START
    while time.monotonic() < deadline:
        if ready.is_file() and (url := ready.read_text("utf-8").strip()):
            return url
        if _gone(pid, 0.0):
            lines = log.read_text("utf-8", "replace").strip().splitlines() or ["it said nothing"]
            raise DeployError(f"the embedded AWS did not start: {lines[-1]}")
        time.sleep(_POLL)
    os.kill(pid, signal.SIGKILL)
    raise DeployError(f"the embedded AWS was not ready within {_START:.0f} s; see {log}")


def _gone(pid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL)
