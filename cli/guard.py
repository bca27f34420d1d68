"""A command that ends, with everything it started, when the process that began it does."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

_GUARD = """
import os, signal, subprocess, sys, threading
def watch():
    os.read(int(sys.argv[1]), 1)
    os.killpg(0, signal.SIGKILL)
threading.Thread(target=watch, daemon=True).start()
os._exit(subprocess.call(sys.argv[2:]) & 255)
"""


def guarded(
    command: Sequence[str], *, cwd: Path, environment: Mapping[str, str]
) -> "subprocess.Popen[str]":
    """Begin a command in a session of its own; its output and errors are one stream."""
    life = _life()
    return subprocess.Popen(
        [sys.executable, "-S", "-c", _GUARD, str(life), *command],
        cwd=cwd,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        pass_fds=[life],
    )


def end(process: "subprocess.Popen[str]") -> None:
    """End a command with everything it started."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@cache
def _life() -> int:
    """A pipe that nobody writes to: its end is the end of this process, which holds the other."""
    read, _ = os.pipe()
    return read
