"""What the stack asks for what failed, taken by the embedded AWS: dead letters and their alarms."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

from events.catalog import DropOverdue
from functions.aws.schedules import Schedules
from local.alarms import Alarms
from local.clock import Clock
from local.cloud import Account
from local.errors import AwsError
from local.metrics import Metrics
from local.scheduler import Scheduler
from tests.builders import MODEL, NOON
from tests.fakes.client import FakeClient
from tests.fakes.embedded_aws import core

ACCOUNT = Account("http://127.0.0.1:1")
BUS = "arn:aws:events:us-east-1:123456789012:event-bus/sluice-dev"
UNDELIVERED = "arn:aws:sqs:us-east-1:123456789012:undelivered"
ALARM: dict[str, Any] = {
    "ComparisonOperator": "GreaterThanThreshold",
    "EvaluationPeriods": 3,
    "Namespace": "AWS/SQS",
    "MetricName": "ApproximateNumberOfMessagesVisible",
    "Dimensions": [{"Name": "QueueName", "Value": {"Fn::GetAtt": ["Failed", "QueueName"]}}],
    "Period": 300,
    "Statistic": "Maximum",
    "Threshold": 0,
    "TreatMissingData": "notBreaching",
}


@dataclass
class BusyBus:
    """A bus that takes nothing now."""

    tries: int = 0

    def handle(self, action: str, request: dict[str, Any]) -> dict[str, Any]:
        self.tries += 1
        raise AwsError("ThrottlingException", "the bus is busy")


@dataclass
class Kept:
    """Remembers what was buried and what was emitted."""

    buried: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    emitted: list[str] = field(default_factory=list)

    def send(self, queue_arn: str, body: str, attributes: Mapping[str, str]) -> None:
        self.buried.append((queue_arn, attributes))

    def emit(self, *, source: str, detail_type: str, detail: Any, resources: Any) -> str:
        self.emitted.append(detail["state"]["value"])
        return ""

    def invoke_async(self, function: str, payload: bytes) -> None:
        raise AssertionError(f"{function} was invoked")


def test_a_schedule_of_ours_that_no_bus_takes_is_buried_with_the_undelivered() -> None:
    asked, kept, bus = FakeClient(), Kept(), BusyBus()
    scheduler = Scheduler(ACCOUNT, Clock(1e9), kept, kept, bus)
    schedules = Schedules(
        cast("Any", asked),
        group="default",
        role_arn="role",
        bus_arn=BUS,
        undelivered_arn=UNDELIVERED,
    )

    schedules.say(DropOverdue(model=MODEL, drop="monday"), at=NOON.replace(year=2020), name="drop")
    scheduler.handle("CreateSchedule", asked.request("create_schedule"))
    while scheduler.fire_due():
        pass

    assert bus.tries == 186
    ((queue, attributes),) = kept.buried
    assert (queue, attributes["ERROR_CODE"]) == (UNDELIVERED, "ThrottlingException")
    assert scheduler.handle("ListSchedules", {})["Schedules"] == []


def test_an_alarm_without_a_name_is_deployed_under_the_stacks_own() -> None:
    aws = core()
    template = {
        "Resources": {
            "Failed": {"Type": "AWS::SQS::Queue"},
            "Letters": {"Type": "AWS::CloudWatch::Alarm", "Properties": ALARM},
        }
    }

    aws.client("cloudformation").create_stack(
        StackName="Sluice-dev", TemplateBody=json.dumps(template)
    )
    (asked,) = [r for a, r in aws.alarms.calls if a == "PutMetricAlarm" and _of_the_stack(r)]
    aws.client("cloudformation").delete_stack(StackName="Sluice-dev")

    assert asked["AlarmName"].startswith("Sluice-dev-Letters-")
    assert asked["Dimensions"][0]["Value"].startswith("Sluice-dev-Failed-")


def _of_the_stack(request: Mapping[str, Any]) -> bool:
    return str(request["AlarmName"]).startswith("Sluice-dev")


def test_an_alarm_on_a_metric_that_never_comes_is_ok_and_says_so_once() -> None:
    clock, kept = Clock(1.0), Kept()
    alarms = Alarms(ACCOUNT, clock, Metrics(ACCOUNT, clock), kept)
    dimensions = [{"Name": "QueueName", "Value": "failed"}]
    alarms.handle("PutMetricAlarm", {**ALARM, "AlarmName": "letters", "Dimensions": dimensions})

    for minute in range(30):
        alarms.evaluate(clock.now() + timedelta(minutes=minute))

    assert kept.emitted == ["OK"]


def test_the_alarm_rings_once_something_lies_in_the_queue() -> None:
    clock, kept = Clock(1.0), Kept()
    metrics = Metrics(ACCOUNT, clock)
    alarms = Alarms(ACCOUNT, clock, metrics, kept)
    dimensions = [{"Name": "QueueName", "Value": "failed"}]
    settings = {**ALARM, "EvaluationPeriods": 1, "AlarmName": "letters", "Dimensions": dimensions}
    alarms.handle("PutMetricAlarm", settings)

    metrics.put(ALARM["Namespace"], ALARM["MetricName"], {"QueueName": "failed"}, 1.0)
    alarms.evaluate(clock.now() + timedelta(seconds=1))

    assert kept.emitted == ["ALARM"]
