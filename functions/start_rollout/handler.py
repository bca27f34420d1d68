"""Woken by an approval in the registry (gate or person), or for a version that waited."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache

from events.catalog import EvaluationOutdated, RollbackRequested, RolloutStarted, VersionApproved
from events.foreign import ModelPackageChanged
from events.words import Reason
from functions.aws.book import Book
from functions.aws.endpoints import Endpoints
from functions.aws.refusals import RefusedError
from functions.aws.registry import Registry
from functions.aws.world import World
from functions.endpoint import Hardware, Placement
from functions.ledger import (
    RETRY_AFTER,
    Champion,
    EndpointRecord,
    Evidence,
    Record,
    RolloutRecord,
    RolloutState,
    RunRecord,
    RunState,
)
from functions.names import Names, rollout_id
from functions.start_rollout.decide import (
    Begin,
    Case,
    Ignore,
    Outcome,
    Queue,
    Rejudge,
    Resume,
    decide,
)
from functions.start_rollout.settings import StartRolloutSettings
from functions.turn import Told, lambda_handler


@dataclass(frozen=True)
class StartRollout:
    """The function with its adapters."""

    book: Book
    registry: Registry
    endpoints: Endpoints
    names: Names
    image: str
    role_arn: str

    def __call__(self, seen: ModelPackageChanged | VersionApproved, now: datetime) -> Told:
        model = self._model(seen)
        if model is None:
            return Told(Ignore("a package group of somebody else"))
        case = self.load(model, seen.version)
        outcome = decide(case, now=now)
        return Told(outcome, self.apply(outcome, case, now))

    def load(self, model: str, number: int) -> Case:
        """The version, what it was made by, and who holds the endpoint."""
        version = self.registry.find(model, number)
        endpoint = self.book.get(EndpointRecord, model) or EndpointRecord(model=model)
        own = rollout_id(self.names.endpoint(model), number)
        return Case(
            number=number,
            version=version,
            run=self.book.get(RunRecord, version.run) if version else None,
            endpoint=endpoint,
            holder=self.book.get(RolloutRecord, endpoint.rollout) if endpoint.rollout else None,
            own=self.book.get(RolloutRecord, own),
        )

    def apply(self, outcome: Outcome, case: Case, now: datetime) -> Record | None:
        """Claim the endpoint in the ledger, then place both versions on it."""
        match outcome:
            case Begin() if case.run is not None:
                rollout = self._claim(outcome, case.run, case.endpoint, now)
                return self._place(rollout, outcome.placements, now)
            case Resume(rollout=rollout):
                return self._place(rollout, outcome.placements, now)
            case Queue(version=version):
                self._wait(case, version)
            case Rejudge():
                self._judge_again(case, now)
            case Ignore() | Begin():
                self._settle(case)
        return case.own or case.run

    def _claim(
        self, begin: Begin, run: RunRecord, endpoint: EndpointRecord, now: datetime
    ) -> RolloutRecord:
        """Endpoint, rollout, run and a superseded rollout change together or not at all."""
        rollout = self._rollout(begin, run, now)
        started = RolloutStarted(
            rollout=rollout.rollout, model=run.model, version=rollout.version, run=run.run
        )
        waits = endpoint.waiting is not None and endpoint.waiting > rollout.version
        claimed = endpoint.changed(
            rollout=rollout.rollout,
            previous=None,
            waiting=endpoint.waiting if waits else None,
            due_at=None,
        )
        changes: list[Record] = [rollout.saying(started), claimed, _approved(run)]
        if begin.closes is not None:
            changes.append(
                begin.closes.changed(state=RolloutState.COMPLETED, ended_at=now, due_at=None)
            )
        note = Evidence(
            kind=RolloutRecord.kind,
            key=rollout.rollout,
            at=now,
            by="start_rollout",
            text=f"version {rollout.version} challenges {_named(begin.champion)}",
        )
        self.book.commit(*changes, notes=(note,))
        return self.book.get(RolloutRecord, rollout.rollout) or rollout

    def _rollout(self, begin: Begin, run: RunRecord, now: datetime) -> RolloutRecord:
        version = begin.challenger.version
        return RolloutRecord(
            rollout=rollout_id(self.names.endpoint(run.model), version),
            model=run.model,
            version=version,
            run=run.run,
            definition=run.definition,
            challenger=begin.challenger,
            champion=begin.champion,
            config=self.endpoints.config_name(run.model, begin.placements),
            started_at=now,
            step_since=now,
            due_at=now + RETRY_AFTER,
            traceparent=run.traceparent,
        )

    def _place(
        self, rollout: RolloutRecord, placements: tuple[Placement, ...], now: datetime
    ) -> RolloutRecord:
        serving = rollout.definition.serving
        hardware = Hardware(
            image=self.image,
            role_arn=self.role_arn,
            instance=serving.instances[0],
            max_batch=serving.max_batch,
        )
        try:
            self.endpoints.place(rollout.model, placements, hardware)
        except RefusedError as error:
            refused = RollbackRequested(
                rollout=rollout.rollout,
                model=rollout.model,
                reason=Reason.NOT_DEPLOYED,
                message=str(error),
            )
            due = rollout.changed(due_at=now + RETRY_AFTER)
            return self.book.commit(due.saying(refused))[0]
        return self.book.commit(rollout.changed(placed=True))[0]

    def _wait(self, case: Case, version: int) -> None:
        """The holder's end will say that it may begin: nobody else need look at it."""
        newest = max(version, case.endpoint.waiting or 0)
        changes: list[Record] = [case.endpoint.changed(waiting=newest, due_at=None)]
        if case.run is not None:
            changes.append(_approved(case.run))
        self.book.commit(*changes)

    def _judge_again(self, case: Case, now: datetime) -> None:
        """Back to the gate; the version comes again when it is approved again."""
        if case.run is None:
            return
        back = case.run.changed(state=RunState.TRAINING, due_at=now + RETRY_AFTER)
        outdated = EvaluationOutdated(run=back.run, job=back.training_job or "")
        self.book.commit(back.saying(outdated), *_no_longer_waiting(case))

    def _settle(self, case: Case) -> None:
        """What is not to be rolled out waits no longer, and the sweep leaves it alone."""
        changes: list[Record] = [*_no_longer_waiting(case)]
        run = case.run
        if run is not None and run.state is RunState.APPROVED and run.due_at is not None:
            changes.append(run.changed(due_at=None))
        if changes:
            self.book.commit(*changes)

    def _model(self, seen: ModelPackageChanged | VersionApproved) -> str | None:
        match seen:
            case ModelPackageChanged(group=group):
                return self.names.model_of(group)
            case VersionApproved(model=model):
                return model


def _approved(run: RunRecord) -> RunRecord:
    """The run as approved (perhaps by a person) and in the rollout's hands now.

    One whose verdict is not written down yet stays the gate's.
    """
    match run.state:
        case RunState.HELD:
            return run.changed(state=RunState.APPROVED, due_at=None)
        case RunState.APPROVED:
            return run.changed(due_at=None)
        case _:
            return run


def _no_longer_waiting(case: Case) -> tuple[EndpointRecord, ...]:
    """The endpoint without the version in its queue; nothing when it is not there."""
    if case.endpoint.waiting != case.number:
        return ()
    return (case.endpoint.changed(waiting=None, due_at=None),)


def _named(champion: Champion | None) -> str:
    return f"version {champion.version}" if champion else "nobody: it is the first"


@cache
def made() -> StartRollout:
    """The function as its environment sets it up."""
    settings = StartRolloutSettings.from_environment()
    world = World(settings)
    return StartRollout(
        book=world.book,
        registry=world.registry,
        endpoints=world.endpoints,
        names=world.names,
        image=settings.serving_image,
        role_arn=settings.serving_role_arn,
    )


handle = lambda_handler("start_rollout", made)
