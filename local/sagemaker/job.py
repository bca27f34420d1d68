"""What all jobs have in common: a record that outlasts the process, and a name that is taken."""

import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from threading import Event, RLock, Thread
from typing import Any, Protocol

from local.errors import AwsError
from local.sagemaker.parts import Parts, Request, invalid
from local.store import Shelf

FINAL = frozenset({"Completed", "Failed", "Stopped"})
log = logging.getLogger("local.sagemaker")


class StoppedError(Exception):
    """The job was asked to stop before it had ended."""


class ClosedError(Exception):
    """The server ends: nothing of the job may be told or kept any more."""


class Process(Protocol):
    """What a job starts on a machine."""

    def kill(self) -> None: ...

    def wait(self, seconds: float | None = None) -> int | None: ...


@dataclass(frozen=True)
class Ending:
    """How a job ends; `reason` is a FailureReason, `secondary` says more than the status."""

    status: str
    reason: str = ""
    secondary: str = ""


@dataclass
class Job:
    """One job: what DescribeX tells, what else is kept of it, and the way to stop it."""

    name: str
    told: dict[str, Any]
    place: Path
    """The folder of its containers."""
    shelf: Shelf
    kept: dict[str, Any] = field(default_factory=dict)
    stopping: Event = field(default_factory=Event)
    closing: Event = field(default_factory=Event)
    lock: RLock = field(default_factory=RLock)
    children: list[Process] = field(default_factory=list)

    def keep(self) -> None:
        """What is told and kept now is there after a crash."""
        with self.lock:
            self.unless_closed()
            self.shelf.put(self.name, {"told": self.told, "kept": self.kept})

    def update(self, **fields: Any) -> None:
        with self.lock:
            self.told.update(fields)

    def described(self) -> dict[str, Any]:
        with self.lock:
            return dict(self.told)

    def unless_closed(self) -> None:
        if self.closing.is_set():
            raise ClosedError

    def unless_stopped(self) -> None:
        """Raises StoppedError, and ClosedError when the server ends."""
        self.unless_closed()
        if self.stopping.is_set():
            raise StoppedError

    def provision(self, seconds: float) -> None:
        """Take the time that machines take to come; a stop ends it with StoppedError."""
        self.stopping.wait(seconds)
        self.unless_stopped()

    def strike(self) -> bool:
        """SIGKILL for its processes, as if memory had run out; whether there were any."""
        with self.lock:
            children = list(self.children)
        for child in children:
            child.kill()
        return bool(children)

    def close(self) -> None:
        """For the end of the server: when this returns, its processes are gone."""
        with self.lock:
            self.closing.set()
            self.stopping.set()
            children = list(self.children)
        for child in children:
            child.kill()
        for child in children:
            child.wait(5)

    def tidy(self) -> None:
        """Its machines are given back, and what lay on them is gone."""
        shutil.rmtree(self.place, ignore_errors=True)


class JobBook:
    """Jobs of one kind by name, each on the shelf."""

    def __init__(self, parts: Parts, kind: str, described: str) -> None:
        self._kind = kind
        self._described = described
        self._lock = RLock()
        self._closed = False
        self._shelf = parts.account.store.shelf(f"sagemaker {kind} jobs")
        self._folder = parts.state / "jobs" / kind
        self._jobs = {
            name: self._job(name, each["told"], each["kept"])
            for name, each in self._shelf.all().items()
        }

    def add(self, name: str, told: dict[str, Any], arn: str, **kept: Any) -> Job:
        """A new job; ResourceInUse when there is one of this name, ClosedError at the end."""
        job = self._job(name, told, kept)
        with self._lock:
            if self._closed:
                raise ClosedError
            if name in self._jobs:
                raise AwsError(
                    "ResourceInUse",
                    f"{self._described} names must be unique within an AWS account and region,"
                    f" and a {_lowered(self._described)} with this name already exists ({arn})",
                )
            job.keep()
            self._jobs[name] = job
        return job

    def find(self, name: str) -> Job:
        """Raises SageMaker's error when there is none."""
        job = self.get(name)
        if job is None:
            raise invalid("Requested resource not found.")
        return job

    def get(self, name: str) -> Job | None:
        with self._lock:
            return self._jobs.get(name)

    def remove(self, job: Job) -> None:
        """Its name is free again."""
        with self._lock, job.lock:
            self._jobs.pop(job.name, None)
            self._shelf.drop(job.name)

    def all(self) -> list[Job]:
        with self._lock:
            return list(self._jobs.values())

    def described(self) -> list[Request]:
        return [job.described() for job in self.all()]

    def close(self) -> None:
        """No process is left and none is started any more."""
        with self._lock:
            self._closed = True
        for job in self.all():
            job.close()

    def _job(self, name: str, told: dict[str, Any], kept: dict[str, Any]) -> Job:
        return Job(name, told, self._folder / name, self._shelf, kept)


def in_background(job: Job, work: Callable[[], None]) -> None:
    """A thread of the job's own, which says nothing any more once the server ends."""

    def quietly() -> None:
        try:
            work()
        except ClosedError:
            return
        except Exception:
            if not job.closing.is_set():
                log.exception("job %s", job.name)

    Thread(target=quietly, name=f"job-{job.name}", daemon=True).start()


def started(request: Request, now: datetime, **fields: Any) -> dict[str, Any]:
    """What is told of a job that has just been made."""
    told = {key: value for key, value in request.items() if key != "Tags"}
    return told | fields | {"CreationTime": now, "LastModifiedTime": now}


def seconds_between(start: datetime | None, end: datetime) -> int:
    """Whole billable seconds, at least one."""
    return max(1, round((end - start).total_seconds())) if start else 0


def _lowered(name: str) -> str:
    return name[0].lower() + name[1:]
