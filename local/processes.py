"""Child processes that never outlive the server, however it ends."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread

Line = Callable[[str], None]
_SHIM = (
    "import ctypes,os,sys;"
    "ctypes.CDLL(None).prctl(1,9);"
    "os.getppid()==int(sys.argv[1]) or os._exit(1);"
    "os.nice(int(sys.argv[2]));"
    "os.execvpe(sys.argv[3],sys.argv[3:],os.environ)"
)
"""Asks Linux for SIGKILL when the thread that started it ends, then becomes the command."""

_SPAWNER = ThreadPoolExecutor(1, thread_name_prefix="spawner")
"""The one thread that starts children: it lives as long as the server does."""


class Child:
    """A process in its own group, whose output goes line by line to `line`.

    With `niceness` (0 to 19) it yields the processor to processes that have less.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        cwd: Path,
        line: Line,
        niceness: int = 0,
    ) -> None:
        shim = [sys.executable, "-S", "-c", _SHIM, str(os.getpid()), str(niceness), *command]
        self._process = _SPAWNER.submit(
            subprocess.Popen,
            shim,
            env=dict(environment),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ).result()
        self._reader = Thread(target=self._read, args=(line,), daemon=True, name=f"out-{self.pid}")
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def poll(self) -> int | None:
        """The exit status, or None while it runs."""
        return self._process.poll()

    def wait(self, seconds: float | None = None) -> int | None:
        """The exit status after at most `seconds`; None when it still runs."""
        try:
            status = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        self._reader.join(1)
        return status

    def terminate(self) -> None:
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def end(self, grace: float) -> int | None:
        """SIGTERM, then SIGKILL for what is left after `grace` seconds."""
        self.terminate()
        status = self.wait(grace)
        self.kill()
        return status if status is not None else self.wait(5)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def _read(self, line: Line) -> None:
        output = self._process.stdout
        assert output is not None  # a pipe was asked for
        with output:
            for raw in output:
                line(raw.decode("utf-8", "replace").rstrip("\n"))
