"""One function's turn inside another's, between any two of its calls: the end is never mixed."""

import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest

from events.base import SOURCE, Event
from events.catalog import RolloutStepDue
from events.foreign import ModelPackageChanged
from functions.endpoint import NO_TRAFFIC
from functions.ledger import RolloutRecord, RolloutState
from functions.registry import Approval
from functions.step_rollout.records import bake_over
from tests.builders import MODEL, traffic
from tests.fakes.bus import Envelope, envelope
from tests.fakes.stage import Stage, asks_back
from tests.fakes.traffic import PLENTY

BAKE = timedelta(minutes=5)
QUICK = {"steps": [50, 100], "bake": "5m", "min_requests": 20, "promote_requests": 100}
Cause = Callable[[Stage], None]
Turn = Callable[[], tuple[Stage, Envelope]]


def told(event: Event) -> Envelope:
    return envelope(SOURCE, event.detail_type(), json.loads(event.detail()))


def a_stage(*, champion: bool = True) -> Stage:
    """Version 1 serves (or is only on its way), 2 and 3 are better."""
    stage = Stage(rollout=QUICK, watch={"keep_warm": "10m"})
    stage.accuracy = {"tuesday": 0.97, "wednesday": 0.98}
    stage.drop("monday")
    if champion:
        stage.rest()
    return stage


def next_for(stage: Stage, kind: str, *, after: int = 1) -> Envelope:
    """The `after`th event of a kind, taken from the bus; what came before it is delivered."""
    seen = 0

    def reached() -> bool:
        nonlocal seen
        seen += bool(stage.bus.queue) and stage.bus.queue[0]["detail-type"] == kind
        return seen == after

    stage.settle(until=reached)
    return stage.bus.queue.popleft()


PACKAGE = "SageMaker Model Package State Change"
ENDPOINT = "SageMaker Endpoint State Change"


def placing() -> tuple[Stage, Envelope]:
    """Version 2 is about to be placed beside version 1."""
    stage = a_stage()
    stage.drop("tuesday")
    return stage, next_for(stage, PACKAGE)


def placing_the_first() -> tuple[Stage, Envelope]:
    """Version 1 is about to be placed, with nobody before it."""
    stage = a_stage(champion=False)
    return stage, next_for(stage, PACKAGE)


def probing() -> tuple[Stage, Envelope]:
    """Version 2 is placed and about to get its first share."""
    stage = a_stage()
    stage.drop("tuesday")
    return stage, next_for(stage, ENDPOINT)


def probing_the_first() -> tuple[Stage, Envelope]:
    """Version 1 is placed and about to be the first champion."""
    stage = a_stage(champion=False)
    return stage, next_for(stage, ENDPOINT)


def after_steps(steps: int, *, silent: bool = False, look: int = 0) -> tuple[Stage, Envelope]:
    """A bake of version 2 is over, or a look within it is due."""
    stage = a_stage()
    stage.drop("tuesday")
    stage.settle()
    stage.elapse(BAKE * steps)
    if silent:
        stage.traffic.everywhere = NO_TRAFFIC
    dues = [event for _, event in stage.schedules.waiting.values()]
    (due,) = (due for due in dues if isinstance(due, RolloutStepDue) and due.look == look)
    stage.schedules.waiting.clear()
    stage.now += BAKE * 2
    return stage, told(due)


def stepping() -> tuple[Stage, Envelope]:
    """Version 2 goes from 50 to 100 %."""
    return after_steps(0)


def holding() -> tuple[Stage, Envelope]:
    """Version 2 has no traffic to be judged by."""
    return after_steps(0, silent=True)


def looking() -> tuple[Stage, Envelope]:
    """Version 2 is looked at within its bake, and is found to fail."""
    stage, raw = after_steps(0, look=1)
    stage.traffic.of["green"] = traffic(500, errors=150)
    return stage, raw


def promoting() -> tuple[Stage, Envelope]:
    """Version 2 becomes the champion."""
    return after_steps(1)


def closing() -> tuple[Stage, Envelope]:
    """The watch over version 2 ends."""
    return after_steps(2)


def queueing() -> tuple[Stage, Envelope]:
    """Version 3 is approved while 2 shifts."""
    stage = a_stage()
    stage.drop("tuesday")
    stage.settle()
    stage.drop("wednesday")
    return stage, next_for(stage, PACKAGE)


def returning() -> tuple[Stage, Envelope]:
    """The traffic of version 2 is asked back while a bake of it is over."""
    stage, _ = after_steps(0)
    return stage, told(asks_back(stage, 2))


def rejecting() -> tuple[Stage, Envelope]:
    """A person rejects version 2 while a bake of it is over."""
    stage, _ = after_steps(0)
    stage.registry.decide(MODEL, 2, approval=Approval.REJECTED, reason="no")
    return stage, stage.bus.queue.popleft()


def an_alarm(stage: Stage) -> None:
    stage.alarm("green")


def a_person_asks_back(stage: Stage) -> None:
    rollouts = stage.ledger.all(RolloutRecord)
    if rollouts:
        stage.bus.publish(asks_back(stage, max(r.version for r in rollouts)))


def a_person_rejects(stage: Stage) -> None:
    newest = max(number for _, number in stage.registry.versions)
    stage.registry.decide(MODEL, newest, approval=Approval.REJECTED, reason="no")


def a_bake_is_over(stage: Stage) -> None:
    for rollout in stage.ledger.all(RolloutRecord):
        if not rollout.ended:
            stage.bus.publish(bake_over(rollout))


