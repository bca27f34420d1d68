"""What alarms look at and whom they tell, without a server around them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.alarms import Alarms
from local.clock import Clock
from local.cloud import Account
from local.cloudwatch import CloudWatch
from local.errors import AwsError
from local.fidelity.cloudwatch import OPERATIONS
from local.metrics import Metrics
from tests.fakes.embedded_aws import eventually

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:ring"
ALARM: Mapping[str, Any] = {
    "AlarmName": "errors",
    "Namespace": "app",
    "MetricName": "Errors",
    "Statistic": "Sum",
    "Period": 60,
    "EvaluationPeriods": 1,
    "Threshold": 1.0,
    "ComparisonOperator": "GreaterThanThreshold",
    "TreatMissingData": "ignore",
}


@dataclass
class Told:
    """A bus and functions that keep what they hear."""

    events: list[Mapping[str, Any]] = field(default_factory=list)
    invoked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def emit(
        self, *, source: str, detail_type: str, detail: Mapping[str, Any], resources: Sequence[str]
    ) -> str:
        self.events.append(detail)
        return "id"

    def invoke_async(self, function: str, payload: bytes) -> None:
        self.invoked.append((function, json.loads(payload)))


class World:
    def __init__(self) -> None:
        self.account = account = Account("http://127.0.0.1:1")
        clock = Clock()
        self.told = Told()
        self.metrics = Metrics(account, clock)
        self.alarms = Alarms(account, clock, self.metrics, self.told, self.told)
        self.api = CloudWatch(account, clock, self.metrics, self.alarms)

    def __call__(self, action: str, **request: Any) -> dict[str, Any]:
        return self.api.handle(action, request)

    def state(self) -> str:
        self.alarms.evaluate(NOW)
        return str(self("DescribeAlarms")["MetricAlarms"][0]["StateValue"])


@pytest.fixture
def world() -> World:
    return World()


def test_the_table_of_fidelity_names_what_is_answered(world: World) -> None:
    assert set(OPERATIONS) == set(world.api.operations)


def test_an_alarm_invokes_a_function_with_the_documented_event(world: World) -> None:
    world("PutMetricAlarm", **ALARM, AlarmActions=[FUNCTION], AlarmDescription="why")
    world.alarms.start()
    world("SetAlarmState", AlarmName="errors", StateValue="ALARM", StateReason="a test")

    function, event = eventually(lambda: world.told.invoked)[0]
    world.alarms.stop()

    assert function == FUNCTION
    assert set(event) == {"source", "alarmArn", "accountId", "time", "region", "alarmData"}
    data = event["alarmData"]
    assert (data["alarmName"], data["state"]["value"]) == ("errors", "ALARM")
    assert data["previousState"]["value"] == "INSUFFICIENT_DATA"
    assert data["configuration"]["description"] == "why"
    metric = data["configuration"]["metrics"][0]["metricStat"]["metric"]
    assert metric == {"namespace": "app", "name": "Errors", "dimensions": {}}


def test_a_suppressed_alarm_does_nothing_and_still_changes(world: World) -> None:
    world("PutMetricAlarm", **ALARM)
    world("SetAlarmState", AlarmName="errors", StateValue="ALARM", StateReason="a test")
    world(
        "PutCompositeAlarm",
        AlarmName="quiet",
        AlarmRule="TRUE",
        AlarmActions=[FUNCTION],
        ActionsSuppressor="errors",
        ActionsSuppressorWaitPeriod=0,
        ActionsSuppressorExtensionPeriod=0,
    )

    world.alarms.evaluate(NOW)

    told = world("DescribeAlarms", AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
    assert told[0]["StateValue"] == "ALARM"
    assert world("DescribeAlarmHistory", AlarmName="quiet", HistoryItemType="Action") == {
        "AlarmHistoryItems": []
    }


@pytest.mark.parametrize(
    ("comparison", "value", "state"),
    [
        ("LessThanLowerOrGreaterThanUpperThreshold", 10.0, "OK"),
        ("LessThanLowerOrGreaterThanUpperThreshold", 30.0, "ALARM"),
        ("LessThanLowerOrGreaterThanUpperThreshold", -30.0, "ALARM"),
        ("GreaterThanUpperThreshold", 30.0, "ALARM"),
        ("GreaterThanUpperThreshold", -30.0, "OK"),
        ("LessThanLowerThreshold", -30.0, "ALARM"),
        ("LessThanLowerThreshold", 30.0, "OK"),
    ],
)
def test_what_leaves_its_band_rings(
    world: World, comparison: str, value: float, state: str
) -> None:
    for minute in range(2, 40):
        at = NOW - timedelta(minutes=minute)
        world.metrics.put("app", "Errors", {}, 9.0 + minute % 3, at=at)
    world.metrics.put("app", "Errors", {}, value, at=NOW - timedelta(seconds=30))
    stat = {
        "Metric": {"Namespace": "app", "MetricName": "Errors"},
        "Period": 60,
        "Stat": "Average",
    }
    world(
        "PutMetricAlarm",
        AlarmName="odd",
        EvaluationPeriods=1,
        ComparisonOperator=comparison,
        ThresholdMetricId="band",
        Metrics=[
            {"Id": "m1", "MetricStat": stat, "ReturnData": True},
            {"Id": "band", "Expression": "ANOMALY_DETECTION_BAND(m1, 3)", "ReturnData": True},
        ],
    )

    assert world.state() == state


def test_without_a_past_there_is_no_band_and_no_verdict(world: World) -> None:
    stat = {"Metric": {"Namespace": "app", "MetricName": "New"}, "Period": 60, "Stat": "Sum"}
    world.metrics.put("app", "New", {}, 1.0, at=NOW - timedelta(seconds=30))
    world(
        "PutMetricAlarm",
        AlarmName="odd",
        EvaluationPeriods=1,
        ComparisonOperator="GreaterThanUpperThreshold",
        ThresholdMetricId="band",
        Metrics=[
            {"Id": "m1", "MetricStat": stat},
            {"Id": "band", "Expression": "ANOMALY_DETECTION_BAND(m1)"},
        ],
    )

    assert world.state() == "INSUFFICIENT_DATA"


def test_a_composite_alarm_outlasts_its_process() -> None:
    world = World()
    world("PutMetricAlarm", **ALARM)
    world("PutCompositeAlarm", AlarmName="both", AlarmRule="ALARM(errors) OR TRUE")
    world.alarms.evaluate(NOW)

    after = Alarms(world.account, Clock(), world.metrics, world.told)

    (told,) = after.handle("DescribeAlarms", {"AlarmTypes": ["CompositeAlarm"]})["CompositeAlarms"]
    assert (told["AlarmName"], told["StateValue"]) == ("both", "ALARM")


def test_one_name_is_one_alarm(world: World) -> None:
    world("PutMetricAlarm", **ALARM)

    with pytest.raises(AwsError, match="metric alarm already: errors"):
        world("PutCompositeAlarm", AlarmName="errors", AlarmRule="TRUE")
