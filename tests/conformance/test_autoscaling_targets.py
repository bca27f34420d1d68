"""Scalable targets, policies and scheduled actions: what is told, kept and refused."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.conformance.target import Target, refusal
from tests.conformance.variants import DIMENSION, Scaled, step, steps, tracking

pytestmark = pytest.mark.costs


@pytest.fixture(scope="module")
def scaled(aws: Target) -> Iterator[Scaled]:
    made = Scaled(aws, aws.name("scaled"))
    made.create()
    made.register()
    yield made
    made.sagemaker.delete_endpoint(EndpointName=made.endpoint)


@pytest.fixture
def fresh(scaled: Scaled) -> Scaled:
    """The same variant, with nothing but its bounds."""
    scaled.deregister()
    scaled.register()
    return scaled


def target(scaled: Scaled) -> dict[str, Any]:
    (found,) = scaled.scaling.describe_scalable_targets(
        ServiceNamespace="sagemaker", ResourceIds=[scaled.place["ResourceId"]]
    )["ScalableTargets"]
    return dict(found)


def test_a_target_is_told_as_it_was_registered(fresh: Scaled) -> None:
    told = target(fresh)

    assert fresh.place.items() <= told.items()
    assert (told["MinCapacity"], told["MaxCapacity"]) == (1, 4)
    assert told["RoleARN"].endswith("AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint")
    assert not any(told["SuspendedState"].values())


def test_what_is_not_said_again_stays(fresh: Scaled) -> None:
    before = target(fresh)
    suspended = {"DynamicScalingInSuspended": True}

    fresh.scaling.register_scalable_target(**fresh.place, MaxCapacity=7, SuspendedState=suspended)

    after = target(fresh)
    assert (after["MinCapacity"], after["MaxCapacity"]) == (1, 7)
    assert after["SuspendedState"]["DynamicScalingInSuspended"]
    assert not after["SuspendedState"]["ScheduledScalingSuspended"]
    assert after["ScalableTargetARN"] == before["ScalableTargetARN"]
    assert after["CreationTime"] == before["CreationTime"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"ResourceId": "endpoint/none-such/variant/only"}, "ValidationException"),
        ({"ResourceId": "variant/only"}, "ValidationException"),
        ({"ServiceNamespace": "nowhere"}, "ValidationException"),
        ({"ScalableDimension": "sagemaker:variant:Colour"}, "ValidationException"),
        ({"MinCapacity": 5, "MaxCapacity": 4}, "ValidationException"),
        ({"MinCapacity": -1}, "ValidationException"),
        ({"Tags": {"a": "b"}}, "ValidationException"),
        ({"ResourceId": None}, "ValidationException"),
    ],
)
def test_a_target_that_cannot_be_is_refused(scaled: Scaled, change: Any, code: str) -> None:
    request = {**scaled.place, "MinCapacity": 1, "MaxCapacity": 4, **change}
    asked = {key: value for key, value in request.items() if value is not None}

    assert refusal(scaled.scaling.register_scalable_target, **asked)[0] == code


@pytest.mark.embedded
@pytest.mark.parametrize(
    ("namespace", "dimension"),
    [
        ("dynamodb", "dynamodb:table:ReadCapacityUnits"),
        ("sagemaker", "sagemaker:inference-component:DesiredCopyCount"),
    ],
)
def test_what_is_not_scaled_here_says_so(scaled: Scaled, namespace: str, dimension: str) -> None:
    place = {"ServiceNamespace": namespace, "ScalableDimension": dimension}

    code, _ = refusal(
        scaled.scaling.register_scalable_target,
        **(scaled.place | place),
        MinCapacity=1,
        MaxCapacity=2,
    )

    assert code == "NotImplemented"


OTHER = {"ResourceId": "endpoint/other/variant/only"}
SCHEDULE = {"Schedule": "rate(1 day)", "ScalableTargetAction": {"MinCapacity": 1}}


@pytest.mark.parametrize(
    ("call", "request_"),
    [
        ("put_scaling_policy", {"PolicyName": "p", **tracking()}),
        ("delete_scaling_policy", {"PolicyName": "p"}),
        ("put_scheduled_action", {"ScheduledActionName": "a", **SCHEDULE}),
        ("delete_scheduled_action", {"ScheduledActionName": "a"}),
        ("deregister_scalable_target", {}),
    ],
)
def test_what_is_no_target_is_not_found(scaled: Scaled, call: str, request_: Any) -> None:
    code, text = refusal(getattr(scaled.scaling, call), **(scaled.place | OTHER), **request_)

    assert code == "ObjectNotFoundException"
    assert (
        "service namespace: sagemaker, resource ID: endpoint/other/variant/only,"
        f" scalable dimension: {DIMENSION}"
    ) in text


@pytest.mark.parametrize("call", ["delete_scaling_policy", "delete_scheduled_action"])
def test_what_a_target_does_not_have_is_not_found(scaled: Scaled, call: str) -> None:
    name = "PolicyName" if "policy" in call else "ScheduledActionName"

    code, _ = refusal(getattr(scaled.scaling, call), **scaled.place, **{name: "none"})

    assert code == "ObjectNotFoundException"


def alarms(scaled: Scaled) -> dict[str, dict[str, Any]]:
    """The alarms of the variant's policies, by the last word of their names before the id."""
    prefix = f"TargetTracking-{scaled.place['ResourceId']}-"
    found = scaled.cloudwatch.describe_alarms(AlarmNamePrefix=prefix)["MetricAlarms"]
    return {alarm["AlarmName"].removeprefix(prefix).split("-")[0]: alarm for alarm in found}


