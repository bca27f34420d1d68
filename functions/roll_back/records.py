"""What a return of the traffic leaves in the ledger, as values."""

from datetime import datetime

from events.catalog import RolloutAborted, VersionApproved
from events.words import Reason
from functions.evidence import Evidence
from functions.ledger import RETRY_AFTER, STUCK_AFTER, EndpointRecord, RolloutRecord
from functions.machines import RolloutNews
from functions.roll_back.decide import Return


def began(outcome: Return, rollout: RolloutRecord, now: datetime) -> RolloutRecord:
    """The intent, before anything is moved."""
    return rollout.heard(
        RolloutNews.RETURNING,
        reason=outcome.reason,
        message=outcome.message,
        back_since=rollout.back_since or now,
        due_at=now + RETRY_AFTER,
    )


def still_at_work(rollout: RolloutRecord, why: str, now: datetime) -> RolloutRecord:
    """Overdue from now on: the endpoint's settling, or the sweep, asks again."""
    overdue = rollout.changed(due_at=now)
    if now - (rollout.back_since or now) < STUCK_AFTER:
        return overdue
    return overdue.paging(Reason.ENDPOINT_STUCK, f"{why}, for over an hour")


def stranded(rollout: RolloutRecord, why: str, now: datetime) -> RolloutRecord:
    """A person is told before the champion is placed alone."""
    counted = rollout.changed(restores=rollout.restores + 1, due_at=now)
    return counted.paging(Reason.ENDPOINT_STRANDED, why)


def over(rollout: RolloutRecord, outcome: Return, verified: str, now: datetime) -> RolloutRecord:
    """The rollout at its end, with the word on it."""
    said = RolloutAborted(
        rollout=rollout.rollout,
        model=rollout.model,
        version=rollout.version,
        champion=outcome.to.version if outcome.to else None,
        reason=outcome.reason,
        message=f"{outcome.message}; {verified}",
    )
    return rollout.heard(
        RolloutNews.RETURNED, scaling=(), ended_at=now, weight=0, due_at=now + RETRY_AFTER
    ).saying(said)


def left(rollout: RolloutRecord, reason: Reason, why: str, now: datetime) -> RolloutRecord:
    """The rollout at its end, with the endpoint as it is and a page about it."""
    after = rollout.heard(RolloutNews.LEFT, reason=reason, message=why, ended_at=now, due_at=None)
    return after.paging(reason, why)


def unheld(endpoint: EndpointRecord, outcome: Return) -> EndpointRecord:
    """The champion's in the ledger; who waits does so until the next word on a version."""
    return endpoint.changed(champion=outcome.to, previous=None, rollout=None, due_at=None)


def freed(endpoint: EndpointRecord, outcome: Return, now: datetime) -> EndpointRecord:
    """The endpoint is the champion's again, and whoever waits may begin."""
    free = endpoint.changed(champion=outcome.to, previous=None, rollout=None)
    if free.waiting is None:
        return free
    approved = VersionApproved(model=free.model, version=free.waiting)
    return free.changed(due_at=now + RETRY_AFTER).saying(approved)


def note(rollout: RolloutRecord, text: str, now: datetime) -> Evidence:
    """One line for its history."""
    return Evidence(kind=RolloutRecord.kind, key=rollout.rollout, at=now, by="roll_back", text=text)
