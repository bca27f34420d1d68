"""A guard as it is sent: botocore takes it, and so does what is documented of SageMaker."""

from typing import Any

import pytest
from botocore.session import get_session
from botocore.validate import validate_parameters
from hypothesis import example, given
from hypothesis import strategies as st

from functions.aws.guardrails import deployment_config
from functions.endpoint import Guard
from functions.strategy import Guardrail
from local.sagemaker.guardrails import checked, planned
from local.sagemaker.variant import Variant

ALARMS = ("sluice-dev-digits-blue-errors", "sluice-dev-digits-blue-latency")
PLANS = st.builds(
    Guardrail,
    type=st.sampled_from(["canary", "linear", "rolling"]),
    size=st.integers(1, 60),
    unit=st.sampled_from(["percent", "instances"]),
    wait=st.integers(0, 3600),
    termination_wait=st.integers(0, 3600),
    timeout=st.integers(600, 28800),
)
SHAPE: Any = get_session().get_service_model("sagemaker").operation_model("UpdateEndpoint")


def asked(plan: Guardrail) -> dict[str, Any]:
    return dict(deployment_config(Guard(plan, ALARMS)))


def fleet(count: int) -> list[Variant]:
    settings = {"InstanceType": "ml.g5.xlarge"}
    return [Variant(name="blue", settings=settings, container={}, weight=1.0, count=count)]


@pytest.mark.parametrize(
    ("plan", "policy"),
    [
        (
            Guardrail(size=10, termination_wait=60),
            {
                "TrafficRoutingConfiguration": {
                    "Type": "CANARY",
                    "WaitIntervalInSeconds": 300,
                    "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 10},
                },
                "TerminationWaitInSeconds": 60,
                "MaximumExecutionTimeoutInSeconds": 14400,
            },
        ),
        (
            Guardrail(type="linear", size=2, unit="instances"),
            {
                "TrafficRoutingConfiguration": {
                    "Type": "LINEAR",
                    "WaitIntervalInSeconds": 300,
                    "LinearStepSize": {"Type": "INSTANCE_COUNT", "Value": 2},
                },
                "TerminationWaitInSeconds": 0,
                "MaximumExecutionTimeoutInSeconds": 14400,
            },
        ),
    ],
)
def test_blue_green_is_asked_for_in_two_moves_or_in_many(
    plan: Guardrail, policy: dict[str, Any]
) -> None:
    assert asked(plan) == {
        "BlueGreenUpdatePolicy": policy,
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": name} for name in ALARMS]},
    }


def test_rolling_is_asked_for_in_batches() -> None:
    assert asked(Guardrail(type="rolling", size=25))["RollingUpdatePolicy"] == {
        "MaximumBatchSize": {"Type": "CAPACITY_PERCENT", "Value": 25},
        "WaitIntervalInSeconds": 300,
        "MaximumExecutionTimeoutInSeconds": 14400,
    }


@example(Guardrail(type="linear", size=1, unit="instances"), 11)
@given(PLANS, st.integers(2, 20))
def test_what_model_toml_may_say_is_what_sagemaker_takes(plan: Guardrail, count: int) -> None:
    """By botocore's model, by the documented limits, and in as many moves as were counted."""
    if [*plan.faults(count)]:
        return
    request = {"EndpointName": "e", "EndpointConfigName": "c", "DeploymentConfig": asked(plan)}

    validate_parameters(request, SHAPE.input_shape)
    checked(asked(plan), fleet(count), fleet(count))

    told = planned(asked(plan), fleet(count))
    assert told is not None
    assert len(told.steps) == plan.moves(count)
    assert sum(step.bake for step in told.steps) == plan.waits(count)


@given(PLANS, st.integers(2, 20))
def test_what_sagemaker_takes_may_be_written(plan: Guardrail, count: int) -> None:
    """Nothing is refused that would have been taken, but for a wait that has no effect."""
    refused = {key for key, _ in plan.faults(count)} - {"termination_wait"}
    try:
        checked(asked(plan), fleet(count), fleet(count))
    except Exception:  # noqa: BLE001  # whatever the embedded SageMaker says to it
        return
    assert refused in (set(), {"timeout"})
