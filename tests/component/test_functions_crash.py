"""Die at every single call to the outside: redelivery, or the sweep alone, finishes the world."""

from collections.abc import Callable

import pytest

from events.foreign import AlarmChanged
from functions.ledger import RolloutRecord, RunRecord, RunState
from tests.fakes.stage import SWEEP_EVERY, Stage

Story = Callable[[Stage], None]
QUICK = {"steps": [50, 100], "bake": "5m", "min_requests": 20, "promote_requests": 100}


def promotion(stage: Stage) -> None:
    """One drop becomes the champion, a better one takes over."""
    stage.accuracy = {"tuesday": 0.97}
    stage.drop("monday")
    stage.rest()
    stage.drop("tuesday")
    stage.rest()


def rejection(stage: Stage) -> None:
    """A worse drop is refused by the gate, a broken one at the door."""
    stage.accuracy = {"tuesday": 0.5}
    stage.drop("monday")
    stage.rest()
    stage.drop("tuesday")
    stage.upload("broken", {"part-0.parquet": b"bad", "_SUCCESS": b""})
    stage.rest()


def waiting_in_line(stage: Stage) -> None:
    """Version 1 serves, 2 challenges it, 3 waits."""
    stage.accuracy = {"tuesday": 0.97, "wednesday": 0.98}
    stage.drop("monday")
    stage.rest()
    for drop in ("tuesday", "wednesday"):
        stage.drop(drop)
        while not through_the_gate(stage, drop):
            stage.elapse(SWEEP_EVERY)


def through_the_gate(stage: Stage, drop: str) -> bool:
    """Whether the version of a drop challenges or waits."""
    version = next((r.version for r in stage.ledger.all(RunRecord) if r.drop == drop), None)
    begun = {rollout.version for rollout in stage.ledger.all(RolloutRecord) if rollout.weight}
    return version is not None and version in {*begun, stage.endpoint.waiting}


def rollback(stage: Stage) -> None:
    """A challenger under way is taken back by an alarm, and then the next one waits its turn."""
    waiting_in_line(stage)
    stage.bus.silent.discard(AlarmChanged)
    stage.alarm("green")
    stage.alarm("green")
    stage.rest()


def told(story: Story, *, sweep_alone: bool, dies_at: int | None, applied: bool) -> Stage:
    """The story, with one death; after it Lambda retries, or nothing comes but the sweep."""
    stage = Stage(retries=not sweep_alone, rollout=QUICK, watch={"keep_warm": "10m"})
    stage.timers = not sweep_alone
    if sweep_alone:
        stage.lose_aws_events()
    stage.calls.dies_at, stage.calls.applied = dies_at, applied
    story(stage)
    return stage


@pytest.mark.parametrize("story", [promotion, rejection])
@pytest.mark.parametrize("sweep_alone", [False, True])
@pytest.mark.parametrize("applied", [False, True])
def test_dying_at_any_call_leaves_a_world_that_is_finished(
    story: Story, *, sweep_alone: bool, applied: bool
) -> None:
    whole = told(story, sweep_alone=sweep_alone, dies_at=None, applied=applied)

    for call in range(1, len(whole.calls.made) + 1):
        stage = told(story, sweep_alone=sweep_alone, dies_at=call, applied=applied)

        assert stage.calls.died == 1
        assert stage.essence() == whole.essence(), whole.calls.made[call - 1]


@pytest.mark.parametrize("sweep_alone", [False, True])
@pytest.mark.parametrize("applied", [False, True])
def test_dying_at_any_call_of_a_rollback_leaves_only_approved_versions_serving(
    *, sweep_alone: bool, applied: bool
) -> None:
    whole = told(rollback, sweep_alone=sweep_alone, dies_at=None, applied=applied)
    assert (whole.champion, whole.serving) == (3, {3: 100})

    before = told(waiting_in_line, sweep_alone=sweep_alone, dies_at=None, applied=applied)
    for call in range(len(before.calls.made), len(whole.calls.made) + 1):
        stage = told(rollback, sweep_alone=sweep_alone, dies_at=call, applied=applied)

        where = whole.calls.made[call - 1]
        assert stage.champion in {2, 3}, where
        assert stage.serving == {stage.champion: 100}, where
        assert stage.open() == [], where
        assert {run.state for run in stage.ledger.all(type(stage.run_of("monday")))} <= {
            RunState.APPROVED,
            RunState.REJECTED,
        }
