"""Strategies on real processes: SageMaker of the embedded AWS moves traffic, or takes it back."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from events.words import Reason
from functions.ledger import RolloutState
from tests.builders import MODEL
from tests.conformance.target import embedded
from tests.fakes.embedded_aws import eventually
from tests.fakes.half_real import OPTIONS, HalfReal
from tests.fakes.stage import asks_back

BAKE = timedelta(minutes=15)
CANARY = {"type": "canary", "size": 50, "wait": 300}
ROLLING = {"type": "rolling", "size": 50, "wait": 60}


def guarded(**guardrail: Any) -> dict[str, Any]:
    rollout = {"strategy": "guardrail", "bake": "10m", "guardrail": guardrail}
    return {"rollout": rollout, "serving": {"count": 2, "hardware": "cpu"}}


def with_a_champion(stage: HalfReal) -> HalfReal:
    stage.make_alarms()
    stage.drop("drop-1")
    stage.rest()
    assert stage.answered().startswith("version=1;")
    return stage


def challenged(stage: HalfReal) -> HalfReal:
    stage.accuracy["drop-2"] = 0.97
    stage.drop("drop-2")
    return stage


@pytest.fixture
def stages() -> Iterator[Any]:
    with embedded(*OPTIONS) as aws:
        yield lambda **sections: with_a_champion(HalfReal(aws, **sections))


@pytest.mark.parametrize("guardrail", [CANARY, ROLLING])
def test_sagemaker_moves_the_traffic_and_a_person_takes_it_back(
    stages: Any, guardrail: dict[str, Any]
) -> None:
    stage = challenged(stages(**guarded(**guardrail)))
    stage.settle()
    stage.elapse(BAKE)

    assert stage.champion == 2
    assert stage.answered().startswith("version=2;")
    (variant,) = stage.told()["ProductionVariants"]
    assert (variant["VariantName"], variant["CurrentInstanceCount"]) == ("blue", 2)

    stage.bus.publish(asks_back(stage, 2))
    stage.rest()

    assert stage.champion == 1
    assert stage.answered().startswith("version=1;")
    assert stage.told()["EndpointConfigName"] == stage.rollout_of(2).returns_to


def test_an_alarm_makes_sagemaker_go_back_and_the_rollout_says_so(stages: Any) -> None:
    stage = challenged(stages(**guarded(**CANARY | {"wait": 3600})))
    stage.settle(until=lambda: (r := stage.rolled_out(2)) is not None and r.placed)
    eventually(lambda: "PendingDeploymentSummary" in stage.told())

    stage.ring("sluice-dev-digits-blue-errors")
    stage.rest()

    rollout = stage.rollout_of(2)
    assert (rollout.state, rollout.reason) == (RolloutState.ABORTED, Reason.ALARM)
    assert "sluice-dev-digits-blue-errors" in rollout.message
    assert stage.champion == 1
    assert stage.answered().startswith("version=1;")


def test_all_at_once_moves_in_one_step_and_back_in_one(stages: Any) -> None:
    rollout = {"strategy": "all_at_once", "bake": "10m"}
    stage = challenged(stages(rollout=rollout, serving={"hardware": "cpu"}))
    stage.settle()
    assert stage.answered().startswith("version=2;")
    stage.elapse(BAKE)
    assert stage.champion == 2

    stage.bus.publish(asks_back(stage, 2))
    stage.rest()

    assert stage.answered().startswith("version=1;")
    assert len(stage.told()["ProductionVariants"]) == 2


def test_a_scaled_champion_is_scaled_again_with_its_policy(stages: Any) -> None:
    stage = stages(**guarded(**CANARY))
    stage.scale_out("blue", least=2, most=3)
    before = stage.scaling.of(MODEL)

    challenged(stage).rest()

    assert stage.champion == 2
    assert stage.scaling.of(MODEL) == before
