"""Woken by a training job that ended, or by the sweep for one whose event was lost."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache

from events.catalog import (
    EvaluationOutdated,
    EvaluationStarted,
    RunFailed,
    TrainingJobSettled,
    TrainingParked,
)
from events.foreign import TrainingJobChanged
from events.words import Reason
from functions.allowance import STAGE, AllowanceRecord, settled
from functions.aws.book import Book
from functions.aws.jobs import Jobs
from functions.aws.refusals import NoRoomError, RefusedError
from functions.aws.world import World
from functions.capacity import exhausted, waits_for_capacity
from functions.evidence import Evidence
from functions.jobs import EvaluationSpec, JobView
from functions.ledger import (
    RETRY_AFTER,
    Champion,
    EndpointRecord,
    Record,
    RunRecord,
)
from functions.machines import RunNews, parked_anew
from functions.names import Names
from functions.places import Places, holdout
from functions.start_evaluation.decide import Evaluate, Fail, Ignore, Outcome, Short, Wait, decide
from functions.start_evaluation.settings import StartEvaluationSettings
from functions.tracing import child_of
from functions.turn import Told, lambda_handler

Seen = TrainingJobChanged | TrainingJobSettled | EvaluationOutdated


@dataclass(frozen=True)
class StartEvaluation:
    """The function with its adapters."""

    book: Book
    jobs: Jobs
    names: Names
    places: Places
    data_bucket: str
    image: str
    role_arn: str

    def __call__(self, seen: Seen, now: datetime) -> Told:
        ours = self.names.run_of(seen.job)
        record = self.book.get(RunRecord, ours[1]) if ours else None
        job = self.jobs.training(seen.job) if record else None
        outcome = decide(record, job, seen=seen.job)
        return Told(outcome, self.apply(outcome, record, job, now) if record else None)

    def apply(
        self, outcome: Outcome, record: RunRecord, job: JobView | None, now: datetime
    ) -> RunRecord:
        """Start the evaluation job under its one name, then write it down."""
        match outcome:
            case Evaluate(artifact=artifact):
                return self._evaluate(_trained(record), job, artifact, now)
            case Fail(reason=reason, message=message):
                return self._ended(failed(record, reason, message, now), record, job, now)
            case Short(message=message):
                return self._ended(short(record, message, now), record, job, now)
            case Wait():
                return self.book.commit(record.changed(due_at=now + RETRY_AFTER))[0]
            case Ignore():
                return record

    def _evaluate(
        self, record: RunRecord, trained: JobView | None, artifact: str, now: datetime
    ) -> RunRecord:
        attempt = record.evaluations + 1
        champion = (self.book.get(EndpointRecord, record.model) or _none(record)).champion
        job = self.names.evaluation_job(record.model, record.run, attempt)
        try:
            self.jobs.evaluate(self._spec(record, job, attempt, artifact, champion))
        except NoRoomError as error:
            return self._park(record, trained, str(error), now)
        except RefusedError as error:
            refused = failed(record, Reason.JOB_REFUSED, str(error), now)
            return self._ended(refused, record, trained, now)
        evaluating = record.heard(
            RunNews.TRAINED,
            artifact=artifact,
            evaluation_job=job,
            evaluations=attempt,
            against=champion.version if champion else None,
            message="",
            due_at=now + RETRY_AFTER,
        )
        started = EvaluationStarted(run=record.run, model=record.model, job=job)
        return self._ended(evaluating.saying(started), record, trained, now)

    def _park(
        self, record: RunRecord, trained: JobView | None, why: str, now: datetime
    ) -> RunRecord:
        """The sweep asks again; each new reason is told once."""
        waits = record.changed(due_at=now + RETRY_AFTER, message=why)
        text = f"its evaluation waits: {why}"
        note = Evidence(kind=record.kind, key=record.run, at=now, by="start_evaluation", text=text)
        told = (note,) if parked_anew(record.message, why) else ()
        return self._ended(waits, record, trained, now, notes=told)

    def _ended(
        self,
        after: RunRecord,
        before: RunRecord,
        job: JobView | None,
        now: datetime,
        *,
        notes: tuple[Evidence, ...] = (),
    ) -> RunRecord:
        """Write the run; the place and the money that its training job held are free with it."""
        scopes = (self.book.get(AllowanceRecord, scope) for scope in (before.model, STAGE))
        allowances = [each for each in scopes if each is not None]
        run, freed = settled(after, job, before.training_job or "", allowances, now)
        records: tuple[Record, ...] = (run, *freed)
        written = self.book.commit(*records, notes=notes)[0]
        assert isinstance(written, RunRecord)
        return written

    def _spec(
        self, record: RunRecord, job: str, attempt: int, artifact: str, champion: Champion | None
    ) -> EvaluationSpec:
        evaluation = record.definition.evaluation
        return EvaluationSpec(
            name=job,
            image=self.image,
            role_arn=self.role_arn,
            instance=evaluation.instance,
            max_runtime=round(evaluation.max_runtime),
            code_uri=record.code_uri,
            candidate_uri=artifact,
            champion_uri=champion.artifact if champion else None,
            holdout_uri=holdout(self.data_bucket, record.model, evaluation.holdout),
            output_uri=self.places.evaluation(record.model, record.run, attempt),
            dataset_uri=(
                self.places.dataset(record.model, record.dataset)
                if evaluation.max_leak < 1
                else None
            ),
            environment={
                "SLUICE_MODEL": record.model,
                "SLUICE_RUN": record.run,
                "TRACEPARENT": child_of(record.traceparent),
            }
            | ({"SLUICE_CHAMPION_DIGEST": champion.model_digest} if champion else {}),
            tags={"sluice:model": record.model, "sluice:run": record.run},
        )


def _trained(record: RunRecord) -> RunRecord:
    """A run whose job was seen to end before it was written down that it had begun."""
    return record if record.ignores(RunNews.STARTED) else record.heard(RunNews.STARTED)


def failed(record: RunRecord, reason: Reason, message: str, now: datetime) -> RunRecord:
    """The run at its end, without a candidate."""
    said = RunFailed(run=record.run, model=record.model, reason=reason, message=message)
    return record.heard(
        RunNews.UNTRAINED, reason=reason, message=message, ended_at=now, due_at=None
    ).saying(said)


def short(record: RunRecord, message: str, now: datetime) -> RunRecord:
    """The run as it asks for other machines, as another attempt; or at its end, after too long."""
    after = waits_for_capacity(_trained(record), RunNews.SHORT, message, now)
    if after is None:
        return failed(record, Reason.NO_CAPACITY, exhausted(record, message), now)
    parked = TrainingParked(
        run=record.run, model=record.model, reason=Reason.NO_CAPACITY, message=message
    )
    return after.changed(attempt=record.attempt + 1, training_job=None).saying(parked)


def _none(record: RunRecord) -> EndpointRecord:
    return EndpointRecord(model=record.model)


@cache
def made() -> StartEvaluation:
    """The function as its environment sets it up."""
    settings = StartEvaluationSettings.from_environment()
    world = World(settings)
    return StartEvaluation(
        book=world.book,
        jobs=world.jobs,
        names=world.names,
        places=Places(settings.artifact_bucket),
        data_bucket=settings.data_bucket,
        image=settings.evaluation_image,
        role_arn=settings.evaluation_role_arn,
    )


handle = lambda_handler("start_evaluation", made)
