"""Woken by a dataset that is ready, or by anybody's request for a run."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache

from events.catalog import (
    DatasetReady,
    RunFailed,
    TrainingParked,
    TrainingRequested,
    TrainingStarted,
)
from events.words import Reason
from functions.aws.book import Book
from functions.aws.definitions import Definitions
from functions.aws.jobs import Jobs
from functions.aws.objects import Objects
from functions.aws.refusals import NoRoomError, RefusedError
from functions.aws.world import World
from functions.definition import DefinitionError, Deployed
from functions.jobs import TrainingSpec
from functions.ledger import RETRY_AFTER, DropRecord, RunRecord
from functions.machines import RunNews
from functions.names import Names
from functions.places import Places, holdout
from functions.start_training.decide import (
    Ignore,
    Outcome,
    Park,
    Start,
    Wish,
    decide,
    judgeable,
    resume,
)
from functions.start_training.settings import StartTrainingSettings
from functions.tracing import child_of
from functions.turn import Told, lambda_handler


@dataclass(frozen=True)
class StartTraining:
    """The function with its adapters."""

    book: Book
    definitions: Definitions
    jobs: Jobs
    names: Names
    objects: Objects
    places: Places
    data_bucket: str
    image: str
    role_arn: str

    def __call__(self, seen: DatasetReady | TrainingRequested, now: datetime) -> Told:
        try:
            outcome = self.load_and_decide(seen, now)
        except DefinitionError as error:
            outcome = Ignore(str(error))
        record = self.apply(outcome, now)
        if record is not None:
            self._take_over(seen)
        return Told(outcome, record)

    def load_and_decide(self, seen: DatasetReady | TrainingRequested, now: datetime) -> Outcome:
        """The run that is meant, begun or not; raises DefinitionError."""
        outcome = self._wanted(seen, now)
        if isinstance(outcome, Ignore):
            return outcome
        wanted = outcome.record
        folder = holdout(self.data_bucket, wanted.model, wanted.definition.evaluation.holdout)
        return judgeable(outcome, holdout=self.objects.any_in(folder))

    def _wanted(self, seen: DatasetReady | TrainingRequested, now: datetime) -> Start | Ignore:
        match seen:
            case TrainingRequested(run=str(run), attempt=attempt):
                return resume(self.book.get(RunRecord, run), attempt)
            case TrainingRequested(code_uri=str(uri), code=str(code)):
                meant: Deployed | None = self.definitions.of_code(seen.model, uri=uri, code=code)
            case _:
                meant = self.definitions.get(seen.model)
        wish = _wish(seen)
        record = self.book.get(RunRecord, wish.run(meant)) if meant else None
        return decide(wish, meant, record, now=now)

    def apply(self, outcome: Outcome, now: datetime) -> RunRecord | None:
        """Start the job, or write down why it waits."""
        match outcome:
            case Start(record=record):
                return self._start(record, now)
            case Park(record=record, reason=reason, message=message):
                return self._park(record, reason, message, now)
            case Ignore(record=known):
                return known

    def _start(self, record: RunRecord, now: datetime) -> RunRecord:
        """Write the intent, start the job under its one name, write that it runs."""
        job = self.names.training_job(record.model, record.run, record.attempt)
        due = now + RETRY_AFTER
        if record.training_job != job:
            (record,) = self.book.commit(record.changed(training_job=job, due_at=due))
        try:
            self.jobs.train(self._spec(record, job))
        except NoRoomError as error:
            return self._park(record, Reason.NO_CAPACITY, str(error), now)
        except RefusedError as error:
            return self._written(_failed(record, str(error), now))
        started = TrainingStarted(run=record.run, model=record.model, job=job)
        after = record.heard(RunNews.STARTED, reason=None, message="", due_at=due)
        return self._written(after.saying(started))

    def _park(self, record: RunRecord, reason: Reason, message: str, now: datetime) -> RunRecord:
        """Each new reason is said once; asking again changes nothing but the time."""
        after = record.heard(
            RunNews.PARKED, reason=reason, message=message, due_at=now + RETRY_AFTER
        )
        if (record.state, record.reason, record.message) == (after.state, reason, message):
            return self._written(after)
        parked = TrainingParked(run=record.run, model=record.model, reason=reason, message=message)
        return self._written(after.saying(parked))

    def _take_over(self, seen: DatasetReady | TrainingRequested) -> None:
        """The drop is in the run's hands now: the sweep need not look at it again."""
        if isinstance(seen, DatasetReady):
            drop = self.book.get(DropRecord, f"{seen.model}#{seen.drop}")
            if drop is not None and drop.due_at is not None:
                self.book.commit(drop.changed(due_at=None))

    def _written(self, record: RunRecord) -> RunRecord:
        return self.book.commit(record)[0]

    def _spec(self, record: RunRecord, job: str) -> TrainingSpec:
        training = record.definition.training
        return TrainingSpec(
            name=job,
            image=self.image,
            role_arn=self.role_arn,
            instance=training.instances[0],
            max_runtime=round(training.max_runtime),
            spot=training.spot,
            code_uri=record.code_uri,
            dataset_uri=self.places.dataset(record.model, record.dataset),
            output_uri=self.places.training(record.model, record.run),
            checkpoint_uri=self.places.checkpoints(record.model, record.run),
            hyperparameters={
                "model": record.model,
                "run": record.run,
                "dataset_digest": record.dataset,
                "code_digest": record.code,
                "attempt": str(record.attempt),
            },
            environment={"TRACEPARENT": child_of(record.traceparent)},
            tags={"sluice:model": record.model, "sluice:run": record.run},
        )


def _wish(seen: DatasetReady | TrainingRequested) -> Wish:
    drop = seen.drop if isinstance(seen, DatasetReady) else None
    return Wish(
        model=seen.model,
        dataset=seen.dataset,
        drop=drop,
        cause=f"drop {drop}" if isinstance(seen, DatasetReady) else seen.cause,
        traceparent=seen.traceparent or child_of(None),
    )


def _failed(record: RunRecord, message: str, now: datetime) -> RunRecord:
    failed = RunFailed(
        run=record.run, model=record.model, reason=Reason.JOB_REFUSED, message=message
    )
    return record.heard(
        RunNews.UNTRAINED,
        reason=Reason.JOB_REFUSED,
        message=message,
        ended_at=now,
        due_at=None,
    ).saying(failed)


@cache
def made() -> StartTraining:
    """The function as its environment sets it up."""
    settings = StartTrainingSettings.from_environment()
    world = World(settings)
    return StartTraining(
        book=world.book,
        definitions=world.definitions,
        jobs=world.jobs,
        names=world.names,
        objects=world.objects,
        places=Places(settings.artifact_bucket),
        data_bucket=settings.data_bucket,
        image=settings.training_image,
        role_arn=settings.training_role_arn,
    )


handle = lambda_handler("start_training", made)