def the_endpoint_settles(stage: Stage) -> None:
    if MODEL in stage.endpoints.endpoints:
        stage.endpoints.settle(MODEL)
        stage.endpoints.tell(MODEL)


def the_next_is_approved(stage: Stage) -> None:
    """The approval of version 3 is told at last."""
    stage.registry.tell(MODEL, 3)


def the_sweep_comes(stage: Stage) -> None:
    stage.now += timedelta(hours=1)
    stage.sweep()


@dataclass(frozen=True)
class Meeting:
    """A turn, and what gets in between its calls."""

    turn: Turn
    cause: Cause

    def held(self, at: int | None) -> Stage:
        """The turn with the other's whole turn before its `at`th call, and then the rest."""
        stage, raw = self.turn()
        began = len(stage.calls.made)
        if at is not None:
            stage.calls.interrupted_at = began + at
            stage.calls.interruption = lambda: self.whole_turn(stage)
        stage.deliver(raw)
        return stage

    def whole_turn(self, stage: Stage) -> None:
        """What the cause says is delivered at once, before whatever else is on the bus."""
        before = len(stage.bus.queue)
        self.cause(stage)
        new = [stage.bus.queue.pop() for _ in range(len(stage.bus.queue) - before)]
        for raw in reversed(new):
            stage.deliver(raw)

    def calls(self) -> int:
        """How many calls the turn makes when nobody gets in."""
        stage, raw = self.turn()
        began = len(stage.calls.made)
        stage.deliver(raw)
        return len(stage.calls.made) - began


def with_a_third(turn: Turn) -> Turn:
    """Beside the turn, version 3 is through the gate, and nobody has heard of it yet."""

    def third() -> tuple[Stage, Envelope]:
        stage, raw = turn()
        before, stage.bus.queue = stage.bus.queue, deque()
        stage.bus.silent = {ModelPackageChanged}
        stage.drop("wednesday")
        stage.settle()
        stage.bus.queue, stage.bus.silent = before, set()
        return stage, raw

    return third


TURNS = [
    placing,
    probing,
    stepping,
    holding,
    looking,
    promoting,
    closing,
    queueing,
    returning,
    rejecting,
]
CAUSES = [
    an_alarm,
    a_person_asks_back,
    a_person_rejects,
    a_bake_is_over,
    the_endpoint_settles,
    the_sweep_comes,
]


def is_whole(stage: Stage, *, may_be_late: bool = False) -> None:
    """One approved version has all the traffic, nobody waits, nothing is open.

    A no that comes when the watch is over is too late.
    """
    assert stage.open() == []
    assert (stage.endpoint.rollout, stage.endpoint.waiting) == (None, None)
    assert all(rollout.ended for rollout in stage.ledger.all(RolloutRecord))
    if stage.champion is None:
        assert stage.serving == {}
        return
    assert stage.serving == {stage.champion: 100}
    if stage.registry.versions[(MODEL, stage.champion)].approval is not Approval.APPROVED:
        assert stage.rollout_of(stage.champion).state is RolloutState.COMPLETED
        assert may_be_late


@pytest.mark.parametrize("cause", CAUSES)
@pytest.mark.parametrize("turn", TURNS)
def test_whoever_gets_in_between_two_calls_leaves_one_version_with_everything(
    turn: Turn, cause: Cause
) -> None:
    meeting = Meeting(turn, cause)

    for at in range(1, meeting.calls() + 1):
        stage = meeting.held(at)
        stage.traffic.everywhere = PLENTY
        stage.rest()

        is_whole(stage, may_be_late=(turn, cause) == (closing, a_person_rejects))


@pytest.mark.parametrize("cause", CAUSES)
@pytest.mark.parametrize("turn", [placing_the_first, probing_the_first])
def test_whoever_gets_in_before_the_first_champion_leaves_it_serving_or_nothing(
    turn: Turn, cause: Cause
) -> None:
    meeting = Meeting(turn, cause)

    for at in range(1, meeting.calls() + 1):
        stage = meeting.held(at)
        stage.rest()

        is_whole(stage, may_be_late=cause is a_person_rejects)


@pytest.mark.parametrize("turn", [stepping, promoting, closing])
def test_an_approval_at_any_moment_of_another_rollout_is_not_forgotten(turn: Turn) -> None:
    meeting = Meeting(with_a_third(turn), the_next_is_approved)

    for at in range(1, meeting.calls() + 1):
        stage = meeting.held(at)
        stage.rest()

        is_whole(stage)
        assert stage.champion == 3


@pytest.mark.parametrize("turn", [returning, rejecting])
def test_an_approval_at_any_moment_of_a_return_is_not_forgotten(turn: Turn) -> None:
    meeting = Meeting(with_a_third(turn), the_next_is_approved)

    for at in range(1, meeting.calls() + 1):
        stage = meeting.held(at)
        stage.rest()

        is_whole(stage)
        assert stage.champion == 3


@pytest.mark.parametrize("cause", [an_alarm, a_person_asks_back, a_person_rejects])
@pytest.mark.parametrize("turn", [placing, probing, stepping, promoting])
def test_with_nothing_but_the_sweep_after_it_the_end_is_as_whole(turn: Turn, cause: Cause) -> None:
    meeting = Meeting(turn, cause)

    for at in range(1, meeting.calls() + 1):
        stage = meeting.held(at)
        stage.bus.queue.clear()
        stage.lose_aws_events()
        stage.retries = stage.timers = False
        stage.schedules.waiting.clear()
        stage.rest()

        is_whole(stage)
