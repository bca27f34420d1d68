"""Events late, twice and out of order, with a death in between: no end is unsafe."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.ledger import RolloutRecord, RunRecord, RunState
from functions.registry import Approval
from tests.builders import MODEL
from tests.fakes.stage import Stage

QUICK = {"steps": [50, 100], "bake": "5m", "min_requests": 20, "promote_requests": 100}


def a_stage() -> Stage:
    return Stage(rollout=QUICK, watch={"keep_warm": "10m"}, training={"stop_after": 0})


def told_thrice(stage: Stage) -> None:
    """Every event of the story is delivered three times."""
    once = stage.deliver

    def thrice(raw: dict[str, object]) -> None:
        for _ in range(3):
            once(raw)

    stage.deliver = thrice  # type: ignore[method-assign]  # the story itself stays as it is


def two_drops(stage: Stage) -> Stage:
    stage.accuracy = {"tuesday": 0.97}
    stage.drop("monday")
    stage.rest()
    stage.drop("tuesday")
    stage.rest()
    return stage


def test_every_event_three_times_makes_the_same_world() -> None:
    stage = a_stage()
    told_thrice(stage)

    assert two_drops(stage).essence() == two_drops(a_stage()).essence()


def is_safe(stage: Stage) -> None:
    """What holds in every world, whatever happened on the way."""
    runs = {run.run: run for run in stage.ledger.all(RunRecord)}
    assert len(stage.jobs.trainings) == len(runs)
    assert len({v.run for v in stage.registry.versions.values()}) == len(stage.registry.versions)
    approved_once = {r.version for r in stage.ledger.all(RolloutRecord)}
    endpoint = stage.endpoints.endpoints.get(MODEL)
    for shares in endpoint.history if endpoint else []:
        assert sum(shares.values()) == 100
        assert shares.keys() <= approved_once
    for rollout in stage.ledger.all(RolloutRecord):
        run = runs[rollout.run]
        assert run.state in {RunState.APPROVED, RunState.TRAINING, RunState.EVALUATING}
    if stage.champion is not None:
        assert stage.registry.versions[(MODEL, stage.champion)].approval is Approval.APPROVED
        assert stage.serving == {stage.champion: 100}
    assert stage.open() == []


@pytest.mark.parametrize("sweep_alone", [False, True])
@given(
    seed=st.integers(0, 2**32),
    dies_at=st.integers(1, 300),
    applied=st.booleans(),
    alarm=st.booleans(),
    scores=st.lists(st.sampled_from([0.5, 0.95, 0.96, 0.97, 0.98]), min_size=1, max_size=4),
)
@settings(max_examples=60, deadline=None)
def test_no_disorder_leads_to_an_unsafe_or_unfinished_world(
    *,
    sweep_alone: bool,
    seed: int,
    dies_at: int,
    applied: bool,
    alarm: bool,
    scores: list[float],
) -> None:
    stage = a_stage()
    stage.disorder = Random(seed)
    stage.calls.dies_at, stage.calls.applied = dies_at, applied
    stage.retries = stage.timers = not sweep_alone
    if sweep_alone:
        stage.lose_aws_events()
    stage.accuracy = {f"drop-{i}": score for i, score in enumerate(scores)}

    for drop in stage.accuracy:
        stage.drop(drop)
        if stage.disorder.random() < 0.5:
            stage.settle()
    if alarm:
        stage.alarm(stage.disorder.choice(["blue", "green"]))
    stage.rest()

    is_safe(stage)
    assert all(run.state is not RunState.EVALUATING for run in stage.ledger.all(RunRecord))
