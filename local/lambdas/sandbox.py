"""One process that runs one function's events, one at a time."""

import contextlib
import queue
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

from local.lambdas.function import Function
from local.lambdas.runtime_api import Outcome, RuntimeApi, Task, failure

INIT_SECONDS = 60.0
RECOVERY_SECONDS = 2.0
Lines = Callable[[Sequence[str]], None]


class Sandbox:
    """Starts at construction; one that timed out or crashed is `dead` and never used again."""

    def __init__(
        self, function: Function, *, runtime: Path, environment: Mapping[str, str], lines: Lines
    ) -> None:
        self.function = function
        self.dead = False
        self.last_used = time.monotonic()
        self._lines = lines
        self._recent: deque[str] = deque(maxlen=100)
        self._api = RuntimeApi(on_idle=self._touch)
        command = [sys.executable, "-S", "-u", "-m", "sandbox_bootstrap", function.handler]
        self._process = subprocess.Popen(
            command,
            cwd=function.code.path,
            env={
                **environment,
                "AWS_LAMBDA_RUNTIME_API": self._api.address,
                "PYTHONPATH": f"{function.code.path}:{runtime}",
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        Thread(target=self._read_output, name=f"lambda-{function.name}", daemon=True).start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def say(self, *lines: str) -> None:
        """Lines for the log stream of this sandbox, the platform's and the function's."""
        self._recent.extend(lines)
        self._lines(lines)

    def recent(self) -> tuple[str, ...]:
        """The newest lines, for whoever asked for the log's tail."""
        return tuple(self._recent)

    def wait_until_idle(self, seconds: float = INIT_SECONDS) -> bool:
        """Whether the process has imported its handler and asks for work."""
        deadline = time.monotonic() + seconds
        while not self.dead and time.monotonic() < deadline:
            if self._api.idle.wait(0.1):
                return True
        return False

    def run(self, task: Task) -> Outcome:
        self._api.offer(task)
        deadline = time.monotonic() + INIT_SECONDS
        while not self._api.taken.wait(0.05):
            if not self._api.outcomes.empty():
                break
            if time.monotonic() > deadline:
                self.kill()
                return failure("Runtime.InitTimeout", f"init took over {INIT_SECONDS:.0f} seconds")
        try:
            outcome = self._api.outcomes.get(timeout=task.timeout)
        except queue.Empty:
            self.kill()
            return _timed_out(task)
        self._touch()
        if outcome.error and not self._recovers():
            self.kill()
        return outcome

    def _recovers(self) -> bool:
        """After an error: whether the process lives on and asks for the next event."""
        return self._api.taken.is_set() and self.wait_until_idle(RECOVERY_SECONDS)

    def kill(self) -> None:
        self.dead = True
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._api.stop()

    def _touch(self) -> None:
        self.last_used = time.monotonic()

    def _read_output(self) -> None:
        output = self._process.stdout
        assert output is not None  # a pipe was asked for
        with output:
            for raw in output:
                self.say(raw.decode("utf-8", "replace").rstrip("\n"))
        status = self._process.wait()
        self.dead = True
        if self._process.stdin is not None:
            self._process.stdin.close()
        reason = f"Runtime exited with {_ending(status)}"
        self._api.outcomes.put(failure("Runtime.ExitError", reason))
        self._api.stop()


def _ending(status: int) -> str:
    return f"error: signal {-status}" if status < 0 else f"error: exit status {status}"


def _timed_out(task: Task) -> Outcome:
    moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    message = f"{moment} {task.request_id} Task timed out after {task.timeout:.2f} seconds"
    return failure("Sandbox.Timedout", message)
