"""A dataset (or a request) becomes exactly one run, whoever asks and however often."""

from dataclasses import dataclass
from datetime import datetime

from events.words import Reason
from functions.definition import Deployed
from functions.ledger import RunRecord
from functions.machines import RunNews
from functions.names import run_id


@dataclass(frozen=True)
class Wish:
    """A run somebody wants."""

    model: str
    dataset: str
    drop: str | None
    cause: str
    traceparent: str | None

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
    """Begin (or go on beginning) this run."""

    record: RunRecord


@dataclass(frozen=True)
class Park:
    """It cannot begin yet, and nothing is paid for meanwhile: the sweep asks again."""

    record: RunRecord
    reason: Reason
    message: str


@dataclass(frozen=True)
class Ignore:
    """The run exists, or cannot be."""

    why: str
    record: RunRecord | None = None


Outcome = Start | Park | Ignore


def decide(
    wish: Wish, deployed: Deployed | None, record: RunRecord | None, *, now: datetime
) -> Start | Ignore:
    """Whether a training job has to be started."""
    if deployed is None:
        return Ignore(f"no model {wish.model!r} is deployed here")
    if record is None:
        return Start(_new(wish, deployed, now))
    return resume(record)


def resume(record: RunRecord | None, attempt: int | None = None) -> Start | Ignore:
    """Whether a run that is known still has to be begun, or (one that failed) once more."""
    if record is None:
        return Ignore("no such run")
    again = record.ignores(RunNews.AGAIN) is None
    if again and attempt == record.attempt + 1:
        return Start(_once_more(record, attempt))
    why = record.ignores(RunNews.STARTED)
    if why is None:
        return Start(record)
    advice = f"; `sluice train {record.model} --dataset {record.dataset[:12]}` begins it once more"
    return Ignore(why + advice if again else why, record)


def judgeable(start: Start, *, holdout: bool) -> Start | Park:
    """A candidate that nobody can judge is not trained: it would be paid for in vain."""
    if holdout:
        return start
    wanted, model = start.record.definition.evaluation.holdout, start.record.model
    return Park(
        start.record,
        Reason.NO_HOLDOUT,
        f"no holdout {wanted!r} to judge it on;"
        f" `sluice drop {model} FOLDER --holdout {wanted}`, then it begins by itself",
    )


def _once_more(record: RunRecord, attempt: int) -> RunRecord:
    """Nothing of the earlier attempt counts: not its job, its version, nor an evaluation's name."""
    return record.heard(
        RunNews.AGAIN,
        attempt=attempt,
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
    )
