"""What EventBridge and Scheduler answered is there after `kill -9` of the whole process."""

import json
import os
import signal
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.target import Target, embedded
from tests.fakes.embedded_aws import eventually

BUS = "arn:aws:events:us-east-1:123456789012:event-bus/own"


def killed(aws: Target) -> None:
    with urllib.request.urlopen(f"{aws.url}/_local/health") as answer:
        os.kill(json.load(answer)["pid"], signal.SIGKILL)


def put(aws: Target, *, number: int) -> None:
    entry = {"EventBusName": "own", "Source": "me", "DetailType": "T", "Detail": "{}"}
    aws.client("events").put_events(Entries=[entry] * number)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


def test_everything_that_was_answered_is_there_after_a_kill(folder: Path) -> None:
    with embedded(folder=folder) as aws:
        events, scheduler = aws.client("events"), aws.client("scheduler")
        events.create_event_bus(Name="own", Tags=[{"Key": "k", "Value": "v"}])
        events.create_archive(ArchiveName="all", EventSourceArn=BUS)
        put(aws, number=10)
        scheduler.create_schedule(
            Name="far",
            ScheduleExpression="at(2099-01-01T00:00:00)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": "arn:aws:sqs:us-east-1:123456789012:q", "RoleArn": "arn:aws:iam::1:r"},
        )
        told = _told(aws)
        killed(aws)

    with embedded(folder=folder) as aws:
        assert _told(aws) == told
        assert told[1]["EventCount"] == 10


def _told(aws: Target) -> list[dict[str, Any]]:
    events, scheduler = aws.client("events"), aws.client("scheduler")
    calls: list[Callable[[], dict[str, Any]]] = [
        lambda: events.describe_event_bus(Name="own"),
        lambda: events.describe_archive(ArchiveName="all"),
        lambda: events.list_tags_for_resource(ResourceARN=BUS),
        lambda: scheduler.get_schedule(Name="far"),
    ]
    return [{k: v for k, v in call().items() if k != "ResponseMetadata"} for call in calls]


def test_what_a_busy_target_is_owed_outlives_a_kill(folder: Path) -> None:
    """The queue takes no message without a deduplication id, so that each try fails."""
    with embedded("--time-scale", "1", folder=folder) as aws:
        events = aws.client("events")
        events.create_event_bus(Name="own")
        events.put_rule(Name="busy", EventBusName="own", EventPattern='{"source": ["me"]}')
        aws.client("sqs").create_queue(QueueName="q.fifo", Attributes={"FifoQueue": "true"})
        aim = {
            "Id": "1",
            "Arn": "arn:aws:sqs:us-east-1:123456789012:q.fifo",
            "SqsParameters": {"MessageGroupId": "g"},
            "RetryPolicy": {"MaximumRetryAttempts": 2},
        }
        events.put_targets(Rule="busy", EventBusName="own", Targets=[aim])
        put(aws, number=1)
        killed(aws)
    log = folder / "local.log"
    log.write_text("")

    with embedded(folder=folder):
        eventually(
            lambda: "rule busy" in log.read_text() and "the event is gone" in log.read_text()
        )