def test_a_tracking_policy_makes_its_alarms(fresh: Scaled) -> None:
    put = fresh.policy("track", tracking(10.0))

    found = alarms(fresh)
    assert [a["AlarmName"] for a in put["Alarms"]] == [
        found[kind]["AlarmName"] for kind in ("AlarmHigh", "AlarmLow")
    ]
    high, low = found["AlarmHigh"], found["AlarmLow"]
    assert (high["EvaluationPeriods"], high["Threshold"]) == (3, 10.0)
    assert (low["EvaluationPeriods"], low["Threshold"]) == (15, 9.0)
    assert high["ComparisonOperator"] == "GreaterThanThreshold"
    assert low["ComparisonOperator"] == "LessThanThreshold"
    for alarm in (high, low):
        assert (alarm["Namespace"], alarm["MetricName"]) == (
            "AWS/SageMaker",
            "InvocationsPerInstance",
        )
        assert (alarm["Statistic"], alarm["Period"]) == ("Sum", 60)
        (action,) = alarm["AlarmActions"]
        assert action.startswith(put["PolicyARN"])
        assert alarm["AlarmDescription"].startswith("DO NOT EDIT OR DELETE.")


def test_a_policy_that_does_not_scale_in_has_no_low_alarm(fresh: Scaled) -> None:
    fresh.policy("track", tracking())
    fresh.policy("track", tracking(DisableScaleIn=True))

    assert list(alarms(fresh)) == ["AlarmHigh"]


def test_the_alarms_follow_the_policy_s_target(fresh: Scaled) -> None:
    fresh.policy("track", tracking(10.0))
    fresh.policy("track", tracking(20.0))

    found = alarms(fresh)
    assert {kind: alarm["Threshold"] for kind, alarm in found.items()} == {
        "AlarmHigh": 20.0,
        "AlarmLow": 18.0,
    }


def test_a_deleted_policy_takes_its_alarms_along(fresh: Scaled) -> None:
    fresh.policy("track", tracking())

    fresh.scaling.delete_scaling_policy(**fresh.place, PolicyName="track")

    assert alarms(fresh) == {}
    assert fresh.scaling.describe_scaling_policies(**fresh.place)["ScalingPolicies"] == []


def test_what_belongs_to_a_target_goes_with_it(fresh: Scaled) -> None:
    fresh.policy("track", tracking())
    fresh.scaling.put_scheduled_action(**fresh.place, ScheduledActionName="a", **SCHEDULE)

    fresh.scaling.deregister_scalable_target(**fresh.place)

    assert alarms(fresh) == {}
    assert fresh.scaling.describe_scaling_policies(**fresh.place)["ScalingPolicies"] == []
    assert fresh.scaling.describe_scheduled_actions(**fresh.place)["ScheduledActions"] == []


def test_policies_are_told_by_name(fresh: Scaled) -> None:
    fresh.policy("track", tracking())
    put = fresh.policy("steps", steps(step(1, low=0)))

    (told,) = fresh.scaling.describe_scaling_policies(**fresh.place, PolicyNames=["steps"])[
        "ScalingPolicies"
    ]

    assert told["PolicyARN"] == put["PolicyARN"]
    assert told["StepScalingPolicyConfiguration"]["StepAdjustments"] == [step(1, low=0)]
    assert told["Alarms"] == put["Alarms"] == []


def custom(**metric: Any) -> dict[str, Any]:
    config = {"TargetValue": 1.0, "CustomizedMetricSpecification": metric}
    kind = "TargetTrackingScaling"
    return {"PolicyType": kind, "TargetTrackingScalingPolicyConfiguration": config}


WRONG = [
    {"PolicyType": "TargetTrackingScaling"},
    {"PolicyType": "StepScaling"},
    {},
    {**tracking(), **steps(step(1, low=0))},
    tracking(CustomizedMetricSpecification={"MetricName": "m"}),
    custom(MetricName="m", Namespace="n"),
    custom(MetricName="m", Namespace="n", Statistic="p99"),
    custom(),
    tracking(2.0**361),
    tracking(PredefinedMetricSpecification={"PredefinedMetricType": "NoneSuch"}),
    tracking(
        PredefinedMetricSpecification={"PredefinedMetricType": "DynamoDBReadCapacityUtilization"}
    ),
    steps(),
    steps(step(1)),
    steps(step(1, low=5, high=2)),
    steps(step(1, low=0, high=5), step(2, low=4)),
    steps(step(1, low=0, high=5), step(2, low=6)),
    steps(step(1, low=0, high=5)),
    steps(step(-1, low=-5, high=0)),
    steps(step(1, low=0), kind="Doubling"),
    steps(step(1, low=0), MinAdjustmentMagnitude=2),
]


