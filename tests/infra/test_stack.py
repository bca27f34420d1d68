"""What the template must say, whatever else it says."""

import json
from collections import Counter
from typing import Any

import pytest

from cdk.settings import SETTINGS
from events.base import SOURCE
from functions.definition import read_definition
from functions.names import VARIANTS, Names
from functions.routes import FUNCTIONS, ROUTES, SCHEDULES
from tests.infra.conftest import ROOT, Synthesized

_STAR_IS_ALL_THERE_IS = {
    "application-autoscaling:DeregisterScalableTarget",
    "application-autoscaling:DescribeScalableTargets",
    "application-autoscaling:DescribeScalingPolicies",
    "application-autoscaling:PutScalingPolicy",
    "application-autoscaling:RegisterScalableTarget",
    "cloudwatch:GetMetricData",
    "cloudwatch:PutMetricData",
    "ecr:GetAuthorizationToken",
    "sagemaker:ListEndpointConfigs",
    "sagemaker:ListEndpoints",
    "sagemaker:ListModels",
    "sagemaker:ListProcessingJobs",
    "sagemaker:ListTrainingJobs",
}


def statements(stage: Synthesized) -> list[dict[str, Any]]:
    """Every statement of every role's policy."""
    return [
        statement
        for policy in stage.of("AWS::IAM::Policy").values()
        for statement in policy["PolicyDocument"]["Statement"]
    ]


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_every_target_of_every_rule_is_retried_and_has_a_dead_letter_queue(
    dev: Synthesized,
) -> None:
    for rule in dev.of("AWS::Events::Rule").values():
        for target in rule["Targets"]:
            assert target["DeadLetterConfig"]["Arn"]
            assert target["RetryPolicy"] == {
                "MaximumEventAgeInSeconds": 86400,
                "MaximumRetryAttempts": 185,
            }


def test_every_route_has_its_rule_on_its_bus(dev: Synthesized) -> None:
    (bus,) = dev.of("AWS::Events::EventBus")
    account = {"account": [{"Ref": "AWS::AccountId"}]}
    places = {"prefix": "sluice-dev", "data_bucket": "the data bucket"}
    units = {
        logical_id: function["Handler"].split(".")[1]
        for logical_id, function in dev.of("AWS::Lambda::Function").items()
    }
    rules = [
        {
            "bus": rule.get("EventBusName"),
            "pattern": _with_the_data_bucket_named(rule["EventPattern"]),
            "targets": [units[t["Arn"]["Fn::GetAtt"][0]] for t in rule["Targets"]],
        }
        for rule in dev.of("AWS::Events::Rule").values()
        if "EventPattern" in rule and not rule.get("Description", "").startswith("what a person")
    ]

    assert len(rules) == len(ROUTES)
    for route in ROUTES:
        assert {
            "bus": {"Ref": bus} if route.ours else None,
            "pattern": {**route.pattern(places), **account},
            "targets": [route.to],
        } in rules


def test_every_schedule_wakes_its_function(dev: Synthesized) -> None:
    units = {
        logical_id: function["Handler"].split(".")[1]
        for logical_id, function in dev.of("AWS::Lambda::Function").items()
    }

    assert [
        (rule["ScheduleExpression"], [units[t["Arn"]["Fn::GetAtt"][0]] for t in rule["Targets"]])
        for rule in dev.of("AWS::Events::Rule").values()
        if "ScheduleExpression" in rule
    ] == [(f"rate({every.minutes} minutes)", [every.to]) for every in SCHEDULES]


def _with_the_data_bucket_named(pattern: Any) -> Any:
    """The pattern with words where the template refers to the data bucket."""
    match pattern:
        case {"Ref": str(name)} if name.startswith("StorageData"):
            return "the data bucket"
        case dict():
            return {key: _with_the_data_bucket_named(value) for key, value in pattern.items()}
        case list():
            return [_with_the_data_bucket_named(value) for value in pattern]
        case _:
            return pattern


def test_rules_hear_only_their_own_account(dev: Synthesized) -> None:
    for rule in dev.of("AWS::Events::Rule").values():
        if "EventPattern" in rule:
            assert rule["EventPattern"]["account"] == [{"Ref": "AWS::AccountId"}]


