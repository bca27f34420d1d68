"""Woken by the endpoint when it settles, and by one-shot schedules when a bake is over."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from events.catalog import RolloutStepDue
from events.foreign import EndpointChanged
from events.words import Reason
from functions.aws.book import Book
from functions.aws.endpoints import Endpoints
from functions.aws.evidence import TrafficMetrics
from functions.aws.objects import Objects
from functions.aws.refusals import MissingError
from functions.aws.registry import Registry
from functions.aws.scaling import ScalableTargets
from functions.aws.schedules import Schedules
from functions.aws.world import World
from functions.endpoint import NO_TRAFFIC, Arms, Expected, Placement, Probe, Traffic
from functions.ledger import Champion, EndpointRecord, RolloutRecord, RolloutState
from functions.names import Names
from functions.places import Places
from functions.registry import Approval
from functions.scaling import after_update
from functions.standing import placements, standing
from functions.step_rollout.comparison import slow
from functions.step_rollout.decide import (
    Arrive,
    Case,
    Close,
    Hold,
    Ignore,
    LookAgain,
    Promote,
    RollBack,
    Shift,
    Step,
    Stop,
    Wait,
    bake,
    ends_bake,
    keep_warm,
    look_within,
    next_look,
    next_step,
    since_first,
)
from functions.step_rollout.judge import Seen
from functions.step_rollout.records import (
    Written,
    arrived,
    asked_back,
    asked_back_again,
    bake_over,
    closed,
    held,
    look_due,
    looked_at_later,
    made_again,
    on_its_endpoint,
    promoted,
    shifted,
    stopped,
)
from functions.step_rollout.settings import StepRolloutSettings
from functions.turn import Told, lambda_handler

_HISTORY = timedelta(hours=1)
"""What the champion did so long before the rollout says what is slow."""
_RETURNED = frozenset({RolloutState.ROLLING_BACK, RolloutState.ABORTED})


@dataclass(frozen=True)
class StepRollout:
    """The function with its adapters."""

    book: Book
    endpoints: Endpoints
    traffic: TrafficMetrics
    objects: Objects
    registry: Registry
    scaling: ScalableTargets
    schedules: Schedules
    names: Names
    places: Places

    def __call__(self, seen: EndpointChanged | RolloutStepDue, now: datetime) -> Told:
        rollout = self._rollout(seen)
        if rollout is None or rollout.ended:
            return Told(Ignore("no rollout is under way there"), rollout)
        case = self.load(rollout, seen, now)
        step = next_step(case)
        return Told(step, self.apply(step, on_its_endpoint(rollout, case.view), now))

    def load(
        self, rollout: RolloutRecord, seen: EndpointChanged | RolloutStepDue, now: datetime
    ) -> Case:
        """The endpoint read back, and the evidence as far as this wake-up needs it."""
        baked = isinstance(seen, RolloutStepDue) and ends_bake(rollout, seen)
        view = self.endpoints.view(rollout.model)
        settled = view is not None and view.in_service
        starting = rollout.state is RolloutState.PROVISIONING
        look = look_within(rollout, seen) if isinstance(seen, RolloutStepDue) else 0
        judging = (baked or look) and rollout.state is RolloutState.SHIFTING
        if judging and settled:
            return Case(
                rollout,
                view,
                baked,
                rejected=self._rejected(rollout),
                seen=self._seen(rollout, now),
                look=look,
            )
        there = settled and view is not None and view.config == rollout.config
        probe = self._probe(rollout) if starting and there else None
        late = rollout.due_at is not None and rollout.due_at <= now
        return Case(
            rollout,
            view,
            baked,
            probe,
            overdue=late and isinstance(seen, EndpointChanged),
            rejected=self._rejected(rollout) if there and (starting or baked) else None,
        )

    def apply(self, step: Step, rollout: RolloutRecord, now: datetime) -> RolloutRecord:
        """Do what was decided."""
        match step:
            case Shift():
                return self._shift(step, self._scaled_again(rollout), now)
            case Arrive():
                there = arrived(step, self._scaled_again(rollout), now)
                return self._baking(self._commit(there), now)
            case Hold():
                return self._baking(self._commit(held(step, rollout, now)), now)
            case LookAgain(look=number):
                return self._look(rollout, number, now)
            case Promote():
                after = self._commit(promoted(step, rollout, self._endpoint(rollout), now))
                return self._expect(after, now + keep_warm(after))
            case Ignore():
                return rollout
            case _:
                return self._commit(self._written(step, rollout, now))

    def _written(
        self, step: RollBack | Stop | Close | Wait, rollout: RolloutRecord, now: datetime
    ) -> Written:
        """What is done by the ledger alone."""
        match step:
            case RollBack():
                return asked_back(step, rollout, now)
            case Stop():
                return stopped(step, rollout, self._endpoint(rollout), now)
            case Close():
                return closed(rollout, self._endpoint(rollout), now)
            case Wait():
                return looked_at_later(step, rollout, now)

    def _shift(self, shift: Shift, rollout: RolloutRecord, now: datetime) -> RolloutRecord:
        """Write the intent, move the weight, and look whether a rollback came in between."""
        after = self._commit(shifted(shift, rollout, now))
        both = standing(after, after.config, _both(after))
        try:
            made = self.endpoints.shift(rollout.model, _weights(rollout, shift.weight), both)
        except MissingError as error:
            missing = Stop(Reason.ARTIFACT_MISSING, str(error))
            return self._commit(stopped(missing, self._now(after), self._endpoint(after), now))
        if made:
            self._commit(made_again(self._now(after), now))
        self._return_if_overtaken(after)
        return self._baking(after, now)

    def _scaled_again(self, rollout: RolloutRecord) -> RolloutRecord:
        """Those who stand there after the update are scaled as they were before."""
        champion = rollout.champion.variant if rollout.champion else None
        wanted = after_update(rollout.scaling, champion, rollout.challenger.variant)
        for each in wanted:
            self.scaling.put_on(rollout.model, each)
        return rollout.changed(scaling=())

    def _baking(self, rollout: RolloutRecord, now: datetime) -> RolloutRecord:
        self._expect(rollout, now + bake(rollout))
        return self._look(rollout, 1, now)

    def _return_if_overtaken(self, rollout: RolloutRecord) -> None:
        """A rollback that was written while the weight moved has the last word: ask for it again.

        The endpoint is updating now and takes no other weights, so it is not done here.
        """
        seen = self.book.get(RolloutRecord, rollout.rollout)
        if seen is not None and seen.state in _RETURNED:
            self.book.commit(asked_back_again(seen))

    def _commit(self, written: Written) -> RolloutRecord:
        """Everything of the step at once."""
        self.book.commit(*written.changes, notes=written.notes)
        return written.rollout

    def _expect(self, rollout: RolloutRecord, at: datetime) -> RolloutRecord:
        self.schedules.say(
            bake_over(rollout), at=at, name=f"{rollout.rollout}-s{rollout.step}-h{rollout.holds}"
        )
        return rollout

    def _look(self, rollout: RolloutRecord, number: int, now: datetime) -> RolloutRecord:
        """Have the evidence looked at within the bake, if there is still time for it."""
        at = next_look(rollout, now)
        if at is not None:
            due = look_due(rollout, number)
            name = f"{rollout.rollout}-s{due.step}-h{due.hold}-l{number}"
            self.schedules.say(due, at=at, name=name)
        return rollout

    def _rollout(self, seen: EndpointChanged | RolloutStepDue) -> RolloutRecord | None:
        match seen:
            case RolloutStepDue(rollout=rollout):
                return self.book.get(RolloutRecord, rollout)
            case EndpointChanged(endpoint=name):
                model = self.names.model_of(name)
                endpoint = self.book.get(EndpointRecord, model) if model else None
                if endpoint is None or endpoint.rollout is None:
                    return None
                return self.book.get(RolloutRecord, endpoint.rollout)

    def _now(self, rollout: RolloutRecord) -> RolloutRecord:
        return self.book.get(RolloutRecord, rollout.rollout) or rollout

    def _endpoint(self, rollout: RolloutRecord) -> EndpointRecord:
        found = self.book.get(EndpointRecord, rollout.model)
        return found or EndpointRecord(model=rollout.model)

    def _seen(self, rollout: RolloutRecord, now: datetime) -> Seen:
        """What both arms answered so far, and the champion in the hour before.

        A champion whose place was taken answers no more beside its challenger.
        """
        first = since_first(rollout)
        alone = rollout.started_at if rollout.replaces else first
        before = self._read(rollout, rollout.champion, alone - _HISTORY, alone)
        slower_than = slow(before)
        beside = None if rollout.replaces else rollout.champion
        whole = Arms(
            self._read(rollout, rollout.challenger, first, now, slower_than=slower_than),
            self._read(rollout, beside, first, now, slower_than=slower_than),
        )
        return Seen(whole.since(rollout.step_since or first), whole, before)

    def _read(
        self,
        rollout: RolloutRecord,
        side: Champion | None,
        since: datetime,
        until: datetime,
        *,
        slower_than: float | None = None,
    ) -> Traffic:
        if side is None:
            return NO_TRAFFIC
        return self.traffic.read(
            rollout.model,
            variant=side.variant,
            since=since,
            until=until,
            slower_than=slower_than,
        )

    def _rejected(self, rollout: RolloutRecord) -> str | None:
        """Why the version was rejected in the registry; None when it was not."""
        version = self.registry.find(rollout.model, rollout.version)
        if version is None or version.approval is not Approval.REJECTED:
            return None
        return version.comment or f"version {rollout.version} was rejected"

    def _probe(self, rollout: RolloutRecord) -> Probe:
        folder = self.places.dataset(rollout.model, rollout.challenger.dataset)
        plan = rollout.definition.rollout
        recorded = None if plan.requests else self.objects.read_json(f"{folder}/probe.json")
        instances, predictions = plan.questions(recorded)
        digest = rollout.challenger.model_digest
        return self.endpoints.probe(
            rollout.model,
            variant=rollout.challenger.variant,
            instances=instances,
            expected=Expected(digest, predictions, plan.tolerance),
        )


def _weights(rollout: RolloutRecord, challenger: int) -> dict[str, int]:
    """A challenger in the champion's place has all there is."""
    weights: dict[str, int] = {}
    if rollout.champion is not None:
        weights[rollout.champion.variant] = 100 - challenger
    return weights | {rollout.challenger.variant: challenger}


def _both(rollout: RolloutRecord) -> tuple[Placement, ...]:
    return placements(rollout.champion, rollout.challenger, count=rollout.count)


@cache
def made() -> StepRollout:
    """The function as its environment sets it up."""
    settings = StepRolloutSettings.from_environment()
    world = World(settings)
    return StepRollout(
        book=world.book,
        endpoints=world.endpoints,
        traffic=world.traffic,
        objects=world.objects,
        registry=world.registry,
        scaling=world.scaling,
        schedules=world.schedules(
            group=settings.schedule_group,
            role_arn=settings.schedule_role_arn,
            bus_arn=settings.bus_arn,
        ),
        names=world.names,
        places=Places(settings.artifact_bucket),
    )


handle = lambda_handler("step_rollout", made)
