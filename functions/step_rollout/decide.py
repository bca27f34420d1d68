"""Bad news acts at once; good news waits for the bake; silence never promotes."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from events.catalog import RolloutStepDue
from events.words import Reason
from functions.endpoint import EndpointView, Probe
from functions.ledger import RETRY_AFTER, RolloutRecord, RolloutState
from functions.machines import RolloutNews
from functions.standing import meddled, shifted_by_others
from functions.step_rollout.judge import (
    NOTHING_SEEN,
    Fail,
    Inconclusive,
    NoData,
    Pass,
    Seen,
    bad_news,
    judge,
)


@dataclass(frozen=True)
class Case:
    """A rollout and the world as it is now."""

    rollout: RolloutRecord
    view: EndpointView | None
    baked: bool
    """Whether this step's bake is over (its schedule has fired)."""
    probe: Probe | None = None
    """The challenger's answer to a golden probe; only asked for before the first step."""
    seen: Seen = NOTHING_SEEN
    look: int = 0
    """Which look within a bake this is; 0 when it is none."""
    overdue: bool = False
    """Whether the endpoint has settled while a return of the traffic waited for that."""
    rejected: str | None = None
    """Why a person rejected the version in the registry meanwhile; None when nobody did."""


@dataclass(frozen=True)
class Hold:
    """Stay at this weight and look again after another bake."""

    why: str


@dataclass(frozen=True)
class LookAgain:
    """Nothing bad so far; the bake goes on."""

    look: int
    """The next."""


@dataclass(frozen=True)
class Shift:
    """Give the challenger `weight` percent; `step` is the index of that step."""

    weight: int
    step: int
    why: str


@dataclass(frozen=True)
class Arrive:
    """SageMaker has moved all traffic to the challenger: its last bake begins."""

    why: str


@dataclass(frozen=True)
class Promote:
    """The challenger is the champion from now on."""

    why: str


@dataclass(frozen=True)
class RollBack:
    """Ask for the traffic back."""

    reason: Reason
    why: str


@dataclass(frozen=True)
class Stop:
    """The endpoint is somebody else's now: it is left as it is, and a person told."""

    reason: Reason
    why: str


@dataclass(frozen=True)
class Close:
    """The watch over the promoted version is over."""


@dataclass(frozen=True)
class Wait:
    """SageMaker is at work; its event, or the sweep, wakes again."""

    why: str
    for_us: bool = False
    """Whether it was seen to be, and on what this rollout asked for."""


@dataclass(frozen=True)
class Ignore:
    """Nothing follows."""

    why: str


Step = Hold | LookAgain | Shift | Arrive | Promote | RollBack | Stop | Close | Wait | Ignore


def next_step(case: Case) -> Step:
    """What a rollout does next."""
    waits = _over(case) or _unsettled(case)
    if waits is not None:
        return waits
    view = case.view
    if view is None:
        return _without_endpoint(case)
    lost = _meddled(case.rollout, view) or _lost(case.rollout, view) or _rejected(case)
    if lost is not None:
        return lost
    match case.rollout.state:
        case RolloutState.PROVISIONING:
            return _begin(case)
        case RolloutState.SHIFTING:
            return _go_on(case, view)
        case _:
            return Close() if case.baked else Ignore("under watch")


def _over(case: Case) -> RollBack | Ignore | None:
    """Nothing more, once the traffic is wanted back; but to say so again when it had to wait."""
    rollout = case.rollout
    if rollout.reason is not None and case.overdue:
        return RollBack(rollout.reason, rollout.message)
    why = rollout.ignores(RolloutNews.WANTED_BACK)
    if why is None and rollout.reason is not None:
        why = f"the traffic is wanted back: {rollout.reason}"
    return None if why is None else Ignore(why)


def _unsettled(case: Case) -> Wait | None:
    rollout, view = case.rollout, case.view
    if rollout.state is RolloutState.PROVISIONING and not _asked_for(rollout, view):
        return Wait("the update is not asked for yet")
    if view is not None and view.status in {"Creating", "Updating", "SystemUpdating"}:
        given = view.weights.get(rollout.challenger.variant)
        asked = rollout.state is RolloutState.PROVISIONING or given != rollout.weight
        return Wait(f"the endpoint is {view.status}", for_us=asked)
    if view is not None and view.pending:
        return Wait("a deployment is pending")
    return None


def _asked_for(rollout: RolloutRecord, view: EndpointView | None) -> bool:
    """By the record; or by the endpoint, when start_rollout died before it wrote so."""
    return rollout.placed or (view is not None and view.config == rollout.config)


def _without_endpoint(case: Case) -> Step:
    """Somebody deleted it: a watch has nothing left to watch, a rollout nothing to move."""
    if case.rollout.state is RolloutState.WATCHING:
        return Close() if case.baked else Ignore("under watch, without an endpoint")
    if case.rollout.state is RolloutState.PROVISIONING and not case.baked:
        return Wait("the endpoint is not there yet")
    return RollBack(Reason.NOT_DEPLOYED, "the endpoint is gone")


