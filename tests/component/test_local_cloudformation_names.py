"""Names that templates give: what stands under one already is nobody's to take."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.fakes.embedded_aws import Core, core, eventually

ROLE = "arn:aws:iam::123456789012:role/any"
BUS = "arn:aws:events:us-east-1:123456789012:event-bus/default"
ALLOWED = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}
DOCUMENT = {"Version": "2012-10-17", "Statement": [ALLOWED]}
METRIC = {
    "MetricName": "m",
    "Namespace": "n",
    "Statistic": "Sum",
    "Period": 60,
    "EvaluationPeriods": 1,
    "Threshold": 1,
    "ComparisonOperator": "GreaterThanThreshold",
}
KEY = {"AttributeName": "id", "KeyType": "HASH"}
TABLE = {
    "BillingMode": "PAY_PER_REQUEST",
    "KeySchema": [KEY],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
}
CODE = {"ZipFile": "def handle(event, context): return 1\n"}
FUNCTION = {"Code": CODE, "Handler": "index.handle", "Runtime": "python3.12", "Role": ROLE}
SCHEDULE = {
    "ScheduleExpression": "rate(1 day)",
    "FlexibleTimeWindow": {"Mode": "OFF"},
    "Target": {
        "Arn": f"{BUS}",
        "RoleArn": ROLE,
        "EventBridgeParameters": {"DetailType": "t", "Source": "s"},
    },
}
NAMED: dict[str, tuple[str, dict[str, Any]]] = {
    "AWS::CloudWatch::Alarm": ("AlarmName", METRIC),
    "AWS::CloudWatch::CompositeAlarm": ("AlarmName", {"AlarmRule": "FALSE"}),
    "AWS::CloudWatch::Dashboard": ("DashboardName", {"DashboardBody": '{"widgets": []}'}),
    "AWS::DynamoDB::GlobalTable": ("TableName", {**TABLE, "Replicas": [{"Region": "us-east-1"}]}),
    "AWS::DynamoDB::Table": ("TableName", TABLE),
    "AWS::ECR::Repository": ("RepositoryName", {}),
    "AWS::Events::Archive": ("ArchiveName", {"SourceArn": BUS, "RetentionDays": 1}),
    "AWS::Events::EventBus": ("Name", {}),
    "AWS::Events::Rule": ("Name", {"EventPattern": {"source": ["s"]}}),
    "AWS::IAM::ManagedPolicy": ("ManagedPolicyName", {"PolicyDocument": DOCUMENT}),
    "AWS::IAM::Role": ("RoleName", {"AssumeRolePolicyDocument": DOCUMENT}),
    "AWS::Lambda::Function": ("FunctionName", FUNCTION),
    "AWS::Logs::LogGroup": ("LogGroupName", {}),
    "AWS::S3::Bucket": ("BucketName", {}),
    "AWS::SNS::Topic": ("TopicName", {}),
    "AWS::SQS::Queue": ("QueueName", {}),
    "AWS::SSM::Parameter": ("Name", {"Type": "String", "Value": "v"}),
    "AWS::SageMaker::ModelPackageGroup": ("ModelPackageGroupName", {}),
    "AWS::Scheduler::Schedule": ("Name", SCHEDULE),
    "AWS::Scheduler::ScheduleGroup": ("Name", {}),
}


class Stacks:
    """Two stacks that want one name."""

    def __init__(self, aws: Core) -> None:
        self.formation = aws.client("cloudformation")
        self.names: list[str] = []

    def create(self, kind: str, properties: dict[str, Any]) -> str:
        name = f"Names-{uuid.uuid4().hex[:8]}"
        resource = {"Type": kind, "Properties": properties}
        self.formation.create_stack(
            StackName=name, TemplateBody=json.dumps({"Resources": {"Named": resource}})
        )
        self.names.append(name)
        return name

    def status(self, name: str) -> str:
        """Once nothing is in progress any more."""

        def settled() -> str:
            told = self.formation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
            return "" if told.endswith("_IN_PROGRESS") else str(told)

        return eventually(settled)

    def living(self) -> list[str]:
        return [each["StackName"] for each in self.formation.describe_stacks()["Stacks"]]

    def reasons(self, name: str) -> list[str]:
        events = self.formation.describe_stack_events(StackName=name)["StackEvents"]
        return [each.get("ResourceStatusReason", "") for each in events]

    def update(self, name: str, kind: str, properties: dict[str, Any]) -> str:
        resource = {"Type": kind, "Properties": properties}
        self.formation.update_stack(
            StackName=name, TemplateBody=json.dumps({"Resources": {"Named": resource}})
        )
        return self.status(name)


@pytest.fixture
def stacks() -> Iterator[Stacks]:
    made = Stacks(core())
    yield made
    for name in reversed(made.names):
        made.formation.delete_stack(StackName=name)


@pytest.mark.parametrize("kind", NAMED)
def test_a_name_that_is_taken_fails_the_stack_and_leaves_what_has_it(
    stacks: Stacks, kind: str
) -> None:
    member, properties = NAMED[kind]
    own = f"named-{uuid.uuid4().hex[:8]}"
    first = stacks.create(kind, {**properties, member: own})
    assert stacks.status(first) == "CREATE_COMPLETE", stacks.reasons(first)

    second = stacks.create(kind, {**properties, member: own})

    assert stacks.status(second) == "ROLLBACK_COMPLETE"
    told = f"Resource of type '{kind}' with identifier '{own}' already exists."
    assert told in stacks.reasons(second)
    third = stacks.create(kind, {**properties, member: own})
    assert stacks.status(third) == "ROLLBACK_COMPLETE"
    assert told in stacks.reasons(third)


@pytest.mark.parametrize("kind", NAMED)
def test_a_name_that_is_free_again_can_be_given_again(stacks: Stacks, kind: str) -> None:
    member, properties = NAMED[kind]
    own = f"named-{uuid.uuid4().hex[:8]}"
    first = stacks.create(kind, {**properties, member: own})
    stacks.formation.delete_stack(StackName=first)
    eventually(lambda: first not in stacks.living())

    again = stacks.create(kind, {**properties, member: own})

    assert stacks.status(again) == "CREATE_COMPLETE", stacks.reasons(again)


def test_a_named_resource_that_would_have_to_be_replaced_is_refused(stacks: Stacks) -> None:
    own = f"named-{uuid.uuid4().hex[:8]}"
    kind, other = "AWS::DynamoDB::Table", {"AttributeName": "other", "KeyType": "HASH"}
    name = stacks.create(kind, {**TABLE, "TableName": own})
    definitions = [{"AttributeName": "other", "AttributeType": "S"}]

    status = stacks.update(
        name,
        kind,
        {
            **TABLE,
            "TableName": own,
            "KeySchema": [other],
            "AttributeDefinitions": definitions,
        },
    )

    assert status == "UPDATE_ROLLBACK_COMPLETE"
    told = (
        "CloudFormation cannot update a stack when a custom-named resource requires replacing."
        f" Rename {own} and update the stack again."
    )
    assert any(told in each for each in stacks.reasons(name))


def test_a_global_table_without_a_name_is_given_one_of_its_own(stacks: Stacks) -> None:
    kind, (_, properties) = "AWS::DynamoDB::GlobalTable", NAMED["AWS::DynamoDB::GlobalTable"]
    name = f"Names-{uuid.uuid4().hex[:8]}"
    resource = {"Type": kind, "Properties": properties}
    body = json.dumps({"Resources": {"Named": resource}})
    stacks.formation.create_stack(StackName=name, TemplateBody=body)
    stacks.names.append(name)

    assert stacks.status(name) == "CREATE_COMPLETE"
    told = stacks.formation.describe_stack_resources(StackName=name)["StackResources"]

    assert not told[0]["PhysicalResourceId"].endswith("-")
