"""An asynchronous endpoint that scales to nothing and back, by the two policies AWS documents."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.asynchronous import Asynchronous
from tests.conformance.hosting import Hosting
from tests.conformance.jobs import until
from tests.conformance.target import Target


@pytest.fixture
def async_(aws: Target) -> Iterator[Asynchronous]:
    made = Asynchronous(Hosting(aws))
    yield made
    made.close()


def target(endpoint: str) -> dict[str, str]:
    return {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{endpoint}/variant/only",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }


def track(aws: Target, endpoint: str) -> None:
    """As many instances as the queue needs, none for an empty one."""
    metric = {
        "MetricName": "ApproximateBacklogSizePerInstance",
        "Namespace": "AWS/SageMaker",
        "Dimensions": [{"Name": "EndpointName", "Value": endpoint}],
        "Statistic": "Average",
    }
    aws.client("application-autoscaling").put_scaling_policy(
        **target(endpoint),
        PolicyName="track",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": 2.0,
            "CustomizedMetricSpecification": metric,
        },
    )


def wake(aws: Target, endpoint: str) -> str:
    """The first instance, once something waits where there is none; the alarm's name."""
    step: dict[str, Any] = {"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}
    policy = aws.client("application-autoscaling").put_scaling_policy(
        **target(endpoint),
        PolicyName="wake",
        PolicyType="StepScaling",
        StepScalingPolicyConfiguration={
            "AdjustmentType": "ChangeInCapacity",
            "StepAdjustments": [step],
        },
    )
    aws.client("cloudwatch").put_metric_alarm(
        AlarmName=f"wake-{endpoint}",
        MetricName="HasBacklogWithoutCapacity",
        Namespace="AWS/SageMaker",
        Dimensions=[{"Name": "EndpointName", "Value": endpoint}],
        Statistic="Average",
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        Threshold=1,
        EvaluationPeriods=2,
        Period=60,
        TreatMissingData="missing",
        AlarmActions=[policy["PolicyARN"]],
    )
    return f"wake-{endpoint}"


@pytest.mark.costs
def test_an_endpoint_scales_to_nothing_and_wakes_for_a_request(async_: Asynchronous) -> None:
    aws, endpoint = async_.hosting.aws, async_.endpoint()
    scaling = aws.client("application-autoscaling")
    scaling.register_scalable_target(**target(endpoint), MinCapacity=0, MaxCapacity=2)
    track(aws, endpoint)
    alarm = wake(aws, endpoint)

    def count() -> int:
        (variant,) = async_.hosting.told(endpoint)["ProductionVariants"]
        return int(variant["CurrentInstanceCount"])

    until(lambda: count() == 0)
    answer = async_.ask(endpoint)

    assert async_.object(answer["OutputLocation"])["Body"]
    scaling.deregister_scalable_target(**target(endpoint))
    aws.client("cloudwatch").delete_alarms(AlarmNames=[alarm])
