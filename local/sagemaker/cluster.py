"""The machines of one job: a process for each, which begin and end together."""

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from local.processes import Child
from local.sagemaker.container import Container
from local.sagemaker.job import ClosedError, Job
from local.sagemaker.parts import GRACE, Parts

MOST_PROCESSES = 8
_POLL = 0.05
_NICENESS = 19
"""In AWS a job has machines of its own; here it must not slow down what serves."""
_STREAMS = itertools.count(1)


@dataclass(frozen=True)
class Host:
    """One machine: its name in the cluster, and its container."""

    name: str
    container: Container


@dataclass(frozen=True)
class Launch:
    """What is started on one machine."""

    host: Host
    command: list[str]
    environment: Mapping[str, str]


@dataclass(frozen=True)
class Exit:
    """How the containers ended: the first that failed, or the first of all."""

    host: Host
    status: int


def hosts(job: Job, count: int) -> list[Host]:
    """The machines of a job: one for each instance, as far as this machine can bear it."""
    names = [f"algo-{number}" for number in range(1, min(max(count, 1), MOST_PROCESSES) + 1)]
    return [Host(name, Container(job.place / name / "opt" / "ml")) for name in names]


def _nothing(*_: str) -> None:
    return


def run(
    parts: Parts,
    job: Job,
    launches: Sequence[Launch],
    *,
    group: str,
    limit: float,
    heard: Callable[[str], None] = _nothing,
    meanwhile: Callable[[], None] = _nothing,
) -> Exit:
    """Run a job's containers to their end, or until one of them fails.

    `heard` gets each line of their output, `meanwhile` is called again and again while they run
    and may raise to end them. Raises StoppedError when the job was stopped, TimeoutError when it
    ran longer than `limit` seconds. Whatever ends them early is SIGTERM and the scaled grace.
    """
    children = _start(parts, job, launches, group, heard)
    look = _watch(job, time.monotonic() + limit, meanwhile)
    try:
        while (ended := _ended(children, launches)) is None:
            look()
        return ended
    except ClosedError:
        raise
    except BaseException:
        _end(children, parts.clock.scaled(GRACE))
        raise
    finally:
        for child in children:
            child.kill()  # what the containers' first processes have left behind
            child.wait(5)  # and heard to its last line
        with job.lock:
            job.children = []


def _watch(job: Job, deadline: float, meanwhile: Callable[[], None]) -> Callable[[], None]:
    def look() -> None:
        job.unless_stopped()
        if time.monotonic() > deadline:
            raise TimeoutError
        meanwhile()

    return look


def _start(
    parts: Parts, job: Job, launches: Sequence[Launch], group: str, heard: Callable[[str], None]
) -> list[Child]:
    with job.lock:
        job.unless_stopped()
        children = [_child(parts, job, each, group, heard) for each in launches]
        job.children = list(children)
        return children


def _child(
    parts: Parts, job: Job, launch: Launch, group: str, heard: Callable[[str], None]
) -> Child:
    moment = int(parts.now().timestamp())
    stream = f"{job.name}/{launch.host.name}-{moment}{next(_STREAMS)}"

    def line(text: str) -> None:
        parts.logs.write(group, stream, [text])
        heard(text)

    return Child(
        launch.command,
        environment=launch.environment,
        cwd=launch.host.container.base.parents[1],
        line=line,
        niceness=_NICENESS,
    )


def _ended(children: Sequence[Child], launches: Sequence[Launch]) -> Exit | None:
    """The end of all, or of the first that failed; waits a moment for it."""
    running = next((child for child in children if child.poll() is None), children[0])
    running.wait(_POLL)
    statuses = [child.poll() for child in children]
    for launch, status in zip(launches, statuses, strict=True):
        if status:
            return Exit(launch.host, shell_status(status))
    return None if None in statuses else Exit(launches[0].host, 0)


def _end(children: Sequence[Child], grace: float) -> None:
    """SIGTERM to all, then SIGKILL for what is left after `grace` seconds."""
    for child in children:
        child.terminate()
    deadline = time.monotonic() + grace
    for child in children:
        child.wait(max(0.0, deadline - time.monotonic()))
    for child in children:
        child.kill()
        child.wait(5)


def shell_status(status: int) -> int:
    """As a container tells it: 128 and the signal that ended it."""
    return 128 - status if status < 0 else status
