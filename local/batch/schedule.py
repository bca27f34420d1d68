"""Which waiting jobs may start: pure, from what waits, what runs and what there is."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

INSTANCES = "NUM_INSTANCES"
_EVERYTHING = 10**9


@dataclass(frozen=True)
class Waiting:
    """A job that waits or runs, as the schedule sees it."""

    id: str
    created: int
    instances: int
    instance_type: str
    priority: int = 0
    share: str = ""
    quota: str = ""
    started: int = 0
    stopping: bool = False
    """Whether it runs on only until it has stopped for another."""


@dataclass(frozen=True)
class Lane:
    """One queue with one environment: who waits, who runs in the environment, by which rules."""

    waiting: Sequence[Waiting]
    running: Sequence[Waiting]
    limits: Sequence[Mapping[str, Any]]
    policy: Mapping[str, Any]
    quotas: Mapping[str, Mapping[str, Any]]


def startable(lane: Lane) -> Iterator[Waiting]:
    """The jobs that may start now, in their order.

    A job for which there is no room keeps back those behind it, within its quota share where
    there are quota shares; nobody borrows what a share waits for to be given back.
    """
    running = list(lane.running)
    blocked: set[str] = set()
    owed: set[str] = set()
    waiting = list(lane.waiting)
    while waiting:
        job = _first(lane, waiting, running)
        waiting.remove(job)
        if job.quota in blocked:
            continue
        borrowing = borrows(lane, job, running)
        if fits(lane, job, running) and not (borrowing and job.instance_type in owed):
            running.append(job)
            yield job
        elif not lane.quotas:
            return
        else:
            blocked.add(job.quota)
            owed |= set() if borrowing else {job.instance_type}


def _first(lane: Lane, waiting: Sequence[Waiting], running: Sequence[Waiting]) -> Waiting:
    if "fairsharePolicy" not in lane.policy:
        return min(
            waiting,
            key=lambda each: (borrows(lane, each, running), -each.priority, each.created),
        )
    used: Counter[str] = Counter()
    for each in running:
        used[each.share] += each.instances
    weights = _weights(lane.policy["fairsharePolicy"])

    def order(job: Waiting) -> tuple[float, int, int]:
        """The share that has the least of what it is due, then the job's own priority."""
        return (used[job.share] * weights.get(job.share, 1.0), -job.priority, job.created)

    return min(waiting, key=order)


def _weights(policy: Mapping[str, Any]) -> dict[str, float]:
    shares = policy.get("shareDistribution", [])
    return {each["shareIdentifier"]: each.get("weightFactor", 1.0) for each in shares}


def borrows(lane: Lane, job: Waiting, running: Sequence[Waiting]) -> bool:
    """Whether it would take more than what is its quota share's own."""
    if job.quota not in lane.quotas:
        return False
    kind = job.instance_type
    return used(job.quota, kind, running) + job.instances > within(lane, job.quota, kind)


def fits(lane: Lane, job: Waiting, running: Sequence[Waiting]) -> bool:
    """Whether there is room for it, of its share's own or to be borrowed."""
    limits = {limit["capacityUnit"]: limit["maxCapacity"] for limit in lane.limits}
    free = _free(limits, job, running)
    if free < job.instances:
        return False
    if not lane.quotas:
        return True
    quota = lane.quotas.get(job.quota)
    if quota is None or quota.get("state") == "DISABLED":
        return False
    return _has_room(lane, job, running, quota, free)


def _free(limits: Mapping[str, int], job: Waiting, running: Sequence[Waiting]) -> int:
    """How many instances of the job's kind there is room for."""
    if INSTANCES in limits:
        return limits[INSTANCES] - sum(each.instances for each in running)
    kind = job.instance_type
    used = sum(each.instances for each in running if each.instance_type == kind)
    return limits.get(kind, 0) - used


def _has_room(
    lane: Lane, job: Waiting, running: Sequence[Waiting], quota: Mapping[str, Any], free: int
) -> bool:
    """Whether a quota share has room of its own, or may borrow what others lend."""
    most = _limit(quota, job.instance_type)
    taken = used(job.quota, job.instance_type, running) + job.instances
    if taken <= most:
        return True
    sharing = quota["resourceSharingConfiguration"]
    if sharing["strategy"] != "LEND_AND_BORROW":
        return False
    percent = sharing.get("borrowLimit", -1)
    borrowable = _EVERYTHING if percent < 0 else most * percent // 100
    reserved = sum(
        max(0, _limit(other, job.instance_type) - used(name, job.instance_type, running))
        for name, other in lane.quotas.items()
        if other["resourceSharingConfiguration"]["strategy"] == "RESERVE"
    )
    return taken - most <= borrowable and free - reserved >= job.instances


def _limit(quota: Mapping[str, Any], kind: str) -> int:
    limits = {each["capacityUnit"]: each["maxCapacity"] for each in quota["capacityLimits"]}
    return int(limits.get(kind, limits.get(INSTANCES, 0)))


def within(lane: Lane, quota: str, kind: str) -> int:
    """How many instances of a type are a quota share's own."""
    return _limit(lane.quotas[quota], kind)


def used(name: str, kind: str, running: Sequence[Waiting]) -> int:
    return sum(
        each.instances for each in running if each.quota == name and each.instance_type == kind
    )
