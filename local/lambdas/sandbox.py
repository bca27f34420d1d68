"""One process that runs one function's events, one at a time."""

import contextlib
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Thread

from local.lambdas import memory
from local.lambdas.environment import module_path
from local.lambdas.function import Function
from local.lambdas.output import Lines, Output
from local.lambdas.runtime_api import Outcome, RuntimeApi, Task, failure

INIT_SECONDS = 60.0
RECOVERY_SECONDS = 2.0
WATCH_SECONDS = 0.1


class Sandbox:
    """Starts at construction; one that timed out or crashed is `dead` and never used again."""

    def __init__(
        self,
        function: Function,
        *,
        runtime: Path,
        folder: Path,
        environment: Mapping[str, str],
        lines: Lines,
    ) -> None:
        self.function = function
        self.dead = False
        self.last_used = time.monotonic()
        self._begun = time.monotonic()
        self._init_seconds: float | None = None
        self._init_told = False
        self._lines = lines
        self._recent: deque[str] = deque(maxlen=100)
        self._api = RuntimeApi(on_idle=self._touch)
        self._scratch = Path(tempfile.mkdtemp(dir=folder, prefix="sandbox-"))
        command = [sys.executable, "-S", "-u", "-m", "sandbox_bootstrap", function.handler]
        self._process = subprocess.Popen(
            command,
            cwd=function.code.path,
            env={
                **environment,
                "AWS_LAMBDA_RUNTIME_API": self._api.address,
                "PYTHONPATH": module_path(function, runtime),
                "TMPDIR": str(self._scratch),
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        assert self._process.stdout is not None  # a pipe was asked for
        self._output = Output(self._process.stdout.fileno(), self._hear)
        self._attendant = Thread(target=self._attend, name=f"lambda-{function.name}", daemon=True)
        self._attendant.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def function_name(self) -> str:
        return self.function.name

    @property
    def request_id(self) -> str:
        """Of the invocation at work, or of the last one."""
        return self._api.current

    @property
    def ready(self) -> bool:
        """Whether it has imported its handler."""
        return self._init_seconds is not None

    def take_init(self) -> float | None:
        """How long the initialisation took, for the first report; nothing later."""
        told, self._init_told = self._init_told, True
        return None if told else self._init_seconds

    def say(self, *lines: str) -> None:
        """Lines of the platform for the log stream of this sandbox, after what was printed."""
        self._output.catch_up()
        self._hear(lines)

    def begin(self, line: str) -> None:
        """The first line of an invocation: the log's tail starts here."""
        self._output.catch_up()
        self._recent.clear()
        self._hear([line])

    def recent(self) -> tuple[str, ...]:
        """The newest lines of an invocation, for whoever asked for the log's tail."""
        return tuple(self._recent)

    def wait_until_idle(self, seconds: float = INIT_SECONDS) -> bool:
        """Whether the process has imported its handler and asks for work."""
        deadline = time.monotonic() + seconds
        while not self.dead and time.monotonic() < deadline:
            if self._api.idle.wait(0.1):
                return True
        return False

    def run(self, task: Task) -> Outcome:
        """Ends with the answer, the deadline, the memory limit or the process."""
        self._api.offer(task)
        outcome = self._not_taken() or self._answer(task)
        self._touch()
        if outcome.error and not self.dead and not self._recovers():
            self.kill()
        return outcome

    def peak(self) -> int:
        """The most memory it ever used, in bytes."""
        return self._peak if self.dead else memory.peak(self.pid)

    _peak = 0

    def _not_taken(self) -> Outcome | None:
        """Wait until the process has taken the task; an outcome when it never does."""
        deadline = time.monotonic() + INIT_SECONDS
        while not self._api.taken.wait(0.05):
            if not self._api.outcomes.empty():
                break
            if time.monotonic() > deadline:
                self.kill()
                return failure("Runtime.InitTimeout", f"init took over {INIT_SECONDS:.0f} seconds")
        return None

    def _answer(self, task: Task) -> Outcome:
        limit = self.function.memory * memory.MEBIBYTE
        deadline = time.monotonic() + task.timeout
        while True:
            left = deadline - time.monotonic()
            with contextlib.suppress(queue.Empty):
                outcome = self._api.outcomes.get(timeout=max(0.0, min(left, WATCH_SECONDS)))
                over = not self.dead and memory.peak(self.pid) > limit
                return self._too_large(task, limit) if over else outcome
            if memory.in_use(self.pid) > limit:
                return self._too_large(task, limit)
            if left <= 0:
                self._peak = memory.peak(self.pid)
                self.kill()
                return _timed_out(task)

    def _too_large(self, task: Task, limit: int) -> Outcome:
        """As the kernel ends what uses more than it may."""
        self._peak = limit
        self.kill()
        return exited(task.request_id, "signal: killed")

    def _recovers(self) -> bool:
        """After an error: whether the process lives on and asks for the next event."""
        return self._api.taken.is_set() and self.wait_until_idle(RECOVERY_SECONDS)

    def kill(self) -> None:
        """The process and whatever it started."""
        self.dead = True
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._api.stop()

    def wait_until_gone(self, seconds: float = 1.0) -> None:
        """After `kill`: its last words are in the log and its files are gone."""
        self._attendant.join(seconds)

    def _touch(self) -> None:
        self.last_used = time.monotonic()
        if self._init_seconds is None:
            self._init_seconds = self.last_used - self._begun

    def _hear(self, lines: Sequence[str]) -> None:
        self._recent.extend(lines)
        self._lines(lines)

    def _attend(self) -> None:
        """Read what it prints, until its end; then leave nothing behind."""
        self._output.read_to_the_end()
        status = self._process.wait()
        self.dead = True
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._api.outcomes.put(exited(self._api.current, _ending(status)))
        self._api.stop()
        shutil.rmtree(self._scratch, ignore_errors=True)


StartSandbox = Callable[[Function], Sandbox]


def exited(request_id: str, how: str) -> Outcome:
    message = f"RequestId: {request_id} Error: Runtime exited with error: {how}"
    return failure("Runtime.ExitError", message)


def _ending(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    return f"signal: {signal.strsignal(-status) or -status}".lower()


def _timed_out(task: Task) -> Outcome:
    message = f"RequestId: {task.request_id} Error: Task timed out after {task.timeout:.2f} seconds"
    return failure("Sandbox.Timedout", message)
