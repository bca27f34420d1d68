"""Where there is no capacity: the next instance type, later and later, until that was too long."""

from datetime import datetime, timedelta

from events.words import Reason
from functions.ledger import RETRY_AFTER, RunRecord
from functions.machines import RunNews

LONGEST_PAUSE = timedelta(hours=1)


def waits_for_capacity(run: RunRecord, news: RunNews, why: str, now: datetime) -> RunRecord | None:
    """The run as it asks for its next instance type; None once it has waited too long."""
    training = run.definition.training
    since = run.short_since or now
    if now - since >= timedelta(seconds=training.max_wait):
        return None
    times, types = run.short_times + 1, len(training.instances)
    rounds = min(times // types, 10)
    return run.heard(
        news,
        reason=Reason.NO_CAPACITY,
        message=why,
        instance=(run.instance + 1) % types,
        short_since=since,
        short_times=times,
        due_at=now + min(RETRY_AFTER * 2**rounds, LONGEST_PAUSE),
    )


def exhausted(run: RunRecord, why: str) -> str:
    """Why it waits no longer."""
    training = run.definition.training
    hours = training.max_wait / 3600
    return f"none of {', '.join(training.instances)} in {hours:g} h; the last: {why}"
