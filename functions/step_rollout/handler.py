"""Woken by the endpoint when it settles, and by one-shot schedules when a bake is over."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache

from events.catalog import (
    RollbackRequested,
    RolloutAdvanced,
    RolloutCompleted,
    RolloutStepDue,
    VersionApproved,
)
from events.foreign import EndpointChanged
from events.words import Reason
from functions.aws.book import Book
from functions.aws.endpoints import Endpoints
from functions.aws.evidence import TrafficMetrics
from functions.aws.objects import Objects
from functions.aws.schedules import Schedules
from functions.aws.world import World
from functions.endpoint import NO_TRAFFIC, Probe, Traffic
from functions.ledger import (
    RETRY_AFTER,
    EndpointRecord,
    Evidence,
    Record,
    RolloutRecord,
    RolloutState,
)
from functions.names import Names
from functions.places import Places
from functions.step_rollout.decide import (
    Case,
    Close,
    Hold,
    Ignore,
    Promote,
    RollBack,
    Shift,
    Step,
    Wait,
    bake,
    keep_warm,
    next_step,
)
from functions.step_rollout.settings import StepRolloutSettings
from functions.turn import Told, lambda_handler

_RETURNED = frozenset({RolloutState.ROLLING_BACK, RolloutState.ABORTED})


@dataclass(frozen=True)
class StepRollout:
    """The function with its adapters."""

    book: Book
    endpoints: Endpoints
    traffic: TrafficMetrics
    objects: Objects
    schedules: Schedules
    names: Names
    places: Places

    def __call__(self, seen: EndpointChanged | RolloutStepDue, now: datetime) -> Told:
        rollout = self._rollout(seen)
        if rollout is None or rollout.ended:
            return Told(Ignore("no rollout is under way there"), rollout)
        step = next_step(self.load(rollout, seen, now))
        return Told(step, self.apply(step, rollout, now))

    def load(
        self, rollout: RolloutRecord, seen: EndpointChanged | RolloutStepDue, now: datetime
    ) -> Case:
        """The endpoint read back, and the evidence as far as this wake-up needs it."""
        baked = isinstance(seen, RolloutStepDue) and seen.step == rollout.step
        view = self.endpoints.view(rollout.model)
        settled = view is not None and view.in_service
        starting = rollout.state is RolloutState.PROVISIONING
        judging = baked and rollout.state is RolloutState.SHIFTING
        if judging and settled:
            return Case(
                rollout,
                view,
                baked,
                challenger=self._read(rollout, "challenger", rollout.step_since, now),
                champion=self._read(rollout, "champion", rollout.step_since, now),
                whole=self._read(rollout, "challenger", rollout.started_at, now),
            )
        there = settled and view is not None and view.config == rollout.config
        probe = self._probe(rollout) if starting and there else None
        return Case(rollout, view, baked, probe)

    def apply(self, step: Step, rollout: RolloutRecord, now: datetime) -> RolloutRecord:
        """Do what was decided."""
        match step:
            case Shift():
                return self._shift(step, rollout, now)
            case Hold(why=why):
                return self._hold(rollout, why, now)
            case Promote(why=why):
                return self._promote(rollout, why, now)
            case RollBack(reason=reason, why=why):
                return self._ask_back(rollout, reason, why, now)
            case Close():
                return self._close(rollout, now)
            case Wait():
                return self._look_later(rollout, now)
            case Ignore():
                return rollout

    def _shift(self, shift: Shift, rollout: RolloutRecord, now: datetime) -> RolloutRecord:
        """Write the intent, move the weight, and look whether a rollback came in between."""
        until = now + bake(rollout)
        advanced = RolloutAdvanced(
            rollout=rollout.rollout,
            model=rollout.model,
            version=rollout.version,
            weight=shift.weight,
            message=shift.why,
        )
        intent = rollout.changed(
            state=RolloutState.SHIFTING,
            step=shift.step,
            weight=shift.weight,
            holds=0,
            step_since=now,
            due_at=until + RETRY_AFTER,
        )
        note = _note(rollout, now, f"{shift.weight} %: {shift.why}")
        (after,) = self.book.commit(intent.saying(advanced), notes=(note,))
        self.endpoints.shift(rollout.model, _weights(rollout, shift.weight))
        self._return_if_overtaken(after)
        self._expect(after, until)
        return after

    def _return_if_overtaken(self, rollout: RolloutRecord) -> None:
        """A rollback that was written while the weight moved has the last word: ask for it again.

        The endpoint is updating now and takes no other weights, so it is not done here.
        """
        seen = self.book.get(RolloutRecord, rollout.rollout)
        if seen is not None and seen.state in _RETURNED:
            again = RollbackRequested(
                rollout=seen.rollout,
                model=seen.model,
                reason=seen.reason or Reason.ASKED_BY_PERSON,
                message=seen.message,
            )
            self.book.commit(seen.saying(again))

    def _look_later(self, rollout: RolloutRecord, now: datetime) -> RolloutRecord:
        """Never earlier than it was to be looked at anyway: that would cut a bake short."""
        due = max(now + RETRY_AFTER, rollout.due_at or now)
        return self.book.commit(rollout.changed(due_at=due))[0]

    def _hold(self, rollout: RolloutRecord, why: str, now: datetime) -> RolloutRecord:
        until = now + bake(rollout)
        held = rollout.changed(holds=rollout.holds + 1, due_at=until + RETRY_AFTER, message=why)
        (after,) = self.book.commit(held, notes=(_note(rollout, now, f"holds: {why}"),))
        self._expect(after, until)
        return after

    def _promote(self, rollout: RolloutRecord, why: str, now: datetime) -> RolloutRecord:
        endpoint = self._endpoint(rollout)
        until = now + keep_warm(rollout)
        completed = RolloutCompleted(
            rollout=rollout.rollout, model=rollout.model, version=rollout.version, message=why
        )
        watching = rollout.changed(
            state=RolloutState.WATCHING,
            step=len(rollout.definition.rollout.steps),
            weight=100,
            holds=0,
            step_since=now,
            due_at=until + RETRY_AFTER,
            message=why,
        ).saying(completed)
        crowned = endpoint.changed(
            champion=rollout.challenger.model_copy(update={"since": now}),
            previous=rollout.champion,
        )
        changes: tuple[Record, ...] = (watching, _next_in_line(crowned, now))
        self.book.commit(*changes, notes=(_note(rollout, now, f"promoted: {why}"),))
        self._expect(watching, until)
        return watching

    def _ask_back(
        self, rollout: RolloutRecord, reason: Reason, why: str, now: datetime
    ) -> RolloutRecord:
        asked = RollbackRequested(
            rollout=rollout.rollout, model=rollout.model, reason=reason, message=why
        )
        note = _note(rollout, now, f"asks the traffic back: {reason}: {why}")
        due = rollout.changed(due_at=now + RETRY_AFTER)
        return self.book.commit(due.saying(asked), notes=(note,))[0]

    def _close(self, rollout: RolloutRecord, now: datetime) -> RolloutRecord:
        closed = rollout.changed(state=RolloutState.COMPLETED, ended_at=now, due_at=None)
        free = self._endpoint(rollout).changed(rollout=None, previous=None)
        changes: tuple[Record, ...] = (closed, free)
        self.book.commit(*changes)
        return closed

    def _expect(self, rollout: RolloutRecord, at: datetime) -> None:
        self.schedules.say(
            RolloutStepDue(
                rollout=rollout.rollout,
                model=rollout.model,
                step=rollout.step,
                traceparent=rollout.traceparent,
            ),
            at=at,
            name=f"{rollout.rollout}-s{rollout.step}-h{rollout.holds}",
        )

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

    def _endpoint(self, rollout: RolloutRecord) -> EndpointRecord:
        found = self.book.get(EndpointRecord, rollout.model)
        return found or EndpointRecord(model=rollout.model)

    def _read(self, rollout: RolloutRecord, who: str, since: datetime, until: datetime) -> Traffic:
        side = rollout.challenger if who == "challenger" else rollout.champion
        if side is None:
            return NO_TRAFFIC
        return self.traffic.read(rollout.model, variant=side.variant, since=since, until=until)

    def _probe(self, rollout: RolloutRecord) -> Probe:
        folder = self.places.dataset(rollout.model, rollout.challenger.dataset)
        golden = self.objects.read_json(f"{folder}/probe.json") or {}
        return self.endpoints.probe(
            rollout.model,
            variant=rollout.challenger.variant,
            instances=golden.get("instances", []),
        )


def _weights(rollout: RolloutRecord, challenger: int) -> dict[str, int]:
    weights = {rollout.challenger.variant: challenger}
    if rollout.champion is not None:
        weights[rollout.champion.variant] = 100 - challenger
    return weights


def _next_in_line(endpoint: EndpointRecord, now: datetime) -> EndpointRecord:
    """Whoever was approved meanwhile may challenge the new champion."""
    if endpoint.waiting is None:
        return endpoint
    approved = VersionApproved(model=endpoint.model, version=endpoint.waiting)
    return endpoint.changed(due_at=now + RETRY_AFTER).saying(approved)


def _note(rollout: RolloutRecord, now: datetime, text: str) -> Evidence:
    return Evidence(
        kind=RolloutRecord.kind, key=rollout.rollout, at=now, by="step_rollout", text=text
    )


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
        schedules=world.schedules(
            group=settings.schedule_group,
            role_arn=settings.schedule_role_arn,
            bus_arn=settings.bus_arn,
        ),
        names=world.names,
        places=Places(settings.artifact_bucket),
    )


handle = lambda_handler("step_rollout", made)
