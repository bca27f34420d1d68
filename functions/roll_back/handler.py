"""Woken by an alarm or a request: the champion gets everything, verified, and then it is said."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache

from events.catalog import RollbackRequested, RolloutAborted, VersionApproved
from events.foreign import AlarmChanged
from functions.aws.book import Book
from functions.aws.registry import Registry
from functions.aws.scaling import ScalableTargets
from functions.aws.world import World
from functions.evidence import Evidence
from functions.ledger import (
    RETRY_AFTER,
    Champion,
    EndpointRecord,
    Record,
    RolloutRecord,
)
from functions.machines import RolloutNews
from functions.names import Names
from functions.places import Places
from functions.registry import Approval
from functions.roll_back.decide import (
    Alarmed,
    Asked,
    Confirm,
    Ignore,
    Outcome,
    Return,
    decide,
)
from functions.roll_back.settings import RollBackSettings
from functions.roll_back.verified import StillAtWorkError, Verified
from functions.scaling import Scaling
from functions.turn import Told, lambda_handler


@dataclass(frozen=True)
class RollBack:
    """The function with its adapters."""

    book: Book
    registry: Registry
    names: Names
    scaling: ScalableTargets
    verified: Verified

    def __call__(self, seen: AlarmChanged | RollbackRequested, now: datetime) -> Told:
        model, id_, cause = self._meant(seen)
        endpoint = self.book.get(EndpointRecord, model) if model else None
        held = id_ or (endpoint.rollout if endpoint else None)
        rollout = self.book.get(RolloutRecord, held) if held else None
        outcome = decide(rollout, cause, endpoint)
        if rollout is None:
            return Told(outcome)
        return Told(outcome, self.apply(outcome, rollout, now))

    def _meant(
        self, seen: AlarmChanged | RollbackRequested
    ) -> tuple[str | None, str | None, Alarmed | Asked]:
        """The model, the rollout (None for the one that holds the endpoint) and the news."""
        match seen:
            case RollbackRequested(rollout=id_, reason=reason, message=message):
                return seen.model, id_, Asked(reason, message)
            case AlarmChanged(alarm=alarm, state=state):
                where = seen.metric.dimensions
                variant = where.get("VariantName", "")
                cause = Alarmed(alarm, variant, state.reason, state.timestamp)
                return self.names.model_of(where.get("EndpointName", "")), None, cause

    def apply(self, outcome: Outcome, rollout: RolloutRecord, now: datetime) -> RolloutRecord:
        """Write the intent, move the traffic, verify it, mark the version, write the end.

        While SageMaker is at work on the endpoint nothing can be moved: the rollout is overdue from
        now on, and its settling (or the sweep) asks again.
        """
        match outcome:
            case Ignore():
                return self._done(rollout)
            case Confirm(to=to):
                return self._confirm(rollout, to, now)
            case Return(to=champion, reason=reason, message=message):
                returning = rollout.heard(
                    RolloutNews.RETURNING,
                    reason=reason,
                    message=message,
                    due_at=now + RETRY_AFTER,
                )
                returning = self._unscaled(self.book.commit(returning)[0])
                try:
                    verified = self._return(returning, champion)
                except StillAtWorkError:
                    return self.book.commit(returning.changed(due_at=now))[0]
                self._mark(returning, outcome)
                return self._end(returning, outcome, verified, now)

    def _confirm(self, rollout: RolloutRecord, to: Champion | None, now: datetime) -> RolloutRecord:
        try:
            self._return(rollout, to)
        except StillAtWorkError:
            return self.book.commit(rollout.changed(due_at=now + RETRY_AFTER))[0]
        return self._done(rollout)

    def _done(self, rollout: RolloutRecord) -> RolloutRecord:
        """One that is over is not looked at again."""
        if not rollout.ended or rollout.due_at is None:
            return rollout
        return self.book.commit(rollout.changed(due_at=None))[0]

    def _unscaled(self, rollout: RolloutRecord) -> RolloutRecord:
        """A new fleet may be of another instance type: who is scaled is written down, and let go.

        Weights move beside the scaling.
        """
        scaled = self.scaling.of(rollout.model) if rollout.returns_to else ()
        if not scaled:
            return rollout
        kept = {each.variant: each for each in (*scaled, *rollout.scaling)}
        (after,) = self.book.commit(rollout.changed(scaling=tuple(kept.values())))
        for each in scaled:
            self.scaling.take_off(rollout.model, each.variant)
        return after

    def _return(self, rollout: RolloutRecord, champion: Champion | None) -> str:
        """Everything to the champion, or nothing left where there is none; how that was seen."""
        if champion is None:
            return self.verified.removed(rollout.model, rollout.config)
        verified = self.verified.returned(rollout, champion)
        said = [self.scaling.put_on(rollout.model, each) for each in _left(rollout, champion)]
        return "; ".join([verified, *filter(None, said)])

    def _mark(self, rollout: RolloutRecord, outcome: Return) -> None:
        """The version says in the registry why it does not serve."""
        self.registry.decide(
            rollout.model,
            rollout.version,
            approval=Approval.REJECTED,
            reason=f"{outcome.reason}: {outcome.message}",
        )

    def _end(
        self, rollout: RolloutRecord, outcome: Return, verified: str, now: datetime
    ) -> RolloutRecord:
        said = RolloutAborted(
            rollout=rollout.rollout,
            model=rollout.model,
            version=rollout.version,
            champion=outcome.to.version if outcome.to else None,
            reason=outcome.reason,
            message=f"{outcome.message}; {verified}",
        )
        ended = rollout.heard(
            RolloutNews.RETURNED, ended_at=now, weight=0, scaling=(), due_at=now + RETRY_AFTER
        ).saying(said)
        note = Evidence(
            kind=RolloutRecord.kind,
            key=rollout.rollout,
            at=now,
            by="roll_back",
            text=f"{outcome.reason}: {said.message}",
        )
        changes: tuple[Record, ...] = (ended, self._freed(rollout, outcome, now))
        self.book.commit(*changes, notes=(note,))
        return ended

    def _freed(self, rollout: RolloutRecord, outcome: Return, now: datetime) -> EndpointRecord:
        endpoint = self.book.get(EndpointRecord, rollout.model)
        freed = (endpoint or EndpointRecord(model=rollout.model)).changed(
            champion=outcome.to, previous=None, rollout=None
        )
        if freed.waiting is None:
            return freed
        approved = VersionApproved(model=rollout.model, version=freed.waiting)
        return freed.changed(due_at=now + RETRY_AFTER).saying(approved)


def _left(rollout: RolloutRecord, champion: Champion) -> tuple[Scaling, ...]:
    """How the champion was scaled, if nobody has put that on again since."""
    return tuple(each for each in rollout.scaling if each.variant == champion.variant)


@cache
def made() -> RollBack:
    """The function as its environment sets it up."""
    settings = RollBackSettings.from_environment()
    world = World(settings)
    return RollBack(
        book=world.book,
        registry=world.registry,
        names=world.names,
        scaling=world.scaling,
        verified=Verified(world.endpoints, world.objects, Places(settings.artifact_bucket)),
    )


handle = lambda_handler("roll_back", made)
