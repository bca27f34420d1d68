"""What training and processing jobs have in common: a record that moves on, and one process."""

import itertools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from threading import Event, RLock
from typing import Any

from local.errors import AwsError
from local.processes import Child
from local.sagemaker.container import Container
from local.sagemaker.parts import GRACE, Parts, Request, invalid

_POLL = 0.05
_NICENESS = 19
"""In AWS a job has machines of its own; here it must not slow down what serves."""
_STREAMS = itertools.count(1)


class StoppedError(Exception):
    """The job was asked to stop before its container had ended."""


@dataclass(frozen=True)
class Ending:
    """How a job ends; `reason` is a FailureReason, `secondary` says more than the status."""

    status: str
    reason: str = ""
    secondary: str = ""


@dataclass
class Job:
    """One job: what DescribeX tells, and the way to stop it."""

    name: str
    told: dict[str, Any]
    container: Container
    stopping: Event = field(default_factory=Event)
    lock: RLock = field(default_factory=RLock)
    child: Child | None = None

    def update(self, **fields: Any) -> None:
        with self.lock:
            self.told.update(fields)

    def described(self) -> dict[str, Any]:
        with self.lock:
            return dict(self.told)

    def unless_stopped(self) -> None:
        """Raises StoppedError."""
        if self.stopping.is_set():
            raise StoppedError

    def provision(self, seconds: float) -> None:
        """Take the time that machines take to come; a stop ends it with StoppedError."""
        self.stopping.wait(seconds)
        self.unless_stopped()

    def kill(self) -> None:
        """For the end of the server: when this returns, its processes are gone."""
        with self.lock:
            self.stopping.set()
            child = self.child
        if child is not None:
            child.kill()
            child.wait(5)


class JobBook:
    """Jobs by name; a name is taken for good."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._lock = RLock()
        self._jobs: dict[str, Job] = {}

    def add(self, job: Job, arn: str) -> None:
        """Raises ResourceInUse when there is one of this name."""
        with self._lock:
            if job.name in self._jobs:
                raise AwsError(
                    "ResourceInUse",
                    f"{self._kind} job names must be unique within an AWS account and region,"
                    f" and a {self._kind.lower()} job with this name already exists ({arn})",
                )
            self._jobs[job.name] = job

    def find(self, name: str) -> Job:
        """Raises SageMaker's error when there is none."""
        with self._lock:
            job = self._jobs.get(name)
        if job is None:
            raise invalid("Requested resource not found.")
        return job

    def all(self) -> list[Job]:
        with self._lock:
            return list(self._jobs.values())

    def described(self) -> list[Request]:
        return [job.described() for job in self.all()]

    def kill(self) -> None:
        for job in self.all():
            job.kill()


def _nothing(*_: str) -> None:
    return


def run(
    parts: Parts,
    job: Job,
    command: list[str],
    *,
    environment: Mapping[str, str],
    group: str,
    limit: float,
    heard: Callable[[str], None] = _nothing,
    meanwhile: Callable[[], None] = _nothing,
) -> int:
    """Run a container to its end; its exit status.

    `heard` gets each line of its output, `meanwhile` is called again and again while it runs.
    Raises StoppedError when it was stopped, TimeoutError when it ran longer than `limit` seconds
    (both after SIGTERM and the scaled grace).
    """
    stream = f"{job.name}/algo-1-{int(parts.now().timestamp())}{next(_STREAMS)}"

    def line(text: str) -> None:
        parts.logs.write(group, stream, [text])
        heard(text)

    with job.lock:
        job.unless_stopped()
        child = job.child = Child(
            command,
            environment=environment,
            cwd=job.container.base.parents[1],
            line=line,
            niceness=_NICENESS,
        )
    deadline = time.monotonic() + limit
    while (status := child.wait(_POLL)) is None:
        if job.stopping.is_set():
            child.end(parts.clock.scaled(GRACE))
            raise StoppedError
        if time.monotonic() > deadline:
            child.end(parts.clock.scaled(GRACE))
            raise TimeoutError
        meanwhile()
    child.kill()  # what the container's first process has left behind
    return status


def seconds_between(start: datetime | None, end: datetime) -> int:
    """Whole billable seconds, at least one."""
    return max(1, round((end - start).total_seconds())) if start else 0
