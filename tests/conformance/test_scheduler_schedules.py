"""Scheduler: its expressions, errors, groups and targets."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.conformance.target import Target, refusal

OFF = {"Mode": "OFF"}
FAR = "at(2099-01-01T00:00:00)"


@pytest.fixture
def group(aws: Target) -> Iterator[str]:
    """A group of its own, gone with everything in it."""
    name = aws.name()
    aws.client("scheduler").create_schedule_group(Name=name)
    yield name
    aws.client("scheduler").delete_schedule_group(Name=name)


def a_schedule(aws: Target, group: str, **fields: Any) -> dict[str, Any]:
    target = {
        "Arn": f"arn:aws:sqs:{aws.region}:{aws.account}:nowhere",
        "RoleArn": f"arn:aws:iam::{aws.account}:role/conformance",
        **fields.pop("target", {}),
    }
    return {
        "Name": "s",
        "GroupName": group,
        "ScheduleExpression": FAR,
        "FlexibleTimeWindow": OFF,
        "Target": target,
        **fields,
    }


@pytest.mark.parametrize(
    "expression",
    [
        FAR,
        "rate(1 minute)",
        "rate(1 minutes)",
        "rate(5 hours)",
        "rate(10 days)",
        "cron(15 10 ? * 6L 2099-2100)",
        "cron(0 10 * * ? *)",
        "cron(0 9 ? * 2#1 *)",
        "cron(0 9 L * ? *)",
        "cron(0 9 3W * ? *)",
        "cron(0-15/5 8-8 ? * 2,3,4,5,6 *)",
    ],
)
def test_an_expression_of_the_documented_grammar_is_taken(
    aws: Target, group: str, expression: str
) -> None:
    scheduler = aws.client("scheduler")
    scheduler.create_schedule(
        **a_schedule(aws, group, ScheduleExpression=expression, State="DISABLED")
    )

    told = scheduler.get_schedule(Name="s", GroupName=group)

    assert told["ScheduleExpression"] == expression
    assert told["ScheduleExpressionTimezone"] == "UTC"
    assert told["Arn"] == (f"arn:aws:scheduler:{aws.region}:{aws.account}:schedule/{group}/s")


@pytest.mark.parametrize(
    "expression",
    [
        "rate(0 minutes)",
        "rate(-1 hours)",
        "rate(5 weeks)",
        "rate(5minutes)",
        "at(now)",
        "at(2099-13-01T00:00:00)",
        "at(2099-01-01)",
        "cron(* * * * * *)",
        "cron(0 10 * * *)",
        "cron(61 10 * * ? *)",
        "cron(0 10 ? * 9 *)",
        "daily",
    ],
)
def test_another_expression_is_refused(aws: Target, group: str, expression: str) -> None:
    found = refusal(
        aws.client("scheduler").create_schedule,
        **a_schedule(aws, group, ScheduleExpression=expression),
    )

    assert found == ("ValidationException", f"Invalid Schedule Expression {expression}.")


@pytest.mark.parametrize(
    "fields",
    [
        {"ScheduleExpressionTimezone": "Mars/Olympus"},
        {"FlexibleTimeWindow": {"Mode": "FLEXIBLE"}},
        {"FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 1441}},
        {"FlexibleTimeWindow": {"Mode": "SOMETIMES"}},
        {"State": "ASLEEP"},
        {"ActionAfterCompletion": "KEEP"},
        {"target": {"RetryPolicy": {"MaximumRetryAttempts": 186}}},
        {"target": {"RetryPolicy": {"MaximumEventAgeInSeconds": 59}}},
        {"target": {"Arn": "no-arn"}},
        {"target": {"Arn": "arn:aws:events:us-east-1:123456789012:event-bus/default"}},
        {"target": {"Arn": "arn:aws:scheduler:::aws-sdk:s3:listBuckets"}},
        {
            "StartDate": datetime(2099, 2, 1, tzinfo=UTC),
            "EndDate": datetime(2099, 1, 1, tzinfo=UTC),
        },
    ],
)
def test_a_schedule_that_cannot_be_is_refused(
    aws: Target, group: str, fields: dict[str, Any]
) -> None:
    scheduler = aws.client("scheduler", parameter_validation=False)

    code, _ = refusal(scheduler.create_schedule, **a_schedule(aws, group, **fields))

    assert code == "ValidationException"


def test_a_name_is_taken(aws: Target, group: str) -> None:
    scheduler = aws.client("scheduler")
    scheduler.create_schedule(**a_schedule(aws, group))

    found = refusal(scheduler.create_schedule, **a_schedule(aws, group))

    assert found == ("ConflictException", "Schedule s already exists.")


def test_the_same_token_means_the_same_call(aws: Target, group: str) -> None:
    scheduler, asked = aws.client("scheduler"), a_schedule(aws, group, ClientToken="one")

    first = scheduler.create_schedule(**asked)["ScheduleArn"]

    assert scheduler.create_schedule(**asked)["ScheduleArn"] == first


@pytest.mark.parametrize("call", ["get_schedule", "delete_schedule"])
def test_a_schedule_that_is_not_there_is_said_so(aws: Target, group: str, call: str) -> None:
    found = refusal(getattr(aws.client("scheduler"), call), Name="none", GroupName=group)

    assert found == ("ResourceNotFoundException", "Schedule none does not exist.")


@pytest.mark.parametrize("call", ["get_schedule_group", "delete_schedule_group"])
def test_a_group_that_is_not_there_is_said_so(aws: Target, call: str) -> None:
    name = aws.name()

    found = refusal(getattr(aws.client("scheduler"), call), Name=name)

    assert found == ("ResourceNotFoundException", f"Schedule group {name} does not exist.")


def test_a_schedule_needs_its_group(aws: Target) -> None:
    name = aws.name()

    found = refusal(aws.client("scheduler").create_schedule, **a_schedule(aws, name))

    assert found == ("ResourceNotFoundException", f"Schedule group {name} does not exist.")


def test_a_group_is_made_once(aws: Target, group: str) -> None:
    found = refusal(aws.client("scheduler").create_schedule_group, Name=group)

    assert found == ("ConflictException", f"Schedule group {group} already exists.")


def test_the_default_group_stays(aws: Target) -> None:
    code, _ = refusal(aws.client("scheduler").delete_schedule_group, Name="default")

    assert code == "ValidationException"


def test_an_update_replaces_everything(aws: Target, group: str) -> None:
    scheduler = aws.client("scheduler")
    scheduler.create_schedule(**a_schedule(aws, group, Description="d"))
    scheduler.update_schedule(
        **a_schedule(aws, group, ScheduleExpression="rate(9 days)", State="DISABLED")
    )

    told = scheduler.get_schedule(Name="s", GroupName=group)

    assert (told["ScheduleExpression"], told["State"]) == ("rate(9 days)", "DISABLED")
    assert "Description" not in told


def test_schedules_are_told_in_pages(aws: Target, group: str) -> None:
    scheduler = aws.client("scheduler")
    for number in range(3):
        scheduler.create_schedule(**a_schedule(aws, group, Name=f"s{number}"))

    first = scheduler.list_schedules(GroupName=group, MaxResults=2)
    second = scheduler.list_schedules(GroupName=group, MaxResults=2, NextToken=first["NextToken"])

    names = [each["Name"] for each in (*first["Schedules"], *second["Schedules"])]
    assert names == ["s0", "s1", "s2"]


def test_tags_of_a_group_come_and_go(aws: Target, group: str) -> None:
    scheduler = aws.client("scheduler")
    arn = scheduler.get_schedule_group(Name=group)["Arn"]
    scheduler.tag_resource(ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}])
    tagged = scheduler.list_tags_for_resource(ResourceArn=arn)["Tags"]
    scheduler.untag_resource(ResourceArn=arn, TagKeys=["a"])

    assert tagged == [{"Key": "a", "Value": "1"}]
    assert scheduler.list_tags_for_resource(ResourceArn=arn)["Tags"] == []


def _received(aws: Target, url: str) -> dict[str, Any]:
    sqs, deadline = aws.client("sqs"), time.monotonic() + 30
    while time.monotonic() < deadline:
        answer = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1, MessageAttributeNames=["All"])
        for message in answer.get("Messages", []):
            found: dict[str, Any] = message
            return found
    raise AssertionError("no message within 30 seconds")


@pytest.mark.embedded
@pytest.mark.parametrize("kind", ["templated", "universal"])
def test_a_schedule_that_is_due_sends_its_message(aws: Target, group: str, kind: str) -> None:
    url = aws.client("sqs").create_queue(QueueName=group)["QueueUrl"]
    target = {"Arn": f"arn:aws:sqs:{aws.region}:{aws.account}:{group}", "Input": "due"}
    if kind == "universal":
        request = json.dumps({"QueueUrl": url, "MessageBody": "due"})
        target = {"Arn": "arn:aws:scheduler:::aws-sdk:sqs:sendMessage", "Input": request}
    aws.client("scheduler").create_schedule(
        **a_schedule(
            aws,
            group,
            ScheduleExpression="at(2020-01-01T00:00:00)",
            ActionAfterCompletion="DELETE",
            target=target,
        )
    )

    message = _received(aws, url)

    assert message["Body"] == "due"
    assert aws.client("scheduler").list_schedules(GroupName=group)["Schedules"] == []


@pytest.mark.embedded
def test_a_schedule_without_its_target_leaves_a_dead_letter(aws: Target, group: str) -> None:
    url = aws.client("sqs").create_queue(QueueName=group)["QueueUrl"]
    letters = f"arn:aws:sqs:{aws.region}:{aws.account}:{group}"
    aws.client("scheduler").create_schedule(
        **a_schedule(
            aws,
            group,
            ScheduleExpression="at(2020-01-01T00:00:00)",
            target={"Input": "due", "DeadLetterConfig": {"Arn": letters}},
        )
    )

    message = _received(aws, url)

    said = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert message["Body"] == "due"
    assert (said["RETRY_ATTEMPTS"], said["SCHEDULED_TIME"]) == ("0", "2020-01-01T00:00:00Z")
    assert said["ERROR_CODE"] == "AWS.SimpleQueueService.NonExistentQueue"
