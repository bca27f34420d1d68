"""Many at once: fifty approvals, fifty copies of every event, and a history told again."""

from collections.abc import Callable
from datetime import timedelta
from functools import cache
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.ledger import RolloutRecord, RolloutState, RunRecord, RunState
from functions.registry import Approval
from tests.builders import MODEL
from tests.fakes.bus import Envelope
from tests.fakes.stage import Stage

QUICK = {"steps": [50, 100], "bake": "5m", "min_requests": 20, "promote_requests": 100}
CROWD = 50


class CrowdedStage(Stage):
    """A stage in which every event comes so many times, the next being any that is due."""

    patience = 100_000

    def __init__(self, *, seed: int = 0, copies: int = 1, **sections: Any) -> None:
        super().__init__(rollout=QUICK, watch={"keep_warm": "10m"}, **sections)
        self.dice = Random(seed)
        self.copies = copies
        self.history: list[Envelope] = []
        """All that was delivered, each once."""
        self._left: dict[int, int] = {}

    def _next(self) -> Envelope:
        at = self.dice.randrange(len(self.bus.queue))
        raw = self.bus.queue[at]
        if id(raw) not in self._left:
            self._left[id(raw)] = self.copies
            self.history.append(raw)
        self._left[id(raw)] -= 1
        if not self._left[id(raw)]:
            del self.bus.queue[at]
        return raw


@pytest.mark.parametrize("seed", range(3))
def test_of_fifty_approvals_at_once_the_newest_wins_in_two_rollouts_at_most(seed: int) -> None:
    stage = CrowdedStage(seed=seed, gates={"approval": "human"}, training={"max_running": CROWD})
    for number in range(CROWD):
        stage.drop(f"drop-{number}")
    stage.rest()
    held = [run.version for run in stage.ledger.all(RunRecord) if run.state is RunState.HELD]
    assert len(held) == CROWD

    for model, version in list(stage.registry.versions):
        stage.registry.decide(model, version, approval=Approval.APPROVED, reason="a person")
    stage.rest()

    rollouts = stage.ledger.all(RolloutRecord)
    assert len(rollouts) <= 2
    assert {rollout.state for rollout in rollouts} == {RolloutState.COMPLETED}
    assert stage.champion == CROWD
    assert stage.serving == {CROWD: 100}
    assert stage.dead == []


def test_of_thirty_at_once_the_oldest_has_its_turn_when_all_newer_ones_fail() -> None:
    stage = CrowdedStage(training={"max_running": CROWD})
    stage.drop("sunday")
    stage.rest()
    stage.accuracy = {f"drop-{number}": 0.97 for number in range(30)}
    stage.endpoints.broken = set(range(3, 32))
    for number in range(30):
        stage.drop(f"drop-{number}")

    stage.rest(within=timedelta(days=7))

    assert stage.champion == 2
    assert stage.serving == {2: 100}


@pytest.mark.parametrize("seed", range(3))
def test_every_event_fifty_times_in_any_order_is_one_job_one_version_one_rollout(
    seed: int,
) -> None:
    stage = CrowdedStage(seed=seed, copies=CROWD)

    stage.drop("monday")
    stage.rest()

    assert len(stage.jobs.trainings) == len(stage.jobs.evaluations) == 1
    assert list(stage.registry.versions) == [(MODEL, 1)]
    assert [r.state for r in stage.ledger.all(RolloutRecord)] == [RolloutState.COMPLETED]
    assert stage.serving == {1: 100}
    assert stage.dead == []


def _promoted(stage: CrowdedStage) -> None:
    stage.accuracy = {"tuesday": 0.97}
    stage.drop("tuesday")


def _refused(stage: CrowdedStage) -> None:
    stage.accuracy = {"tuesday": 0.5}
    stage.drop("tuesday")
    stage.upload("broken", {"part-0.parquet": b"bad", "_SUCCESS": b""})


def _returned(stage: CrowdedStage) -> None:
    stage.accuracy = {"tuesday": 0.97}
    stage.drop("tuesday")
    stage.settle(until=lambda: stage.serving.get(2, 0) == 50)
    stage.alarm("green")
    stage.settle()
    assert stage.rollout_of(2).state is RolloutState.ABORTED


ENDS: dict[str, Callable[[CrowdedStage], None]] = {
    "promoted": _promoted,
    "refused": _refused,
    "returned": _returned,
}


@cache
def ended(how: str) -> CrowdedStage:
    """A world that has come to its end, which nothing that was said may move again."""
    stage = CrowdedStage()
    stage.drop("monday")
    stage.rest()
    ENDS[how](stage)
    stage.rest()
    return stage


@pytest.mark.parametrize("how", ENDS)
@given(order=st.data())
@settings(max_examples=25, deadline=None)
def test_a_history_told_again_in_any_order_moves_nothing_back(
    how: str, order: st.DataObject
) -> None:
    stage = ended(how)
    before, history = stage.essence(), list(stage.history)
    again = st.permutations(history + history).flatmap(
        lambda events: st.integers(0, len(events)).map(lambda n: events[:n])
    )

    for raw in order.draw(again):
        stage.deliver(raw)
    stage.settle()

    assert stage.essence() == before
    assert stage.open() == []
