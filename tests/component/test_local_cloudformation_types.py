"""Types of CloudFormation that watch, keep and scale."""

import json
import uuid
from typing import Any

import pytest

from tests.fakes.embedded_aws import Core, core

BUS = "arn:aws:events:us-east-1:123456789012:event-bus/default"


@pytest.fixture(scope="module")
def aws() -> Core:
    return core()


class Stack:
    def __init__(self, aws: Core, resources: dict[str, Any], **outputs: Any) -> None:
        self.name, self._formation = f"Types-{uuid.uuid4().hex[:8]}", aws.client("cloudformation")
        self._outputs = {name: {"Value": value} for name, value in outputs.items()}
        self._formation.create_stack(StackName=self.name, TemplateBody=self._body(resources))
        self._wait("stack_create_complete")

    def update(self, resources: dict[str, Any]) -> None:
        self._formation.update_stack(StackName=self.name, TemplateBody=self._body(resources))
        self._wait("stack_update_complete")

    def delete(self) -> None:
        self._formation.delete_stack(StackName=self.name)
        self._wait("stack_delete_complete")

    def _wait(self, waiter: str) -> None:
        waits = self._formation.get_waiter(waiter)
        waits.wait(StackName=self.name, WaiterConfig={"Delay": 1})

    @property
    def outputs(self) -> dict[str, str]:
        told = self._formation.describe_stacks(StackName=self.name)["Stacks"][0]["Outputs"]
        return {each["OutputKey"]: each["OutputValue"] for each in told}

    def _body(self, resources: dict[str, Any]) -> str:
        return json.dumps({"Resources": resources, "Outputs": self._outputs})


def alarms(rule: str) -> dict[str, Any]:
    metric = {
        "MetricName": "m",
        "Namespace": "n",
        "Statistic": "Sum",
        "Period": "60",
        "EvaluationPeriods": "1",
        "Threshold": "1",
        "ComparisonOperator": "GreaterThanThreshold",
    }
    composite = {"AlarmRule": {"Fn::Sub": rule}, "ActionsEnabled": False}
    return {
        "One": {"Type": "AWS::CloudWatch::Alarm", "Properties": metric},
        "Two": {"Type": "AWS::CloudWatch::Alarm", "Properties": metric},
        "Both": {"Type": "AWS::CloudWatch::CompositeAlarm", "Properties": composite},
    }


def test_a_composite_alarm_comes_changes_and_goes_with_its_stack(aws: Core) -> None:
    cloudwatch = aws.client("cloudwatch")
    arn = {"Fn::GetAtt": ["Both", "Arn"]}
    stack = Stack(aws, alarms("ALARM(${One})"), Name={"Ref": "Both"}, Arn=arn)
    name, kinds = stack.outputs["Name"], ["CompositeAlarm"]

    def told() -> list[dict[str, Any]]:
        answer = cloudwatch.describe_alarms(AlarmNames=[name], AlarmTypes=kinds)
        return list(answer["CompositeAlarms"])

    (made,) = told()
    stack.update(alarms("ALARM(${One}) AND ALARM(${Two})"))
    (changed,) = told()
    stack.delete()

    assert made["AlarmArn"] == alarm_arn(name)
    assert made["AlarmRule"].startswith("ALARM(")
    assert not made["ActionsEnabled"]
    assert " AND " in changed["AlarmRule"]
    assert told() == []


def alarm_arn(name: str) -> str:
    return f"arn:aws:cloudwatch:us-east-1:123456789012:alarm:{name}"


def archive(**more: Any) -> dict[str, Any]:
    return {"Kept": {"Type": "AWS::Events::Archive", "Properties": {"SourceArn": BUS, **more}}}


def test_an_archive_comes_changes_and_goes_with_its_stack(aws: Core) -> None:
    events = aws.client("events")
    pattern = {"source": ["any"]}
    arn = {"Fn::GetAtt": ["Kept", "Arn"]}
    stack = Stack(aws, archive(EventPattern=pattern), Name={"Ref": "Kept"}, Arn=arn)
    ids = stack.outputs
    name = ids["Name"]

    made = events.describe_archive(ArchiveName=name)
    stack.update(archive(EventPattern=pattern, RetentionDays="3", Description="short"))
    changed = events.describe_archive(ArchiveName=name)
    stack.delete()

    assert made["ArchiveArn"] == ids["Arn"]
    assert made["EventSourceArn"] == BUS
    assert json.loads(made["EventPattern"]) == pattern
    assert (changed["RetentionDays"], changed["Description"]) == (3, "short")
    with pytest.raises(events.exceptions.ResourceNotFoundException):
        events.describe_archive(ArchiveName=name)


DIMENSION = "sagemaker:variant:DesiredInstanceCount"


def scaling(resource: str, most: int, target: float) -> dict[str, Any]:
    metric = {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}
    return {
        "Target": {
            "Type": "AWS::ApplicationAutoScaling::ScalableTarget",
            "Properties": {
                "ServiceNamespace": "sagemaker",
                "ResourceId": resource,
                "ScalableDimension": DIMENSION,
                "MinCapacity": "1",
                "MaxCapacity": str(most),
                "RoleARN": "arn:aws:iam::123456789012:role/any",
            },
        },
        "Policy": {
            "Type": "AWS::ApplicationAutoScaling::ScalingPolicy",
            "Properties": {
                "PolicyName": "busy",
                "PolicyType": "TargetTrackingScaling",
                "ScalingTargetId": {"Ref": "Target"},
                "TargetTrackingScalingPolicyConfiguration": {
                    "TargetValue": str(target),
                    "PredefinedMetricSpecification": metric,
                    "ScaleInCooldown": "60",
                    "DisableScaleIn": "true",
                },
            },
        },
    }


def test_a_variant_that_scales_comes_changes_and_goes_with_its_stack(aws: Core) -> None:
    client = aws.client("application-autoscaling")
    resource = f"endpoint/{uuid.uuid4().hex[:8]}/variant/all"
    about = {"ServiceNamespace": "sagemaker"}

    def told() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        targets = client.describe_scalable_targets(ResourceIds=[resource], **about)
        policies = client.describe_scaling_policies(ResourceId=resource, **about)
        return targets["ScalableTargets"], policies["ScalingPolicies"]

    stack = Stack(aws, scaling(resource, 2, 10), Id={"Ref": "Target"}, Arn={"Ref": "Policy"})
    made, ids = told(), stack.outputs
    stack.update(scaling(resource, 4, 20.5))
    changed = told()
    stack.delete()

    assert ids["Id"] == f"{resource}|{DIMENSION}|sagemaker"
    assert [each["PolicyARN"] for each in made[1]] == [ids["Arn"]]
    assert [(t["MinCapacity"], t["MaxCapacity"]) for t in (*made[0], *changed[0])] == [
        *((1, 2), (1, 4))
    ]
    followed = [p["TargetTrackingScalingPolicyConfiguration"] for p in (*made[1], *changed[1])]
    assert [each["TargetValue"] for each in followed] == [10, 20.5]
    assert [each["DisableScaleIn"] for each in followed] == [True, True]
    assert told() == ([], [])
