"""What training and processing jobs have in common: a record that moves on, and one process."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from threading import Event, RLock
from typing import Any

from local.errors import AwsError
from local.processes import Child
from local.sagemaker.container import Container
from local.sagemaker.parts import GRACE, Parts, Request, invalid, page

_POLL = 0.05
_NICENESS = 19
"""In AWS a job has machines of its own; here it must not slow down what serves."""
_STREAMS = itertools.count(1)


class StoppedError(Exception):
    """The job was asked to stop before its container had ended."""


@dataclass
class Job:
    """One job: what DescribeX tells, and the way to stop it."""

    name: str
    told: dict[str, Any]
    container: Container
    stopping: Event = field(default_factory=Event)
    lock: RLock = field(default_factory=RLock)

    def update(self, **fields: Any) -> None:
        with self.lock:
            self.told.update(fields)

    def described(self) -> dict[str, Any]:
        with self.lock:
            return dict(self.told)


class JobBook:
    """Jobs by name; a name is taken for good."""

    def __init__(self, kind: str, status_key: str, name_key: str) -> None:
        self._kind = kind
        self._status_key = status_key
        self._name_key = name_key
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

    def listed(self, request: Request) -> tuple[list[dict[str, Any]], Request]:
        """Descriptions by the filters and order of a List call, and the next token."""
        told = [job.described() for job in self.all()]
        status, part = request.get("StatusEquals"), request.get("NameContains", "")
        told = [
            t for t in told if status in {None, t[self._status_key]} and part in t[self._name_key]
        ]
        told.sort(key=lambda t: t["CreationTime"], reverse=request.get("SortOrder") != "Ascending")
        return page(request, told)


def run(
    parts: Parts,
    job: Job,
    command: list[str],
    *,
    environment: Mapping[str, str],
    group: str,
    limit: float,
) -> int:
    """Run a container to its end; its exit status.

    Raises StoppedError when it was stopped, TimeoutError when it ran longer than `limit` seconds
    (both after SIGTERM and the scaled grace).
    """
    stream = f"{job.name}/algo-1-{int(parts.now().timestamp())}{next(_STREAMS)}"
    child = Child(
        command,
        environment=environment,
        cwd=job.container.base.parents[1],
        line=lambda line: parts.logs.write(group, stream, [line]),
        niceness=_NICENESS,
    )
    waited = 0.0
    while True:
        status = child.wait(_POLL)
        if status is not None:
            return status
        waited += _POLL
        if job.stopping.is_set():
            child.end(parts.clock.scaled(GRACE))
            raise StoppedError
        if waited > limit:
            child.end(parts.clock.scaled(GRACE))
            raise TimeoutError


def seconds_between(start: datetime | None, end: datetime) -> int:
    """Whole billable seconds, at least one."""
    return max(1, round((end - start).total_seconds())) if start else 0
