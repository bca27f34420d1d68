"""Woken by a training job that ended, or by the sweep for one whose event was lost."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache

from events.catalog import (
    EvaluationOutdated,
    EvaluationStarted,
    RunFailed,
    TrainingJobSettled,
)
from events.foreign import TrainingJobChanged
from events.words import Reason
from functions.aws.book import Book
from functions.aws.jobs import Jobs
from functions.aws.refusals import NoRoomError, RefusedError
from functions.aws.world import World
from functions.evidence import Evidence
from functions.jobs import EvaluationSpec
from functions.ledger import (
    RETRY_AFTER,
    Champion,
    EndpointRecord,
    RunRecord,
)
from functions.machines import RunNews, parked_anew
from functions.names import Names
from functions.places import Places, holdout
from functions.start_evaluation.decide import Evaluate, Fail, Ignore, Outcome, Wait, decide
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
        return Told(outcome, self.apply(outcome, record, now) if record else None)

    def apply(self, outcome: Outcome, record: RunRecord, now: datetime) -> RunRecord:
        """Start the evaluation job under its one name, then write it down."""
        match outcome:
            case Evaluate(artifact=artifact):
                return self._evaluate(_trained(record), artifact, now)
            case Fail(reason=reason, message=message):
                return self._fail(record, reason, message, now)
            case Wait():
                return self.book.commit(record.changed(due_at=now + RETRY_AFTER))[0]
            case Ignore():
                return record

    def _evaluate(self, record: RunRecord, artifact: str, now: datetime) -> RunRecord:
        attempt = record.evaluations + 1
        champion = (self.book.get(EndpointRecord, record.model) or _none(record)).champion
        job = self.names.evaluation_job(record.model, record.run, attempt)
        try:
            self.jobs.evaluate(self._spec(record, job, attempt, artifact, champion))
        except NoRoomError as error:
            return self._park(record, str(error), now)
        except RefusedError as error:
            return self._fail(record, Reason.JOB_REFUSED, str(error), now)
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
        return self.book.commit(evaluating.saying(started))[0]

    def _park(self, record: RunRecord, why: str, now: datetime) -> RunRecord:
        """The sweep asks again; each new reason is told once."""
        waits = record.changed(due_at=now + RETRY_AFTER, message=why)
        text = f"its evaluation waits: {why}"
        note = Evidence(kind=record.kind, key=record.run, at=now, by="start_evaluation", text=text)
        told = (note,) if parked_anew(record.message, why) else ()
        return self.book.commit(waits, notes=told)[0]

    def _fail(self, record: RunRecord, reason: Reason, message: str, now: datetime) -> RunRecord:
        failed = record.heard(
            RunNews.UNTRAINED, reason=reason, message=message, ended_at=now, due_at=None
        )
        said = RunFailed(run=record.run, model=record.model, reason=reason, message=message)
        return self.book.commit(failed.saying(said))[0]

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
