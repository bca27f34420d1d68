"""A finished training job is evaluated, a broken one ends its run, a running one is left alone."""

from dataclasses import dataclass

from events.words import Reason
from functions.jobs import JobStatus, JobView
from functions.ledger import RunRecord, RunState
from functions.machines import RunNews


@dataclass(frozen=True)
class Evaluate:
    """Put the candidate beside the champion."""

    artifact: str
    """S3 URI of the candidate's model.tar.gz."""


@dataclass(frozen=True)
class Fail:
    """There will be no candidate."""

    reason: Reason
    message: str


@dataclass(frozen=True)
class Short:
    """There were no machines for it: other ones are asked for, as another attempt."""

    message: str


@dataclass(frozen=True)
class Wait:
    """The job still runs."""


@dataclass(frozen=True)
class Ignore:
    """Not a run of ours, or one that is further already."""

    why: str


Outcome = Evaluate | Fail | Short | Wait | Ignore


def decide(record: RunRecord | None, job: JobView | None, *, seen: str) -> Outcome:
    """What follows from the training job `seen` as it is now (None: deleted)."""
    if record is None:
        return Ignore("no run of ours trained in this job")
    if (why := record.ignores(RunNews.TRAINED)) is not None:
        return Ignore(why)
    if seen != record.training_job:
        return Ignore(f"run {record.run} trains in {record.training_job or 'no job'} now")
    return _gone(record) if job is None else _ended(job)


def _ended(job: JobView) -> Outcome:
    match job.status:
        case JobStatus.FAILED | JobStatus.STOPPED if job.short:
            return Short(f"{job.name}: {job.failure or 'waited too long for spot capacity'}")
        case JobStatus.COMPLETED if job.artifact:
            return Evaluate(job.artifact)
        case JobStatus.COMPLETED:
            return Fail(Reason.JOB_FAILED, f"{job.name} completed without a model.tar.gz")
        case JobStatus.FAILED:
            return Fail(Reason.JOB_FAILED, f"{job.name}: {job.failure or 'no reason given'}")
        case JobStatus.STOPPED:
            return Fail(Reason.JOB_STOPPED, f"{job.name}: {job.failure or 'was stopped'}")
        case JobStatus.RUNNING | JobStatus.STOPPING:
            return Wait()


def _gone(record: RunRecord) -> Outcome:
    """A job that was begun can only have been deleted; one that was not may still begin."""
    if record.artifact is not None:
        return Evaluate(record.artifact)
    if record.state is RunState.TRAINING:
        return Fail(Reason.JOB_STOPPED, f"{record.training_job} is gone")
    return Ignore(f"run {record.run} has no training job yet")
