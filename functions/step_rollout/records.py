"""What each step leaves in the ledger, as values."""

from dataclasses import dataclass
from datetime import datetime

from events.catalog import (
    RollbackRequested,
    RolloutAdvanced,
    RolloutCompleted,
    RolloutStepDue,
    VersionApproved,
)
from events.words import Reason
from functions.endpoint import EndpointView
from functions.evidence import Evidence
from functions.ledger import (
    RETRY_AFTER,
    STUCK_AFTER,
    EndpointRecord,
    Record,
    RolloutRecord,
    RolloutState,
)
from functions.machines import RolloutNews
from functions.step_rollout.decide import (
    Arrive,
    Hold,
    Promote,
    RollBack,
    Shift,
    Stop,
    Wait,
    bake,
    keep_warm,
)


@dataclass(frozen=True)
class Written:
    """The rollout after a step, what changes with it, and the line for its history."""

    rollout: RolloutRecord
    notes: tuple[Evidence, ...] = ()
    endpoint: tuple[EndpointRecord, ...] = ()

    @property
    def changes(self) -> tuple[Record, ...]:
        return (self.rollout, *self.endpoint)


def shifted(shift: Shift, rollout: RolloutRecord, now: datetime) -> Written:
    """The intent of a weight; the same step again is another bake of it."""
    again = rollout.state is RolloutState.SHIFTING and shift.step == rollout.step
    advanced = RolloutAdvanced(
        rollout=rollout.rollout,
        model=rollout.model,
        version=rollout.version,
        weight=shift.weight,
        message=shift.why,
    )
    after = rollout.heard(
        RolloutNews.SHIFTED,
        step=shift.step,
        weight=shift.weight,
        holds=rollout.holds + 1 if again else 0,
        step_since=now,
        traffic_since=rollout.traffic_since or now,
        due_at=now + bake(rollout) + RETRY_AFTER,
        message=shift.why,
    )
    return Written(after.saying(advanced), _note(rollout, now, f"{shift.weight} %: {shift.why}"))


def arrived(arrive: Arrive, rollout: RolloutRecord, now: datetime) -> Written:
    """All traffic is there, moved by SageMaker."""
    return shifted(Shift(100, 0, arrive.why), rollout, now)


def held(hold: Hold, rollout: RolloutRecord, now: datetime) -> Written:
    """One more bake at this weight."""
    after = rollout.changed(
        holds=rollout.holds + 1, due_at=now + bake(rollout) + RETRY_AFTER, message=hold.why
    )
    return Written(after, _note(rollout, now, f"holds: {hold.why}"))


def promoted(
    promote: Promote, rollout: RolloutRecord, endpoint: EndpointRecord, now: datetime
) -> Written:
    """The pointer moves, the watch begins; nobody is kept waiting by a watch over nobody."""
    completed = RolloutCompleted(
        rollout=rollout.rollout, model=rollout.model, version=rollout.version, message=promote.why
    )
    watching = rollout.heard(
        RolloutNews.PROMOTED,
        step=len(rollout.definition.rollout.stairs),
        weight=100,
        holds=0,
        step_since=now,
        traffic_since=rollout.traffic_since or now,
        due_at=now + keep_warm(rollout) + RETRY_AFTER,
        message=promote.why,
    )
    crowned = endpoint.changed(
        champion=rollout.challenger.model_copy(update={"since": now}),
        previous=rollout.champion,
    )
    return Written(
        watching.saying(completed),
        _note(rollout, now, f"promoted: {promote.why}"),
        (crowned if rollout.champion else _next_in_line(crowned, now),),
    )


def asked_back(step: RollBack, rollout: RolloutRecord, now: datetime) -> Written:
    """The traffic is wanted back, whatever is seen from now on."""
    asked = RollbackRequested(
        rollout=rollout.rollout, model=rollout.model, reason=step.reason, message=step.why
    )
    after = rollout.changed(reason=step.reason, message=step.why, due_at=now + RETRY_AFTER)
    return Written(
        after.saying(asked),
        _note(rollout, now, f"asks the traffic back: {step.reason}: {step.why}"),
    )


def asked_back_again(rollout: RolloutRecord) -> RolloutRecord:
    """A return that a late weight change may have undone is asked for once more."""
    again = RollbackRequested(
        rollout=rollout.rollout,
        model=rollout.model,
        reason=rollout.reason or Reason.ASKED_BY_PERSON,
        message=rollout.message,
    )
    return rollout.saying(again)


def closed(rollout: RolloutRecord, endpoint: EndpointRecord, now: datetime) -> Written:
    """The endpoint is free, and whoever was approved meanwhile may challenge the champion."""
    after = rollout.heard(RolloutNews.WATCHED, ended_at=now, due_at=None)
    free = endpoint.changed(rollout=None, previous=None)
    return Written(after, endpoint=(_next_in_line(free, now),))


def stopped(step: Stop, rollout: RolloutRecord, endpoint: EndpointRecord, now: datetime) -> Written:
    """The rollout ends and touches nothing; who waits does so until the next word on a version."""
    left = rollout.heard(
        RolloutNews.LEFT, reason=step.reason, message=step.why, ended_at=now, due_at=None
    )
    free = endpoint.changed(rollout=None, previous=None, due_at=None)
    said = f"left as it is: {step.reason}: {step.why}"
    return Written(left.paging(step.reason, step.why), _note(rollout, now, said), (free,))


def on_its_endpoint(rollout: RolloutRecord, view: EndpointView | None) -> RolloutRecord:
    """The rollout with its endpoint, which is known from the first time that it holds both."""
    known = rollout.made_at is not None or view is None or not view.in_service
    if known or view is None or view.config != rollout.config:
        return rollout
    return rollout.changed(made_at=view.made)


def made_again(rollout: RolloutRecord, now: datetime) -> Written:
    """It is told that the configuration was gone."""
    said = f"{rollout.config} was deleted, and is made again from the ledger"
    return Written(rollout, _note(rollout, now, said))


def looked_at_later(wait: Wait, rollout: RolloutRecord, now: datetime) -> Written:
    """Never earlier than it was to be looked at anyway: that would cut a bake short."""
    later = rollout.changed(due_at=max(now + RETRY_AFTER, rollout.due_at or now))
    if wait.for_us and now - rollout.step_since >= STUCK_AFTER:
        later = later.paging(Reason.ENDPOINT_STUCK, f"{wait.why} since over an hour")
    return Written(later)


def bake_over(rollout: RolloutRecord) -> RolloutStepDue:
    """What is said when the present bake (or the watch) is over."""
    return RolloutStepDue(
        rollout=rollout.rollout,
        model=rollout.model,
        step=rollout.step,
        hold=rollout.holds,
        traceparent=rollout.traceparent,
    )


def look_due(rollout: RolloutRecord, number: int) -> RolloutStepDue:
    """What is said when the evidence is to be looked at within the present bake."""
    return bake_over(rollout).model_copy(update={"look": number})


def _next_in_line(endpoint: EndpointRecord, now: datetime) -> EndpointRecord:
    if endpoint.waiting is None:
        return endpoint
    approved = VersionApproved(model=endpoint.model, version=endpoint.waiting)
    return endpoint.changed(due_at=now + RETRY_AFTER).saying(approved)


def _note(rollout: RolloutRecord, now: datetime, text: str) -> tuple[Evidence, ...]:
    return (
        Evidence(
            kind=RolloutRecord.kind, key=rollout.rollout, at=now, by="step_rollout", text=text
        ),
    )
