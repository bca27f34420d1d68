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
from functions.allowance import STAGE, AllowanceRecord
from functions.aws.book import Book
from functions.aws.definitions import Definitions
from functions.aws.jobs import Jobs
from functions.aws.objects import Objects
from functions.aws.refusals import NoRoomError, RefusedError
from functions.aws.world import World
from functions.capacity import exhausted, waits_for_capacity
from functions.definition import DefinitionError, Deployed
from functions.jobs import TrainingSpec
from functions.ledger import RETRY_AFTER, DropRecord, EndpointRecord, Record, RunRecord
from functions.machines import RunNews, RunState
from functions.names import Names
from functions.places import Places, holdout
from functions.start_training.decide import (
    Fail,
    Ignore,
    Outcome,
    Park,
    Start,
    Wish,
    decide,
    guarded,
    judgeable,
    resume,
    superseded,
)
from functions.start_training.guards import Case, allowed, still_waits
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
    max_running: int
    """Training jobs of the whole stage at a time."""

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
        judged = judgeable(outcome, holdout=self.objects.any_in(folder), now=now)
        if isinstance(judged, Park):
            return judged
        return guarded(judged, allowed(self._case(wanted), now=now))

    def _wanted(self, seen: DatasetReady | TrainingRequested, now: datetime) -> Start | Ignore:
        match seen:
            case TrainingRequested(run=str(run), attempt=attempt, person=person):
                return resume(self.book.get(RunRecord, run), attempt, person=person)
            case TrainingRequested(code_uri=str(uri), code=str(code)):
                meant: Deployed | None = self.definitions.of_code(seen.model, uri=uri, code=code)
            case _:
                meant = self.definitions.get(seen.model)
        wish = self._wish(seen)
        record = self.book.get(RunRecord, wish.run(meant)) if meant else None
        return decide(wish, meant, record, now=now)

    def _wish(self, seen: DatasetReady | TrainingRequested) -> Wish:
        traceparent = seen.traceparent or child_of(None)
        if isinstance(seen, TrainingRequested):
            return Wish(seen.model, seen.dataset, None, seen.cause, traceparent, person=seen.person)
        drop = self.book.get(DropRecord, f"{seen.model}#{seen.drop}")
        return Wish(
            seen.model,
            seen.dataset,
            seen.drop,
            f"drop {seen.drop}",
            traceparent,
            dropped_at=drop.first_seen if drop else None,
            rows=seen.rows,
        )

    def _case(self, run: RunRecord) -> Case:
        """All that may hold a run up, by what holds now."""
        deployed = self.definitions.get(run.model)
        model, stage = (self._allowance(scope) for scope in (run.model, STAGE))
        waiting = self.book.get(RunRecord, model.waiting) if model.waiting else None
        champion = self._champion(run.model) if model.refused.runs else None
        return Case(
            run=run,
            job=self._job(run),
            limits=(deployed or run).definition.training,
            model=model,
            stage=stage,
            most_running=self.max_running,
            waiting=waiting if still_waits(waiting) else None,
            champion=champion,
        )

    def _allowance(self, scope: str) -> AllowanceRecord:
        return self.book.get(AllowanceRecord, scope) or AllowanceRecord(scope=scope)

    def _champion(self, model: str) -> int | None:
        endpoint = self.book.get(EndpointRecord, model)
        return endpoint.champion.version if endpoint and endpoint.champion else None

    def _job(self, run: RunRecord) -> str:
        return self.names.training_job(run.model, run.run, run.attempt)

    def apply(self, outcome: Outcome, now: datetime) -> RunRecord | None:
        """Start the job, or write down why it waits."""
        match outcome:
            case Start(record=record, beside=beside, supersedes=older):
                return self._start(record, (*beside, *_given_way(older, record, now)), now)
            case Park(record=record, beside=beside, supersedes=older) as park:
                return self._park(park, (*beside, *_given_way(older, record, now)), now)
            case Fail() as fail:
                return self._written(failed(fail, now))
            case Ignore(record=known):
                return known

    def _start(self, record: RunRecord, beside: tuple[Record, ...], now: datetime) -> RunRecord:
        """Write the intent with its place, start the job under its one name, write that it runs."""
        job, due = self._job(record), now + RETRY_AFTER
        if beside or record.training_job != job:
            record = self._written(record.changed(training_job=job, due_at=due), *beside)
        try:
            self.jobs.train(self._spec(record, job))
        except NoRoomError as error:
            return self._short(record, str(error), now)
        except RefusedError as error:
            return self._fail(Fail(record, Reason.JOB_REFUSED, str(error)), now)
        started = TrainingStarted(run=record.run, model=record.model, job=job)
        after = record.heard(RunNews.STARTED, reason=None, message="", due_at=due)
        return self._written(after.saying(started))

    def _short(self, record: RunRecord, why: str, now: datetime) -> RunRecord:
        """It keeps its place while it asks for other machines: that they were asked for is open."""
        after = waits_for_capacity(record, RunNews.PARKED, why, now)
        if after is None:
            return self._fail(Fail(record, Reason.NO_CAPACITY, exhausted(record, why)), now)
        return self._written(_told(record, after))

    def _fail(self, fail: Fail, now: datetime) -> RunRecord:
        """The run ends, and its place is free."""
        job = self._job(fail.record)
        scopes = (self._allowance(scope) for scope in (fail.record.model, STAGE))
        freed = (each.settled(job, cost=0.0, now=now) for each in scopes if job in each.reserved)
        return self._written(failed(fail, now), *freed)

    def _park(self, park: Park, beside: tuple[Record, ...], now: datetime) -> RunRecord:
        """Each new reason is said once; asking again changes nothing but the time."""
        record = self._begun_anew(park.record, now)
        after = record.heard(
            RunNews.PARKED, reason=park.reason, message=park.message, due_at=park.until
        )
        if not beside and _goes_on_waiting(record, after, now):
            return record
        return self._written(_told(record, after), *beside)

    def _begun_anew(self, record: RunRecord, now: datetime) -> RunRecord:
        """A run that had ended is written as begun once more before it is parked."""
        if record.revision == 0 or record.state is not RunState.STARTING:
            return record
        return self._written(record.changed(due_at=now))

    def _take_over(self, seen: DatasetReady | TrainingRequested) -> None:
        """The drop is in the run's hands now: the sweep need not look at it again."""
        if isinstance(seen, DatasetReady):
            drop = self.book.get(DropRecord, f"{seen.model}#{seen.drop}")
            if drop is not None and drop.due_at is not None:
                self.book.commit(drop.changed(due_at=None))

    def _written(self, record: RunRecord, *beside: Record) -> RunRecord:
        records: tuple[Record, ...] = (record, *beside)
        after = self.book.commit(*records)[0]
        assert isinstance(after, RunRecord)
        return after

    def _spec(self, record: RunRecord, job: str) -> TrainingSpec:
        training = record.definition.training
        return TrainingSpec(
            name=job,
            image=self.image,
            role_arn=self.role_arn,
            instance=training.instances[record.instance],
            max_runtime=round(training.max_runtime),
            spot=training.spot,
            code_uri=record.code_uri,
            dataset_uri=self.places.dataset(record.model, record.dataset),
            output_uri=self.places.training(record.model, record.run),
            checkpoint_uri=(
                self.places.checkpoints(record.model, record.run) if training.checkpoint else None
            ),
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


def _goes_on_waiting(before: RunRecord, after: RunRecord, now: datetime) -> bool:
    """Whether it waits as it did: then it stays overdue, and the sweep asks without a write."""
    known = after.subject.substance == after.chain.substance
    soon = after.due_at is not None and after.due_at <= now + RETRY_AFTER
    return known and soon and before.due_at is not None


def _told(before: RunRecord, after: RunRecord) -> RunRecord:
    """With its reason to be said, unless that was said before."""
    known = (before.state, before.reason, before.message)
    if known == (after.state, after.reason, after.message) or after.reason is None:
        return after
    return after.saying(
        TrainingParked(run=after.run, model=after.model, reason=after.reason, message=after.message)
    )


def _given_way(older: RunRecord | None, newer: RunRecord, now: datetime) -> tuple[RunRecord, ...]:
    return () if older is None else (failed(superseded(older, newer), now),)


def failed(fail: Fail, now: datetime) -> RunRecord:
    """The run at its end."""
    record, reason, message = fail.record, fail.reason, fail.message
    said = RunFailed(run=record.run, model=record.model, reason=reason, message=message)
    return record.heard(
        RunNews.UNTRAINED, reason=reason, message=message, ended_at=now, due_at=None
    ).saying(said)


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
        max_running=settings.max_running,
    )


handle = lambda_handler("start_training", made)
