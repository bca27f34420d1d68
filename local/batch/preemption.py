"""Which running jobs are to stop for a waiting one: pure, under quota shares alone."""

from collections.abc import Iterator, Sequence

from local.batch.schedule import Lane, Waiting, borrows, fits, used, within


def preempted(lane: Lane) -> list[Waiting]:
    """Who is to stop, so that the first job of each share may start that cannot yet.

    What is stopping already counts as gone, and who may start then counts as running.
    """
    staying = [job for job in lane.running if not job.stopping]
    found: list[Waiting] = []
    for job in _fronts(lane):
        victims = _victims(lane, job, staying)
        if victims is not None:
            found += victims
            staying = [each for each in staying if each not in victims] + [job]
    return found


def _fronts(lane: Lane) -> Iterator[Waiting]:
    """The first waiting job of each share."""
    seen: set[str] = set()
    for job in sorted(lane.waiting, key=lambda each: (-each.priority, each.created)):
        if job.quota in lane.quotas and job.quota not in seen:
            seen.add(job.quota)
            yield job


def _victims(lane: Lane, job: Waiting, staying: Sequence[Waiting]) -> list[Waiting] | None:
    """As few as it takes; None where not even all would make room."""
    left, found = list(staying), list[Waiting]()
    for candidate in sorted(staying, key=lambda each: _worth(job, each)):
        if _starts(lane, job, left):
            return found
        if _may_go(lane, job, candidate, left):
            left.remove(candidate)
            found.append(candidate)
    return found if _starts(lane, job, left) else None


def _starts(lane: Lane, job: Waiting, running: Sequence[Waiting]) -> bool:
    """Whether it may start within its own share."""
    return fits(lane, job, running) and not borrows(lane, job, running)


def _worth(job: Waiting, candidate: Waiting) -> tuple[bool, int, int]:
    """What is borrowed goes first, then low priorities, then who began last."""
    return candidate.quota == job.quota, candidate.priority, -candidate.started


def _may_go(lane: Lane, job: Waiting, candidate: Waiting, running: Sequence[Waiting]) -> bool:
    kind = candidate.instance_type
    if kind != job.instance_type or candidate.quota not in lane.quotas:
        return False
    if candidate.quota == job.quota:
        share = lane.quotas[job.quota].get("preemptionConfiguration", {})
        enabled = share.get("inSharePreemption") == "ENABLED"
        return enabled and candidate.priority < job.priority
    over = used(candidate.quota, kind, running) > within(lane, candidate.quota, kind)
    return over and not borrows(lane, job, running)
