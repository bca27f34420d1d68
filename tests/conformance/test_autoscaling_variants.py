"""Variants that are scaled: by alarms, by schedule, within bounds, and while they are updated."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from typing import Any

import pytest

from tests.conformance.jobs import until
from tests.conformance.target import TIME_SCALE, Target, refusal
from tests.conformance.variants import Scaled, step, steps, tracking

pytestmark = pytest.mark.costs


@pytest.fixture(scope="module")
def hosted(aws: Target) -> Iterator[Scaled]:
    made = Scaled(aws, aws.name("hosted"))
    made.create()
    yield made
    made.settled()
    made.sagemaker.delete_endpoint(EndpointName=made.endpoint)


@pytest.fixture
def scaled(hosted: Scaled) -> Iterator[Scaled]:
    """One instance, no target."""
    yield hosted
    hosted.deregister()


ONCE = {"ScaleOutCooldown": 36_000}
"""So long that no check sees a second change."""


def custom(namespace: str, target: float, **more: Any) -> dict[str, Any]:
    metric = {"MetricName": "Load", "Namespace": namespace, "Statistic": "Average"}
    config = {"TargetValue": target, "CustomizedMetricSpecification": metric, **ONCE, **more}
    kind = "TargetTrackingScaling"
    return {"PolicyType": kind, "TargetTrackingScalingPolicyConfiguration": config}


def high(put: dict[str, Any]) -> str:
    return str(put["Alarms"][0]["AlarmName"])


def low(put: dict[str, Any]) -> str:
    return str(put["Alarms"][1]["AlarmName"])


@pytest.mark.parametrize(
    ("least", "most", "count", "cause"),
    [(2, 4, 2, "minimum capacity was set to 2"), (1, 1, 1, None)],
)
def test_a_new_target_is_brought_within_its_bounds(
    scaled: Scaled, least: int, most: int, count: int, cause: str | None
) -> None:
    scaled.register(least, most)

    scaled.counts(count)
    if cause is not None:
        done = scaled.done(f"Setting desired instance count to {count}.")
        assert done["StatusCode"] == "Successful"
        assert done["Cause"] == cause
        assert done["StatusMessage"] == (
            f"Successfully set desired instance count to {count}."
            " Change successfully fulfilled by sagemaker."
        )


def test_a_lower_maximum_takes_instances_away(scaled: Scaled) -> None:
    scaled.register(3, 4)
    scaled.counts(3)

    scaled.register(1, 2)

    scaled.counts(2)
    assert scaled.done("Setting desired instance count to 2.")["Cause"] == (
        "maximum capacity was set to 2"
    )


def test_traffic_scales_out_and_silence_scales_in(scaled: Scaled) -> None:
    runtime, enough = scaled.aws.client("sagemaker-runtime"), Event()

    def ask() -> None:
        while not enough.is_set():
            runtime.invoke_endpoint(EndpointName=scaled.endpoint, Body=b"x")

    scaled.register(1, 2)
    put = scaled.policy("track", tracking(0.1, ScaleInCooldown=60))
    askers = [Thread(target=ask) for _ in range(3)]
    for asker in askers:
        asker.start()
    try:
        scaled.counts(2)
    finally:
        enough.set()
        for asker in askers:
            asker.join()
    out = scaled.done("Setting desired instance count to 2.")
    assert out["Cause"] == f"monitor alarm {high(put)} in state ALARM triggered policy track"

    scaled.counts(1)
    back = scaled.done("Setting desired instance count to 1.")
    assert back["Cause"] == f"monitor alarm {low(put)} in state ALARM triggered policy track"


def test_a_metric_of_one_s_own_is_kept_at_its_target(scaled: Scaled) -> None:
    space = scaled.aws.name("space")
    scaled.register(1, 4)
    scaled.policy("track", custom(space, 10.0))

    scaled.measure(space, 29.0)

    scaled.counts(3)


def test_metric_math_is_kept_at_its_target(scaled: Scaled) -> None:
    space = scaled.aws.name("space")
    stat = {"Metric": {"Namespace": space, "MetricName": "Load"}, "Stat": "Average"}
    metrics = [
        {"Id": "load", "MetricStat": stat, "ReturnData": False},
        {"Id": "twice", "Expression": "load * 2", "ReturnData": True},
    ]
    policy = custom(space, 10.0)
    policy["TargetTrackingScalingPolicyConfiguration"]["CustomizedMetricSpecification"] = {
        "Metrics": metrics
    }
    scaled.register(1, 4)
    scaled.policy("track", policy)

    scaled.measure(space, 9.0)

    scaled.counts(2)


@pytest.mark.embedded
def test_an_alarm_at_the_maximum_scales_nothing_and_says_why(scaled: Scaled) -> None:
    scaled.register(1, 1)
    scaled.ring(high(scaled.policy("track", custom(scaled.aws.name("space"), 10.0))))

    reason = [{"Code": "AlreadyAtMaxCapacity", "MaxCapacity": 1}]
    until(lambda: reason in [a.get("NotScaledReasons") for a in everything(scaled)])
    assert all("NotScaledReasons" not in each for each in scaled.activities())
    assert scaled.count() == 1


@pytest.mark.embedded
def test_a_suspended_direction_is_not_scaled(scaled: Scaled) -> None:
    scaled.register(1, 4, SuspendedState={"DynamicScalingOutSuspended": True})
    put = scaled.policy("track", custom(scaled.aws.name("space"), 10.0))
    scaled.ring(high(put))
    until(lambda: acted(scaled, high(put)))

    assert scaled.count() == 1
    scaled.register(SuspendedState={"DynamicScalingOutSuspended": False})
    scaled.ring(high(put), "OK")
    scaled.ring(high(put))
    until(lambda: scaled.count() == 2)


def acted(scaled: Scaled, alarm: str) -> bool:
    """Whether the alarm has carried out its action."""
    told = scaled.cloudwatch.describe_alarm_history(AlarmName=alarm, HistoryItemType="Action")
    items = told["AlarmHistoryItems"]
    return bool(items) and items[0]["HistorySummary"].startswith("Successfully executed action")


def stepping(scaled: Scaled, policy: dict[str, Any], namespace: str, threshold: float) -> str:
    """A step policy, and the alarm on `Load` that asks for it."""
    put, alarm = scaled.policy("steps", policy), f"{namespace}-alarm"
    scaled.cloudwatch.put_metric_alarm(
        AlarmName=alarm,
        Namespace=namespace,
        MetricName="Load",
        Statistic="Average",
        Period=60,
        EvaluationPeriods=1,
        Threshold=threshold,
        ComparisonOperator="GreaterThanThreshold",
        AlarmActions=[put["PolicyARN"]],
    )
    return alarm


@pytest.mark.parametrize(
    ("policy", "load", "count"),
    [
        (steps(step(1, low=0, high=10), step(2, low=10)), 15.0, 2),
        (steps(step(1, low=0, high=10), step(2, low=10)), 25.0, 3),
        (steps(step(4, low=0), kind="ExactCapacity"), 15.0, 4),
        (steps(step(200, low=0), kind="PercentChangeInCapacity"), 15.0, 3),
        (
            steps(step(10, low=0), kind="PercentChangeInCapacity", MinAdjustmentMagnitude=2),
            15.0,
            3,
        ),
        (steps(step(9, low=0)), 15.0, 4),
    ],
)
def test_a_breach_is_answered_by_its_step(
    scaled: Scaled, policy: dict[str, Any], load: float, count: int
) -> None:
    namespace = scaled.aws.name("space")
    scaled.register(1, 4)
    policy["StepScalingPolicyConfiguration"]["Cooldown"] = ONCE["ScaleOutCooldown"]
    alarm = stepping(scaled, policy, namespace, 10.0)

    scaled.measure(namespace, load, seconds=4)

    try:
        scaled.counts(count)
        (told,) = scaled.scaling.describe_scaling_policies(**scaled.place)["ScalingPolicies"]
        assert [each["AlarmName"] for each in told["Alarms"]] == [alarm]
    finally:
        scaled.cloudwatch.delete_alarms(AlarmNames=[alarm])


def test_an_alarm_that_lasts_asks_again_after_the_cooldown(scaled: Scaled) -> None:
    namespace = scaled.aws.name("space")
    scaled.register(1, 3)
    alarm = stepping(scaled, steps(step(1, low=0), Cooldown=60), namespace, 10.0)

    scaled.measure(namespace, 15.0)

    try:
        scaled.counts(3)
        descriptions = [each["Description"] for each in scaled.activities()]
        assert descriptions[:2] == [
            "Setting desired instance count to 3.",
            "Setting desired instance count to 2.",
        ]
    finally:
        scaled.cloudwatch.delete_alarms(AlarmNames=[alarm])


@pytest.mark.embedded
def test_a_scheduled_action_sets_the_bounds(scaled: Scaled) -> None:
    scaled.register(1, 4)
    soon = datetime.now(UTC) + timedelta(seconds=TIME_SCALE)

    scaled.scaling.put_scheduled_action(
        **scaled.place,
        ScheduledActionName="morning",
        Schedule=f"at({soon:%Y-%m-%dT%H:%M:%S})",
        ScalableTargetAction={"MinCapacity": 2, "MaxCapacity": 3},
    )

    scaled.counts(2)
    done = scaled.done("Setting min capacity to 2 and max capacity to 3")
    assert done["Cause"] == "scheduled action name morning was triggered"
    assert done["StatusCode"] == "Successful"


@pytest.mark.embedded
def test_a_rate_fires_again_and_again(scaled: Scaled) -> None:
    scaled.register(1, 4)
    scaled.scaling.put_scheduled_action(
        **scaled.place,
        ScheduledActionName="often",
        Schedule="rate(1 minute)",
        ScalableTargetAction={"MaxCapacity": 4},
    )

    until(
        lambda: (
            [a["Description"] for a in scaled.activities()].count("Setting max capacity to 4") > 1
        )
    )


@pytest.mark.parametrize("change", [{"kind": "ml.m5.xlarge"}, {"variant": "another"}])
def test_an_update_leaves_a_scaled_variant_as_it_is(scaled: Scaled, change: dict[str, Any]) -> None:
    config = scaled.config(**change)
    scaled.register()

    code, text = refusal(
        scaled.sagemaker.update_endpoint, EndpointName=scaled.endpoint, EndpointConfigName=config
    )

    assert code == "ValidationException"
    assert "only" in text
    assert scaled.told()["EndpointStatus"] == "InService"


def test_an_update_may_bring_another_model_and_keeps_the_count(scaled: Scaled) -> None:
    scaled.register(2, 4)
    scaled.counts(2)

    scaled.sagemaker.update_endpoint(
        EndpointName=scaled.endpoint,
        EndpointConfigName=scaled.config(),
        RetainAllVariantProperties=True,
    )
    scaled.settled()

    assert scaled.count() == 2


def test_nothing_is_scaled_while_the_endpoint_is_updated(scaled: Scaled) -> None:
    space = scaled.aws.name("space")
    scaled.register(1, 2, SuspendedState={"DynamicScalingOutSuspended": True})
    put = scaled.policy("track", custom(space, 10.0))
    scaled.measure(space, 20.0)
    until(lambda: acted(scaled, high(put)))

    scaled.sagemaker.update_endpoint(
        EndpointName=scaled.endpoint, EndpointConfigName=scaled.config()
    )
    scaled.register(SuspendedState={"DynamicScalingOutSuspended": False}, most=2)

    reason = [{"Code": "TargetServicePutResourceAsUnscalable"}]
    until(lambda: reason in [a.get("NotScaledReasons") for a in everything(scaled)])
    scaled.counts(2)  # the alarm asks again


def everything(scaled: Scaled) -> list[dict[str, Any]]:
    return scaled.activities(IncludeNotScaledActivities=True)


def test_a_deleted_endpoint_s_variants_are_no_targets(aws: Target) -> None:
    gone = Scaled(aws, aws.name("gone"))
    gone.create()
    gone.register()
    gone.policy("track", tracking())

    gone.sagemaker.delete_endpoint(EndpointName=gone.endpoint)

    def left() -> list[str]:
        told = gone.scaling.describe_scalable_targets(ServiceNamespace="sagemaker")
        return [t["ResourceId"] for t in told["ScalableTargets"]]

    until(lambda: gone.place["ResourceId"] not in left())
    prefix = f"TargetTracking-{gone.place['ResourceId']}"
    assert gone.cloudwatch.describe_alarms(AlarmNamePrefix=prefix)["MetricAlarms"] == []
