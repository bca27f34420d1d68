"""A dataset (or a request) becomes exactly one run, whoever asks and however often."""

from dataclasses import dataclass
from datetime import datetime

from events.words import Reason
from functions.definition import Deployed
from functions.ledger import RETRY_AFTER, Record, RunRecord
from functions.machines import RunNews
from functions.names import run_id
from functions.start_training.guards import End, Go, Verdict, Wait, superseded_by


@dataclass(frozen=True)
class Wish:
    """A run somebody wants."""

    model: str
    dataset: str
    drop: str | None
    cause: str
    traceparent: str | None
    dropped_at: datetime | None = None
    rows: int | None = None
    person: bool = False

    def run(self, deployed: Deployed) -> str:
        """The run this wish means, given the model as it is deployed."""
        return run_id(
            model=self.model,
            dataset=self.dataset,
            config=deployed.definition.digest,
            code=deployed.code,
        )


@dataclass(frozen=True)
class Start:
    """Begin (or go on beginning) this run; what is `beside` it is written with it first."""

    record: RunRecord
    beside: tuple[Record, ...] = ()
    supersedes: RunRecord | None = None


@dataclass(frozen=True)
class Park:
    """It cannot begin yet, and nothing is paid for meanwhile: the sweep asks again."""

    record: RunRecord
    reason: Reason
    message: str
    until: datetime | None
    """When the sweep asks; None when it does not, because only a person or a drop will."""
    beside: tuple[Record, ...] = ()
    supersedes: RunRecord | None = None


@dataclass(frozen=True)
class Fail:
    """It ends without having begun."""

    record: RunRecord
    reason: Reason
    message: str


@dataclass(frozen=True)
class Ignore:
    """The run exists, or cannot be."""

    why: str
    record: RunRecord | None = None


Outcome = Start | Park | Fail | Ignore


def decide(
    wish: Wish, deployed: Deployed | None, record: RunRecord | None, *, now: datetime
) -> Start | Ignore:
    """Whether a training job has to be started."""
    if deployed is None:
        return Ignore(f"no model {wish.model!r} is deployed here")
    if record is None:
        return Start(_new(wish, deployed, now))
    return resume(_renewed(record, wish), person=wish.person)


def resume(
    record: RunRecord | None, attempt: int | None = None, *, person: bool = False
) -> Start | Ignore:
    """Whether a run that is known still has to be begun, or (one that failed) once more."""
    if record is None:
        return Ignore("no such run")
    again = record.ignores(RunNews.AGAIN) is None
    if again and attempt == record.attempt + 1:
        return Start(_once_more(record, attempt))
    why = record.ignores(RunNews.STARTED)
    if why is None:
        return Start(record.changed(asked=record.asked or person))
    advice = f"; `sluice train {record.model} --dataset {record.dataset[:12]}` begins it once more"
    return Ignore(why + advice if again else why, record)


def judgeable(start: Start, *, holdout: bool, now: datetime) -> Start | Park:
    """A candidate that nobody can judge is not trained: it would be paid for in vain."""
    if holdout:
        return start
    wanted, model = start.record.definition.evaluation.holdout, start.record.model
    return Park(
        start.record,
        Reason.NO_HOLDOUT,
        f"no holdout {wanted!r} to judge it on;"
        f" `sluice drop {model} FOLDER --holdout {wanted}`, then it begins by itself",
        until=now + RETRY_AFTER,
    )


def guarded(start: Start, verdict: Verdict) -> Start | Park | Fail:
    """What the guards leave of a start."""
    record = start.record
    match verdict:
        case Go(reserves=reserves, supersedes=older):
            return Start(record, reserves, older)
        case Wait(reason=reason, message=message, until=until, allowance=line, supersedes=older):
            beside = () if line is None else (line,)
            return Park(record, reason, message, until, beside, older)
        case End(reason=reason, message=message):
            return Fail(record, reason, message)


def superseded(older: RunRecord, newer: RunRecord) -> Fail:
    """The run on an older drop ends, for the newer one takes its turn."""
    end = superseded_by(newer)
    return Fail(older, end.reason, end.message)


def _renewed(record: RunRecord, wish: Wish) -> RunRecord:
    """A run that never began is as new as the last drop of its data, also one that gave way."""
    gave_way = record.reason is Reason.SUPERSEDED and record.ignores(RunNews.AGAIN) is None
    newer = wish.dropped_at is not None and (
        record.dropped_at is None or wish.dropped_at > record.dropped_at
    )
    waits = record.ignores(RunNews.STARTED) is None
    if not newer or record.training_job is not None or not (gave_way or waits):
        return record
    asked_by = {"drop": wish.drop, "dropped_at": wish.dropped_at}
    if not gave_way:
        return record.changed(**asked_by)
    return record.heard(RunNews.AGAIN, reason=None, message="", ended_at=None, **asked_by)


def _once_more(record: RunRecord, attempt: int) -> RunRecord:
    """Nothing of the earlier attempt counts: not its job, its version, nor an evaluation's name."""
    return record.heard(
        RunNews.AGAIN,
        attempt=attempt,
        asked=True,
        instance=0,
        short_since=None,
        short_times=0,
        training_job=None,
        evaluation_job=None,
        evaluations=record.evaluations + 1,
        artifact=None,
        version=None,
        numbers={},
        ended_at=None,
        reason=None,
        message="",
    )


def _new(wish: Wish, deployed: Deployed, now: datetime) -> RunRecord:
    return RunRecord(
        run=wish.run(deployed),
        model=wish.model,
        dataset=wish.dataset,
        drop=wish.drop,
        cause=wish.cause,
        definition=deployed.definition,
        code_uri=deployed.code_uri,
        code=deployed.code,
        started_at=now,
        traceparent=wish.traceparent,
        dropped_at=wish.dropped_at,
        rows=wish.rows,
        asked=wish.person,
    )
