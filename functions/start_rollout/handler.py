"""Woken by a word on a version in the registry (gate or person), or for one that waited."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache

from events.catalog import CandidateApproved, VersionApproved
from events.foreign import ModelPackageChanged
from functions.aws.book import Book
from functions.aws.registry import Registry
from functions.aws.world import World
from functions.ledger import EndpointRecord, Record, RolloutRecord, RunRecord
from functions.names import Names, rollout_id
from functions.start_rollout.decide import Begin, Case, Ignore, Outcome, Resume, decide
from functions.start_rollout.placing import Placing
from functions.start_rollout.records import (
    Written,
    claimed,
    left_by,
    opened,
)
from functions.start_rollout.settings import StartRolloutSettings
from functions.turn import Told, lambda_handler

Seen = ModelPackageChanged | CandidateApproved | VersionApproved


@dataclass(frozen=True)
class StartRollout:
    """The function with its adapters."""

    book: Book
    registry: Registry
    names: Names
    placing: Placing

    def __call__(self, seen: Seen, now: datetime) -> Told:
        model = self._model(seen)
        if model is None:
            return Told(Ignore("a package group of somebody else"))
        case = self.load(model, seen.version, run=_named_run(seen))
        outcome = decide(case, now=now)
        return Told(outcome, self.apply(outcome, case, now))

    def load(self, model: str, number: int, *, run: str | None) -> Case:
        """The version, what it was made by, and who holds the endpoint."""
        version = self.registry.find(model, number)
        made_by = version.run if version else run
        endpoint = self.book.get(EndpointRecord, model) or EndpointRecord(model=model)
        own = rollout_id(self.names.endpoint(model), number)
        return Case(
            number=number,
            version=version,
            run=self.book.get(RunRecord, made_by) if made_by else None,
            endpoint=endpoint,
            holder=self.book.get(RolloutRecord, endpoint.rollout) if endpoint.rollout else None,
            own=self.book.get(RolloutRecord, own),
        )

    def apply(self, outcome: Outcome, case: Case, now: datetime) -> Record | None:
        """Claim the endpoint in the ledger, then place both versions on it."""
        match outcome:
            case Begin():
                self._claim(outcome, case, now)
                return self._go_on(case.endpoint.model, case.number, outcome.run, now)
            case Resume(rollout=rollout):
                return self._commit(self.placing.place(rollout, now))
            case _:
                self._commit(left_by(outcome, case, now))
        return case.own or case.run

    def _go_on(self, model: str, number: int, run: RunRecord, now: datetime) -> Record | None:
        """Decide again, on what holds now: who was rejected before the claim has nobody to say so.

        The rejection's own event found no rollout then, and one that comes later finds this.
        """
        case = self.load(model, number, run=run.run)
        return self.apply(decide(case, now=now), case, now)

    def _claim(self, begin: Begin, case: Case, now: datetime) -> None:
        model = case.endpoint.model
        config, count, before = self.placing.first_config(begin)
        rollout = opened(
            begin,
            id_=rollout_id(self.names.endpoint(model), case.number),
            config=config,
            count=count,
            now=now,
        )
        self._commit(claimed(begin, case.endpoint, rollout.changed(before=before)))

    def _commit(self, written: Written) -> RolloutRecord | None:
        """All of it at once; the rollout as it is now, where there is one."""
        if not written.changes:
            return None
        after = self.book.commit(*written.changes, notes=written.notes)
        return next((record for record in after if isinstance(record, RolloutRecord)), None)

    def _model(self, seen: Seen) -> str | None:
        match seen:
            case ModelPackageChanged(group=group):
                return self.names.model_of(group)
            case CandidateApproved(model=model) | VersionApproved(model=model):
                return model


def _named_run(seen: Seen) -> str | None:
    return None if isinstance(seen, ModelPackageChanged) else seen.run


@cache
def made() -> StartRollout:
    """The function as its environment sets it up."""
    settings = StartRolloutSettings.from_environment()
    world = World(settings)
    return StartRollout(
        book=world.book,
        registry=world.registry,
        names=world.names,
        placing=Placing(
            book=world.book,
            endpoints=world.endpoints,
            alarms=world.alarms,
            scaling=world.scaling,
            names=world.names,
            image=settings.serving_image,
            role_arn=settings.serving_role_arn,
        ),
    )


handle = lambda_handler("start_rollout", made)
