"""Woken by an alarm or a request: the champion gets everything, verified, and then it is said."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache

from events.catalog import RollbackRequested
from events.foreign import AlarmChanged
from events.words import Reason
from functions.aws.book import Book
from functions.aws.endpoints import EndpointBusyError
from functions.aws.refusals import MissingError, NoRoomError, RefusedError
from functions.aws.registry import Registry
from functions.aws.scaling import ScalableTargets
from functions.aws.world import World
from functions.ledger import (
    MOST_RESTORES,
    RETRY_AFTER,
    Champion,
    EndpointRecord,
    Record,
    RolloutRecord,
)
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
from functions.roll_back.records import (
    began,
    freed,
    left,
    note,
    over,
    still_at_work,
    stranded,
    unheld,
)
from functions.roll_back.settings import RollBackSettings
from functions.roll_back.verified import (
    ForeignError,
    GoneError,
    StillAtWorkError,
    StrandedError,
    Verified,
)
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
            case Return():
                (returning,) = self.book.commit(began(outcome, rollout, now))
                return self._go_back(outcome, self._unscaled(returning), now)

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

    def _go_back(self, outcome: Return, returning: RolloutRecord, now: datetime) -> RolloutRecord:
        """As far as SageMaker lets it; what it does not is written down and told."""
        try:
            verified = self._return(returning, outcome.to)
        except StillAtWorkError as error:
            return self.book.commit(still_at_work(returning, str(error), now))[0]
        except ForeignError as error:
            return self._leave(outcome, returning, Reason.ENDPOINT_CHANGED, str(error), now)
        except GoneError as error:
            if returning.restores:
                return self._restore(outcome, returning, str(error), now)
            returning = returning.paging(Reason.ENDPOINT_CHANGED, str(error))
            verified = str(error)
        except (StrandedError, MissingError) as error:
            return self._restore(outcome, returning, str(error), now)
        self._mark(returning, outcome)
        return self._end(returning, outcome, verified, now)

    def _restore(
        self, outcome: Return, returning: RolloutRecord, why: str, now: datetime
    ) -> RolloutRecord:
        """The champion alone; its settling, or the sweep, comes back to see that it stands."""
        if outcome.to is None or returning.restores >= MOST_RESTORES:
            return self._leave(outcome, returning, Reason.ENDPOINT_STRANDED, why, now)
        (returning,) = self.book.commit(stranded(returning, why, now))
        try:
            self.verified.restore(returning, outcome.to)
        except MissingError as error:
            return self._leave(outcome, returning, Reason.ARTIFACT_MISSING, str(error), now)
        except RefusedError as error:
            return self._leave(outcome, returning, Reason.ENDPOINT_STRANDED, str(error), now)
        except (EndpointBusyError, NoRoomError):
            return returning
        return returning

    def _confirm(self, rollout: RolloutRecord, to: Champion | None, now: datetime) -> RolloutRecord:
        """It is over: what somebody else has made of the endpoint since is theirs."""
        try:
            self._return(rollout, to)
        except StillAtWorkError:
            return self.book.commit(rollout.changed(due_at=now + RETRY_AFTER))[0]
        except StrandedError as error:
            rollout = rollout.paging(Reason.ENDPOINT_STRANDED, str(error))
        except (ForeignError, GoneError, MissingError):
            return self._done(rollout)
        return self._done(rollout)

    def _leave(
        self, outcome: Return, rollout: RolloutRecord, reason: Reason, why: str, now: datetime
    ) -> RolloutRecord:
        """The endpoint is a person's: the version is marked, and nothing more is touched."""
        self._mark(rollout, outcome)
        after = left(rollout, reason, why, now)
        changes: tuple[Record, ...] = (after, unheld(self._endpoint(rollout), outcome))
        self.book.commit(*changes, notes=(note(rollout, f"left: {reason}: {why}", now),))
        return after

    def _endpoint(self, rollout: RolloutRecord) -> EndpointRecord:
        found = self.book.get(EndpointRecord, rollout.model)
        return found or EndpointRecord(model=rollout.model)

    def _done(self, rollout: RolloutRecord) -> RolloutRecord:
        """One that is over is not looked at again."""
        if not rollout.ended or rollout.due_at is None:
            return rollout
        return self.book.commit(rollout.changed(due_at=None))[0]

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
        ended = over(rollout, outcome, verified, now)
        told = note(rollout, f"{outcome.reason}: {outcome.message}; {verified}", now)
        changes: tuple[Record, ...] = (ended, freed(self._endpoint(rollout), outcome, now))
        self.book.commit(*changes, notes=(told,))
        return ended


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