def _meddled(rollout: RolloutRecord, view: EndpointView) -> Stop | None:
    """A person's change is theirs to undo: from now on the traffic is nobody else's."""
    why = meddled(rollout, view)
    if why is None and rollout.state is not RolloutState.PROVISIONING:
        why = shifted_by_others(rollout, view)
    return None if why is None else Stop(Reason.ENDPOINT_CHANGED, why)


def _lost(rollout: RolloutRecord, view: EndpointView) -> RollBack | None:
    """SageMaker returns to the old configuration without a word: the read-back tells."""
    if view.in_service and view.config == rollout.config:
        return None
    if rollout.alone:
        return None
    said = f": {view.failure}" if view.failure else ""
    return RollBack(
        _ended_by(rollout, view),
        f"the endpoint is {view.status} with {view.config}, asked was {rollout.config}{said}",
    )


def _ended_by(rollout: RolloutRecord, view: EndpointView) -> Reason:
    """Of guardrails SageMaker says in its own words that an alarm took the traffic back."""
    rang = rollout.replaces and "alarm" in view.failure.lower()
    return Reason.ALARM if rang else Reason.NOT_DEPLOYED


def _rejected(case: Case) -> RollBack | None:
    """The registry's event may be lost: before anything moves, its word is read."""
    if case.rejected is None or case.rollout.alone:
        return None
    return RollBack(Reason.ASKED_BY_PERSON, case.rejected)


def _begin(case: Case) -> Step:
    probe, rollout = case.probe, case.rollout
    if probe is None or not probe.ok or probe.version != rollout.version:
        said = probe.message or f"version {probe.version} answered" if probe else "was not asked"
        return RollBack(Reason.PROBE_FAILED, f"golden probe of version {rollout.version}: {said}")
    if rollout.champion is None:
        return Promote(f"the first version; golden probe answered by {probe.version}")
    answered = f"golden probe answered by version {probe.version}"
    if rollout.replaces:
        return Arrive(f"the guardrails let it through; {answered}")
    return Shift(rollout.definition.rollout.stairs[0], 0, answered)


def _go_on(case: Case, view: EndpointView) -> Step:
    rollout = case.rollout
    if view.weights.get(rollout.challenger.variant) != rollout.weight:
        return Shift(rollout.weight, rollout.step, "the weight asked for is not in effect")
    if case.look:
        bad = bad_news(case.seen, rollout.definition)
        return RollBack(bad.reason, bad.message) if bad else LookAgain(case.look + 1)
    if not case.baked:
        return Ignore(f"step {rollout.step} bakes")
    least = rollout.definition.rollout.min_requests
    match judge(case.seen, rollout.definition, least=least):
        case Fail(reason=reason, message=message):
            return RollBack(reason, message)
        case NoData():
            return Hold("no data yet")
        case Inconclusive(message=message):
            return Hold(message)
        case Pass(message=message):
            return _forward(case, message)


def _forward(case: Case, message: str) -> Step:
    rollout, plan = case.rollout, case.rollout.definition.rollout
    if rollout.step + 1 < len(plan.stairs):
        return Shift(plan.stairs[rollout.step + 1], rollout.step + 1, message)
    answered = case.seen.whole.challenger.requests
    if answered < plan.promote_requests:
        return Hold(f"{answered} of the {plan.promote_requests} requests to promote on")
    return Promote(message)


def ends_bake(rollout: RolloutRecord, due: RolloutStepDue) -> bool:
    """Whether it is the present bake that is over, and not one before it."""
    return due.look == 0 and _present(rollout, due)


def look_within(rollout: RolloutRecord, due: RolloutStepDue) -> int:
    """Which look within the present bake is due; 0 if none is."""
    return due.look if _present(rollout, due) else 0


def next_look(rollout: RolloutRecord, now: datetime) -> datetime | None:
    """When the evidence is looked at before the bake is over; None when that comes first."""
    at = now + timedelta(seconds=rollout.definition.rollout.look)
    ends = rollout.step_since if rollout.due_at is None else rollout.due_at - RETRY_AFTER
    baking = rollout.state is RolloutState.SHIFTING
    return at if baking and ends is not None and at < ends else None


def _present(rollout: RolloutRecord, due: RolloutStepDue) -> bool:
    return (due.step, due.hold) == (rollout.step, rollout.holds)


def since_first(rollout: RolloutRecord) -> datetime:
    """From when on its traffic is the challenger's: variants are used again."""
    return rollout.traffic_since or rollout.started_at


def bake(rollout: RolloutRecord) -> timedelta:
    """How long a step is watched."""
    return timedelta(seconds=rollout.definition.rollout.bake)


def keep_warm(rollout: RolloutRecord) -> timedelta:
    """How long a promoted version is watched."""
    return timedelta(seconds=rollout.definition.watch.keep_warm)
