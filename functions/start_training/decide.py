"""A dataset (or a request) becomes exactly one run, whoever asks and however often."""

from dataclasses import dataclass
from datetime import datetime

from functions.definition import Deployed
from functions.ledger import RunRecord, RunState
from functions.names import run_id

_RESUMABLE = frozenset({RunState.STARTING, RunState.PARKED})


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
class Ignore:
    """The run exists, or cannot be."""

    why: str
    record: RunRecord | None = None


Outcome = Start | Ignore


def decide(
    wish: Wish, deployed: Deployed | None, record: RunRecord | None, *, now: datetime
) -> Outcome:
    """Whether a training job has to be started."""
    if deployed is None:
        return Ignore(f"no model {wish.model!r} is deployed here")
    if record is None:
        return Start(_new(wish, deployed, now))
    return resume(record)


def resume(record: RunRecord | None) -> Outcome:
    """Whether a run that is known still has to be begun."""
    if record is None:
        return Ignore("no such run")
    if record.state in _RESUMABLE:
        return Start(record)
    return Ignore(f"run {record.run} is {record.state} already{_advice(record)}", record)


def _advice(record: RunRecord) -> str:
    if record.state is not RunState.FAILED:
        return ""
    return "; a run that failed is not begun again: change the data, the code or the definition"


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
