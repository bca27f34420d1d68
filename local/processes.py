"""Child processes that never outlive the server, however it ends."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock, Thread

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


_REAPER = """
import os, sys
sessions = set()
for line in sys.stdin:
    (sessions.add if line[0] == "+" else sessions.discard)(int(line[1:]))
for name in filter(str.isdigit, os.listdir("/proc") if sessions else ()):
    try:
        if os.getsid(int(name)) in sessions:
            os.kill(int(name), 9)
    except OSError:
        pass
"""
"""Outlives the server by a moment: what the children started, the kernel does not take along."""


class Reaper:
    """Is told of every child's session, and ends those that are left when this process ends."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._process: subprocess.Popen[str] | None = None

    def began(self, session: int) -> None:
        with self._lock:
            if self._process is None:
                self._process = subprocess.Popen(
                    [sys.executable, "-S", "-c", _REAPER],
                    stdout=subprocess.DEVNULL,
                    stdin=subprocess.PIPE,
                    text=True,
                    start_new_session=True,
                )
            self._tell(f"+{session}\n")

    def ended(self, session: int) -> None:
        with self._lock:
            self._tell(f"-{session}\n")

    def _tell(self, line: str) -> None:
        stream = self._process.stdin if self._process is not None else None
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.write(line)
                stream.flush()


_REAPS = Reaper()


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
        _REAPS.began(self.pid)
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
        _REAPS.ended(self.pid)