@pytest.mark.parametrize("policy", WRONG)
def test_a_policy_that_cannot_work_is_refused(fresh: Scaled, policy: dict[str, Any]) -> None:
    request = {**fresh.place, "PolicyName": "wrong", **policy}

    assert refusal(fresh.scaling.put_scaling_policy, **request)[0] == "ValidationException"
    assert fresh.scaling.describe_scaling_policies(**fresh.place)["ScalingPolicies"] == []


def test_a_scheduled_action_is_told_as_it_was_put(fresh: Scaled) -> None:
    start = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    request = {
        "ScheduledActionName": "nightly",
        "Schedule": "cron(0 2 * * ? *)",
        "Timezone": "Europe/Berlin",
        "StartTime": start,
        "ScalableTargetAction": {"MinCapacity": 2, "MaxCapacity": 3},
    }

    fresh.scaling.put_scheduled_action(**fresh.place, **request)

    (told,) = fresh.scaling.describe_scheduled_actions(**fresh.place)["ScheduledActions"]
    assert (fresh.place | request).items() <= told.items()
    assert told["ScheduledActionARN"].endswith(":scheduledActionName/nightly")


def test_times_that_are_not_said_again_are_gone(fresh: Scaled) -> None:
    end = datetime.now(UTC) + timedelta(days=1)
    named = {**fresh.place, "ScheduledActionName": "nightly"}
    fresh.scaling.put_scheduled_action(**named, **SCHEDULE, EndTime=end)

    fresh.scaling.put_scheduled_action(**named, Schedule="rate(2 days)")

    (told,) = fresh.scaling.describe_scheduled_actions(**fresh.place)["ScheduledActions"]
    assert "EndTime" not in told
    assert told["Schedule"] == "rate(2 days)"
    assert told["ScalableTargetAction"] == {"MinCapacity": 1}


LATER = datetime.now(UTC) + timedelta(days=2)


@pytest.mark.parametrize(
    "change",
    [
        {"Schedule": "every day"},
        {"Schedule": None},
        {"ScalableTargetAction": None},
        {"ScalableTargetAction": {}},
        {"Timezone": "Mars/Olympus"},
        {"StartTime": LATER, "EndTime": LATER - timedelta(days=1)},
        {"ScheduledActionName": "a:b"},
    ],
)
def test_an_action_that_cannot_be_is_refused(fresh: Scaled, change: dict[str, Any]) -> None:
    request = {**fresh.place, "ScheduledActionName": "a", **SCHEDULE, **change}
    asked = {key: value for key, value in request.items() if value is not None}

    assert refusal(fresh.scaling.put_scheduled_action, **asked)[0] == "ValidationException"


def test_policies_come_in_pages(fresh: Scaled) -> None:
    names = {f"policy-{n}" for n in range(5)}
    for name in names:
        fresh.policy(name, steps(step(1, low=0)))

    pages = fresh.scaling.get_paginator("describe_scaling_policies").paginate(
        **fresh.place, PaginationConfig={"PageSize": 2}
    )

    told = [[each["PolicyName"] for each in page["ScalingPolicies"]] for page in pages]
    assert [len(page) for page in told] == [2, 2, 1]
    assert {name for page in told for name in page} == names


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"NextToken": "nobody's"}, "InvalidNextTokenException"),
        ({"MaxResults": 0}, "ValidationException"),
        ({"MaxResults": 51}, "ValidationException"),
    ],
)
def test_a_page_that_cannot_be_is_refused(scaled: Scaled, more: Any, code: str) -> None:
    call = scaled.scaling.describe_scalable_targets

    assert refusal(call, ServiceNamespace="sagemaker", **more)[0] == code


def test_a_target_has_tags(scaled: Scaled) -> None:
    scaled.deregister()
    arn = scaled.register(Tags={"team": "one"})

    scaled.scaling.tag_resource(ResourceARN=arn, Tags={"stage": "test"})
    scaled.scaling.untag_resource(ResourceARN=arn, TagKeys=["team"])

    assert scaled.scaling.list_tags_for_resource(ResourceARN=arn)["Tags"] == {"stage": "test"}


def test_tags_of_nothing_are_not_found(aws: Target) -> None:
    arn = f"arn:aws:application-autoscaling:{aws.region}:{aws.account}:scalable-target/none"

    code, _ = refusal(aws.client("application-autoscaling").list_tags_for_resource, ResourceARN=arn)

    assert code == "ResourceNotFoundException"