def test_every_function_has_its_own_role_queue_and_log_group(dev: Synthesized) -> None:
    functions = dev.of("AWS::Lambda::Function")
    failed = dev.of("AWS::Lambda::EventInvokeConfig")

    assert len(functions) == len(FUNCTIONS)
    assert len({json.dumps(f["Role"]) for f in functions.values()}) == len(FUNCTIONS)
    assert len({json.dumps(f["LoggingConfig"]) for f in functions.values()}) == len(FUNCTIONS)
    destinations = {
        json.dumps(config["DestinationConfig"]["OnFailure"]["Destination"])
        for config in failed.values()
    }
    assert len(destinations) == len(FUNCTIONS)


@pytest.mark.parametrize("unit", FUNCTIONS)
def test_a_functions_environment_is_what_its_settings_read(dev: Synthesized, unit: str) -> None:
    function = next(
        f
        for f in dev.of("AWS::Lambda::Function").values()
        if f["Handler"] == f"functions.{unit}.handler.handle"
    )
    environment = {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in function["Environment"]["Variables"].items()
    }

    settings = SETTINGS[unit].from_environment(environment)

    assert settings.prefix == "sluice-dev"


def test_buckets_are_private_versioned_and_speak_tls_only(dev: Synthesized) -> None:
    buckets = dev.of("AWS::S3::Bucket")
    denials = [
        statement
        for policy in dev.of("AWS::S3::BucketPolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny"
        and statement["Condition"].get("Bool") == {"aws:SecureTransport": "false"}
    ]

    assert len(denials) == len(buckets)
    for bucket in buckets.values():
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
        assert all(bucket["PublicAccessBlockConfiguration"].values())


def test_only_the_data_bucket_speaks_to_eventbridge(dev: Synthesized) -> None:
    speaking = [
        name
        for name, bucket in dev.of("AWS::S3::Bucket").items()
        if "EventBridgeConfiguration" in bucket.get("NotificationConfiguration", {})
    ]

    assert [name.startswith("StorageData") for name in speaking] == [True]


def test_no_policy_allows_every_action_and_stars_stand_only_where_aws_knows_nothing_narrower(
    dev: Synthesized,
) -> None:
    for statement in statements(dev):
        actions = listed(statement["Action"])
        assert not any("*" in action for action in actions)
        if "*" in listed(statement["Resource"]):
            assert set(actions) <= _STAR_IS_ALL_THERE_IS


def test_a_role_is_passed_only_to_the_service_it_is_for(dev: Synthesized) -> None:
    passing = [s for s in statements(dev) if "iam:PassRole" in listed(s["Action"])]

    assert passing
    for statement in passing:
        assert statement["Condition"]["StringEquals"]["iam:PassedToService"]
        assert statement["Resource"] != "*"


def test_containers_may_put_metrics_only_where_sagemaker_does(dev: Synthesized) -> None:
    putting = [s for s in statements(dev) if "cloudwatch:PutMetricData" in listed(s["Action"])]

    assert [s["Condition"] for s in putting] == [
        {"StringLike": {"cloudwatch:namespace": "/aws/sagemaker/*"}}
    ] * 3


def test_jobs_and_models_can_only_be_made_isolated_from_the_network(dev: Synthesized) -> None:
    making = {
        "sagemaker:CreateTrainingJob",
        "sagemaker:CreateProcessingJob",
        "sagemaker:CreateModel",
    }
    for statement in statements(dev):
        if making & set(listed(statement["Action"])):
            assert len(listed(statement["Action"])) == 1
            assert statement["Condition"] == {"Bool": {"sagemaker:NetworkIsolation": "true"}}


def test_every_model_has_alarms_on_both_variants(dev: Synthesized) -> None:
    alarms = {a.get("AlarmName"): a for a in dev.of("AWS::CloudWatch::Alarm").values()}
    latency = read_definition(ROOT / "models" / "digits").serving.latency

    for variant in VARIANTS:
        errors = alarms[Names("sluice-dev").alarm("digits", variant, "errors")]
        slow = alarms[Names("sluice-dev").alarm("digits", variant, "latency")]
        assert (errors["MetricName"], errors["Threshold"]) == ("Invocation5XXErrors", 0.05)
        assert (slow["MetricName"], slow["Threshold"]) == ("ModelLatency", latency * 1e6)
        assert (errors["Period"], errors["EvaluationPeriods"]) == (60, 1)
        assert (slow["Period"], slow["EvaluationPeriods"]) == (60, 3)
        for alarm in (errors, slow):
            assert alarm["TreatMissingData"] == "notBreaching"


def test_every_queue_of_what_failed_has_an_alarm(dev: Synthesized) -> None:
    dead = {
        *(
            target["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0]
            for rule in dev.of("AWS::Events::Rule").values()
            for target in rule["Targets"]
        ),
        *(
            config["DestinationConfig"]["OnFailure"]["Destination"]["Fn::GetAtt"][0]
            for config in dev.of("AWS::Lambda::EventInvokeConfig").values()
        ),
        *(
            function["Environment"]["Variables"]["SLUICE_UNDELIVERED_ARN"]["Fn::GetAtt"][0]
            for function in dev.of("AWS::Lambda::Function").values()
        ),
    }
    watched = {
        alarm["Dimensions"][0]["Value"]["Fn::GetAtt"][0]: (alarm["Threshold"], alarm["Statistic"])
        for alarm in dev.of("AWS::CloudWatch::Alarm").values()
        if alarm["MetricName"] == "ApproximateNumberOfMessagesVisible"
    }

    pages = {each for each in dev.of("AWS::SQS::Queue") if each.startswith("MessagingPages")}
    assert len(pages) == 1
    assert dead | pages == set(dev.of("AWS::SQS::Queue"))
    assert watched == dict.fromkeys(dead | pages, (0, "Maximum"))


def test_what_a_person_has_to_look_at_lies_in_a_queue(dev: Synthesized) -> None:
    (rule,) = [
        rule
        for rule in dev.of("AWS::Events::Rule").values()
        if "PersonPaged" in rule.get("EventPattern", {}).get("detail-type", [])
    ]

    (target,) = rule["Targets"]
    assert target["Arn"]["Fn::GetAtt"][0].startswith("MessagingPages")
    assert rule["EventPattern"]["source"] == [SOURCE]


def test_every_function_that_goes_on_failing_has_an_alarm(dev: Synthesized) -> None:
    watched = {
        alarm["Dimensions"][0]["Value"]["Ref"]: (alarm["Period"], alarm["EvaluationPeriods"])
        for alarm in dev.of("AWS::CloudWatch::Alarm").values()
        if (alarm["Namespace"], alarm["MetricName"]) == ("AWS/Lambda", "Errors")
    }

    assert watched == dict.fromkeys(dev.of("AWS::Lambda::Function"), (300, 3))


def test_only_the_alarms_of_a_variant_are_named_so_that_they_wake_roll_back(
    dev: Synthesized,
) -> None:
    for alarm in dev.of("AWS::CloudWatch::Alarm").values():
        assert ("AlarmName" in alarm) == (alarm["Namespace"] == "AWS/SageMaker")
        assert alarm["TreatMissingData"] == "notBreaching"


def test_the_ledger_can_be_brought_back_and_finds_what_is_open(dev: Synthesized) -> None:
    (table,) = dev.of("AWS::DynamoDB::Table").values()

    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    (index,) = table["GlobalSecondaryIndexes"]
    assert [key["AttributeName"] for key in index["KeySchema"]] == ["open", "due_at"]


def test_data_artifacts_and_ledger_outlive_the_stack(dev: Synthesized) -> None:
    for resource in dev.resources.values():
        if resource["Type"] in {"AWS::S3::Bucket", "AWS::DynamoDB::Table"}:
            assert resource["DeletionPolicy"] == "Retain"


def test_the_stack_tells_where_everything_is(dev: Synthesized) -> None:
    assert set(dev.outputs) >= {
        "ArtifactBucket",
        "BusName",
        "Dashboard",
        "DataBucket",
        "LedgerTable",
        "ScheduleGroup",
        "ServingImage",
        "TrainingImage",
    }


def test_the_stages_are_two_values_of_one_stack(dev: Synthesized, prod: Synthesized) -> None:
    kinds = [
        Counter(resource["Type"] for resource in stage.resources.values()) for stage in (dev, prod)
    ]

    assert kinds[0] == kinds[1]
    (table,) = prod.of("AWS::DynamoDB::Table").values()
    assert table["DeletionProtectionEnabled"] is True
