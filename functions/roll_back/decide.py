"""Whether the traffic goes back, and to whom."""

from dataclasses import dataclass
from datetime import datetime

from events.words import Reason
from functions.ledger import Champion, EndpointRecord, RolloutRecord, RolloutState
from functions.machines import RolloutNews


@dataclass(frozen=True)
class Alarmed:
    """An alarm on one variant."""

    alarm: str
    variant: str
    message: str
    at: datetime | None = None


@dataclass(frozen=True)
class Asked:
    """The evidence, or a person, wants it."""

    reason: Reason
    message: str


@dataclass(frozen=True)
class Return:
    """Give all traffic to `to`; where there never was a champion (None), nothing shall serve."""

    to: Champion | None
    reason: Reason
    message: str


@dataclass(frozen=True)
class Confirm:
    """It was returned to `to`: look whether a call that came late has undone that."""

    to: Champion | None


@dataclass(frozen=True)
class Ignore:
    """The traffic stays where it is."""

    why: str


Outcome = Return | Confirm | Ignore


def decide(
    rollout: RolloutRecord | None, cause: Alarmed | Asked, endpoint: EndpointRecord | None
) -> Outcome:
    """Bad news about a challenger (or a champion under watch) is enough; others' is not."""
    if rollout is None:
        return Ignore("no rollout is under way there")
    if rollout.state is RolloutState.ABORTED:
        return _after(rollout, endpoint)
    if (why := rollout.ignores(RolloutNews.RETURNING)) is not None:
        return Ignore(why)
    if rollout.state is RolloutState.ROLLING_BACK and rollout.reason is not None:
        return Return(rollout.champion, rollout.reason, rollout.message)
    if rollout.alone:
        return Ignore("the first version has nobody to give the traffic back to")
    return _caused(rollout, cause)


def _caused(rollout: RolloutRecord, cause: Alarmed | Asked) -> Outcome:
    match cause:
        case Alarmed(variant=variant) if variant != rollout.challenger.variant:
            return Ignore(f"the alarm is on {variant}, not on the challenger")
        case Alarmed() if _untouched(rollout):
            return Ignore("the challenger has had no traffic yet: the alarm is on another version")
        case Alarmed(at=datetime() as at) if at <= _traffic_since(rollout):
            return Ignore(
                f"the alarm of {at:%Y-%m-%d %H:%M} is older than the challenger's traffic"
            )
        case Alarmed(alarm=alarm, message=message):
            return Return(rollout.champion, Reason.ALARM, f"alarm {alarm}: {message}")
        case Asked(reason=reason, message=message):
            return Return(rollout.champion, reason, message)


def _untouched(rollout: RolloutRecord) -> bool:
    """Whether the challenger has had no traffic: SageMaker gives it some as soon as it may."""
    given = rollout.replaces and rollout.placed
    return rollout.state is RolloutState.PROVISIONING and not given


def _traffic_since(rollout: RolloutRecord) -> datetime:
    """Variants are used again: what rang before is about whoever stood there then."""
    return rollout.traffic_since or rollout.started_at


def _after(rollout: RolloutRecord, endpoint: EndpointRecord | None) -> Outcome:
    """Nothing, once the endpoint is somebody else's."""
    if endpoint is None or endpoint.rollout is not None:
        return Ignore(f"{rollout.rollout} is over")
    if _number(endpoint.champion) != _number(rollout.champion):
        return Ignore(f"{rollout.rollout} is over, and so is its champion")
    return Confirm(rollout.champion)


def _number(champion: Champion | None) -> int | None:
    return champion.version if champion else None
