"""Scalable targets as Application Auto Scaling tells and takes them."""

from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from functions.aws.scaling import ScalableTargets
from functions.scaling import Scaling, after_update
from tests.builders import MODEL, NAMES
from tests.fakes.client import FakeClient, refused

BLUE = "endpoint/sluice-dev-digits/variant/blue"
POLICY = {
    "PolicyName": "busy",
    "PolicyType": "TargetTrackingScaling",
    "TargetTrackingScalingPolicyConfiguration": {"TargetValue": 70.0},
}
SCALED = Scaling(variant="blue", least=1, most=3, policies=(POLICY,))
WHERE = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": BLUE,
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}


def targets(client: FakeClient) -> ScalableTargets:
    return ScalableTargets(cast("Any", client), NAMES)


def test_what_is_scaled_is_told_with_its_policies_as_they_are_taken_again() -> None:
    client = FakeClient(
        describe_scalable_targets={
            "ScalableTargets": [{"ResourceId": BLUE, "MinCapacity": 1, "MaxCapacity": 3}]
        },
        describe_scaling_policies={"ScalingPolicies": [{**POLICY, "PolicyARN": "a", "Alarms": []}]},
    )

    assert targets(client).of(MODEL) == (SCALED,)


def test_it_is_put_on_as_it_was() -> None:
    client = FakeClient()

    assert targets(client).put_on(MODEL, SCALED) == ""

    assert client.asked == [
        ("register_scalable_target", {**WHERE, "MinCapacity": 1, "MaxCapacity": 3}),
        ("put_scaling_policy", {**WHERE, **POLICY}),
    ]


def test_what_is_not_scaled_is_taken_off() -> None:
    gone = FakeClient(deregister_scalable_target=refused("ObjectNotFoundException"))

    targets(gone).take_off(MODEL, "blue")

    assert gone.request("deregister_scalable_target") == WHERE


def test_a_refusal_to_scale_is_told_and_anything_else_is_tried_again() -> None:
    refuses = FakeClient(register_scalable_target=refused("ValidationException", "no variant"))
    busy = FakeClient(register_scalable_target=refused("ConcurrentUpdateException"))

    said = targets(refuses).put_on(MODEL, SCALED)

    assert said == "blue is not scaled any more: no variant"
    with pytest.raises(ClientError):
        targets(busy).put_on(MODEL, SCALED)


def test_a_challenger_beside_the_champion_is_scaled_as_that_is() -> None:
    green = SCALED.model_copy(update={"variant": "green"})

    assert after_update((SCALED,), "blue", "green") == (SCALED, green)
    assert after_update((SCALED,), "blue", "blue") == (SCALED,)
    assert after_update((SCALED, green), "blue", "green") == (SCALED, green)
    assert after_update((), "blue", "green") == ()
