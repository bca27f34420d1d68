"""What each overdue record needs asked again; on a consistent world there is none."""

from datetime import datetime, timedelta
from zlib import crc32

from events.base import Event
from events.catalog import (
    DatasetReady,
    DropOverdue,
    EvaluationJobSettled,
    RollbackRequested,
    RolloutStepDue,
    TrainingJobSettled,
    TrainingRequested,
    VersionApproved,
)
from events.words import Reason
from functions.ledger import (
    ASK_PERSON_AFTER,
    RETRY_AFTER,
    DropRecord,
    DropState,
    EndpointRecord,
    Record,
    RolloutRecord,
    RolloutState,
    RunRecord,
    RunState,
)

CAUSE = "sweep"
_RETURNING = frozenset({RolloutState.ROLLING_BACK, RolloutState.ABORTED})
_WAITING = frozenset({RunState.PARKED, RunState.HELD})
_SOON_FOR = timedelta(days=1)
"""A parked run that has waited longer is asked for as seldom as one that waits for a person."""


def waits(record: Record) -> bool:
    """Whether it waits for a person or for room: asking for it again writes nothing."""
    return isinstance(record, RunRecord) and record.state in _WAITING and not record.outbox


def its_turn(record: Record, now: datetime) -> bool:
    """Whether one that waits is asked for in this pass: without a memory, each in its own slot."""
    assert isinstance(record, RunRecord)
    if record.state is RunState.PARKED and now - record.started_at < _SOON_FOR:
        return True
    slots = ASK_PERSON_AFTER // RETRY_AFTER
    present = int(now.timestamp() // RETRY_AFTER.total_seconds())
    return crc32(record.key.encode()) % slots == present % slots


def looked_at(record: Record, now: datetime) -> Record:
    """The record as the sweep leaves it: what was unsaid is said, what is due is asked again.

    A record that only has something unsaid keeps its time: asking early would cut a bake short.
    """
    if record.due_at is None or record.due_at > now:
        return record
    event = asked_again(record)
    if event is None:
        return record.changed(due_at=None)
    return record.saying(event).changed(due_at=now + RETRY_AFTER)


def asked_again(record: Record) -> Event | None:
    """The event that moves an overdue record on; None when there is nothing to ask."""
    match record:
        case DropRecord(state=DropState.RECEIVING):
            return DropOverdue(model=record.model, drop=record.drop)
        case DropRecord(state=DropState.ACCEPTED, dataset=str(dataset), rows=int(rows)):
            return DatasetReady(model=record.model, drop=record.drop, dataset=dataset, rows=rows)
        case RunRecord():
            return _of_run(record)
        case RolloutRecord():
            return _of_rollout(record)
        case EndpointRecord(waiting=int(version)):
            return VersionApproved(model=record.model, version=version)
        case _:
            return None


def _of_run(run: RunRecord) -> Event | None:
    match run.state:
        case RunState.STARTING | RunState.PARKED:
            return TrainingRequested(model=run.model, dataset=run.dataset, run=run.run, cause=CAUSE)
        case RunState.TRAINING:
            return TrainingJobSettled(run=run.run, job=run.training_job or "")
        case RunState.EVALUATING:
            return EvaluationJobSettled(run=run.run, job=run.evaluation_job or "")
        case RunState.APPROVED | RunState.HELD if run.version is not None:
            return VersionApproved(model=run.model, version=run.version, run=run.run)
        case _:
            return None


def _of_rollout(rollout: RolloutRecord) -> Event | None:
    match rollout.state:
        case RolloutState.COMPLETED | RolloutState.STOPPED:
            return None
        case state if state in _RETURNING or rollout.reason is not None:
            return RollbackRequested(
                rollout=rollout.rollout,
                model=rollout.model,
                reason=rollout.reason or Reason.ASKED_BY_PERSON,
                message=rollout.message,
            )
        case RolloutState.PROVISIONING if not rollout.placed:
            return VersionApproved(model=rollout.model, version=rollout.version, run=rollout.run)
        case _:
            return RolloutStepDue(
                rollout=rollout.rollout,
                model=rollout.model,
                step=rollout.step,
                hold=rollout.holds,
            )
