"""EventBridge, Scheduler and CloudWatch of the embedded AWS, with time in the test's hands."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from local import expressions
from local.alarms import Alarms
from local.clock import Clock
from local.cloud import Account
from local.errors import AwsError
from local.eventbridge import EventBus
from local.eventbridge.inputs import input_of
from local.metrics import Metrics
from local.queues import Queues
from local.scheduler import Scheduler
from tests.fakes.embedded_aws import core, eventually
from tests.fakes.recipients import Functions, Letters

SCALE = 10_000.0
SAMPLES = Path(__file__).parents[1] / "golden" / "foreign"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:any"
QUEUE = "arn:aws:sqs:us-east-1:123456789012:dead"
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


@dataclass
class World:
    functions: Functions
    queues: Letters
    bus: EventBus

    def rule(self, pattern: Mapping[str, Any], *, bus: str = "default", **target: Any) -> None:
        self.bus.handle(
            "PutRule", {"Name": "r", "EventBusName": bus, "EventPattern": json.dumps(pattern)}
        )
        aim = {"Id": "1", "Arn": FUNCTION, **target}
        self.bus.handle("PutTargets", {"Rule": "r", "EventBusName": bus, "Targets": [aim]})

    def emit(self) -> None:
        self.bus.emit(source="aws.test", detail_type="Happened", detail={"n": 1})


@pytest.fixture
def world() -> Iterator[World]:
    functions, queues = Functions(), Letters()
    bus = EventBus(Account("http://127.0.0.1:1"), Clock(SCALE), functions, queues)
    bus.start()
    yield World(functions, queues, bus)
    bus.stop()


def test_an_event_wakes_the_target_of_the_rule_it_matches(world: World) -> None:
    world.rule({"source": ["aws.test"]})

    world.emit()

    eventually(lambda: world.functions.payloads)
    assert world.functions.payloads[0]["detail"] == {"n": 1}
    assert world.functions.payloads[0]["source"] == "aws.test"


def test_a_bus_of_ones_own_hears_only_what_is_put_there(world: World) -> None:
    world.bus.handle("CreateEventBus", {"Name": "own"})
    world.rule({"source": [{"prefix": ""}]}, bus="own")

    world.emit()
    world.bus.handle(
        "PutEvents",
        {
            "Entries": [
                {"EventBusName": "own", "Source": "me", "DetailType": "T", "Detail": '{"m": 2}'}
            ]
        },
    )

    eventually(lambda: world.functions.payloads)
    assert [p["detail"] for p in world.functions.payloads] == [{"m": 2}]


def test_a_throttled_target_is_tried_again(world: World) -> None:
    world.functions.error = AwsError("TooManyRequestsException", "later", 429)
    world.functions.refusals = 2
    world.rule({"source": ["aws.test"]})

    world.emit()

    eventually(lambda: world.functions.payloads)
    assert world.functions.tries == 3
    assert world.queues.messages == []


def test_what_was_tried_often_enough_is_buried_with_the_reason(world: World) -> None:
    world.functions.error = AwsError("TooManyRequestsException", "later", 429)
    world.functions.refusals = 99
    world.rule(
        {"source": ["aws.test"]},
        RetryPolicy={"MaximumRetryAttempts": 1},
        DeadLetterConfig={"Arn": QUEUE},
    )

    world.emit()

    eventually(lambda: world.queues.messages)
    ((queue, body, attributes),) = world.queues.messages
    assert queue == QUEUE
    assert json.loads(body)["detail"] == {"n": 1}
    assert attributes["EXHAUSTED_RETRY_CONDITION"] == "MaximumRetryAttempts"
    assert attributes["RETRY_ATTEMPTS"] == "1"
    assert attributes["ERROR_CODE"] == "THROTTLING"


def test_a_target_that_is_not_there_is_not_tried_again(world: World) -> None:
    world.functions.error = AwsError("ResourceNotFoundException", "no such function", 404)
    world.functions.refusals = 99
    world.rule({"source": ["aws.test"]}, DeadLetterConfig={"Arn": QUEUE})

    world.emit()

    eventually(lambda: world.queues.messages)
    assert world.functions.tries == 1


OTHER_QUEUE = "arn:aws:sqs:us-east-1:123456789012:target"


def test_a_queue_that_is_not_there_is_not_tried_again(world: World) -> None:
    world.queues.missing = {OTHER_QUEUE}
    world.rule({"source": ["aws.test"]}, Arn=OTHER_QUEUE, DeadLetterConfig={"Arn": QUEUE})

    world.emit()

    eventually(lambda: world.queues.messages)
    ((queue, _, attributes),) = world.queues.messages
    assert (queue, attributes["RETRY_ATTEMPTS"], world.queues.tries) == (QUEUE, "0", 2)


def test_an_event_is_said_to_be_buried_only_when_it_is(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.queues.missing = {OTHER_QUEUE, QUEUE}
    world.rule({"source": ["aws.test"]}, Arn=OTHER_QUEUE, DeadLetterConfig={"Arn": QUEUE})

    world.emit()

    eventually(lambda: "the event is gone" in caplog.text)
    assert f"could not be sent to {QUEUE}" in caplog.text
    assert f"; sent to {QUEUE}" not in caplog.text


def test_sqs_refuses_with_an_error_of_aws() -> None:
    queues = Queues(core().account)

    with pytest.raises(AwsError) as raised:
        queues.send("arn:aws:sqs:us-east-1:123456789012:nobody-made-it", "{}", {})

    assert raised.value.code == "AWS.SimpleQueueService.NonExistentQueue"


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        (
            {"Source": "aws.s3", "DetailType": "T", "Detail": "{}"},
            "NotAuthorizedForSourceException",
        ),
        ({"Source": "me", "DetailType": "T", "Detail": "["}, "MalformedDetail"),
        ({"Source": "me", "DetailType": "T", "Detail": "[]"}, "MalformedDetail"),
        ({"Source": "me", "DetailType": "T"}, "InvalidArgument"),
    ],
)
def test_a_bad_entry_fails_alone(world: World, entry: dict[str, str], code: str) -> None:
    good = {"Source": "me", "DetailType": "T", "Detail": "{}"}

    answer = world.bus.handle("PutEvents", {"Entries": [entry, good]})

    assert answer["FailedEntryCount"] == 1
    assert answer["Entries"][0]["ErrorCode"] == code
    assert "EventId" in answer["Entries"][1]


def test_a_rate_fires_again_and_again_in_scaled_time(world: World) -> None:
    world.bus.handle("PutRule", {"Name": "tick", "ScheduleExpression": "rate(5 minutes)"})
    world.bus.handle("PutTargets", {"Rule": "tick", "Targets": [{"Id": "1", "Arn": FUNCTION}]})

    eventually(lambda: len(world.functions.payloads) >= 2)

    assert world.functions.payloads[0]["detail-type"] == "Scheduled Event"


def test_a_transformer_quotes_what_stands_in_quotes() -> None:
    event = {"time": "t", "detail": {"who": 'a "b"', "n": 3}}
    transformer = {
        "InputPathsMap": {"who": "$.detail.who", "n": "$.detail.n", "none": "$.detail.none"},
        "InputTemplate": '{"said": "<who> <n>", "number": <n>, "rule": <aws.events.rule-name>}',
    }

    text = input_of({"InputTransformer": transformer}, event, "arn", "r")

    assert json.loads(text) == {"said": 'a "b" 3', "number": 3, "rule": "r"}


@pytest.mark.parametrize(
    ("expression", "after", "due"),
    [
        ("cron(0 10 * * ? *)", "2026-01-01T09:00", "2026-01-01T10:00"),
        ("cron(0 10 * * ? *)", "2026-01-01T10:00", "2026-01-02T10:00"),
        ("cron(0/15 * * * ? *)", "2026-01-01T09:50", "2026-01-01T10:00"),
        ("cron(0 8 1 * ? *)", "2026-01-15T00:00", "2026-02-01T08:00"),
        ("cron(0 8 ? * MON-FRI *)", "2026-01-02T09:00", "2026-01-05T08:00"),
        ("cron(0 0 L 2 ? *)", "2026-01-01T00:00", "2026-02-28T00:00"),
        ("cron(0 0 ? * 2#1 *)", "2026-01-01T00:00", "2026-01-05T00:00"),
    ],
)
def test_cron_names_the_minute_aws_would(expression: str, after: str, due: str) -> None:
    found = expressions.next_cron(expression, datetime.fromisoformat(f"{after}+00:00"))

    assert found == datetime.fromisoformat(f"{due}+00:00")


@pytest.mark.parametrize("expression", ["rate(0 minutes)", "cron(* * * * * *)", "daily", "at(now)"])
def test_an_expression_aws_refuses_is_refused(expression: str) -> None:
    with pytest.raises(AwsError):
        expressions.check(expression)


@pytest.fixture
def scheduler(world: World) -> Scheduler:
    return Scheduler(
        Account("http://127.0.0.1:1"), Clock(SCALE), world.functions, world.queues, world.bus
    )


def a_schedule(name: str = "once", **fields: Any) -> dict[str, Any]:
    return {
        "Name": name,
        "ScheduleExpression": "at(2020-01-01T00:00:00)",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {"Arn": FUNCTION, "RoleArn": "role", "Input": '{"due": true}'},
        **fields,
    }


def test_a_schedule_of_the_past_fires_at_once_and_deletes_itself(
    world: World, scheduler: Scheduler
) -> None:
    scheduler.handle("CreateSchedule", a_schedule(ActionAfterCompletion="DELETE"))

    assert scheduler.fire_due() == 1

    assert world.functions.payloads == [{"due": True}]
    assert scheduler.handle("ListSchedules", {})["Schedules"] == []


def test_a_name_is_taken_unless_the_token_says_it_is_the_same_call(scheduler: Scheduler) -> None:
    scheduler.handle("CreateSchedule", a_schedule(ClientToken="one"))

    scheduler.handle("CreateSchedule", a_schedule(ClientToken="one"))
    with pytest.raises(AwsError, match="already exists"):
        scheduler.handle("CreateSchedule", a_schedule(ClientToken="two"))

    assert scheduler.fire_due() == 1


def test_a_schedule_may_speak_on_a_bus(world: World, scheduler: Scheduler) -> None:
    world.bus.handle("CreateEventBus", {"Name": "own"})
    world.rule({"source": ["me"]}, bus="own")
    target = {
        "Arn": "arn:aws:events:us-east-1:123456789012:event-bus/own",
        "RoleArn": "role",
        "Input": '{"step": 1}',
        "EventBridgeParameters": {"DetailType": "Due", "Source": "me"},
    }

    scheduler.handle("CreateSchedule", a_schedule(Target=target))
    scheduler.fire_due()

    eventually(lambda: world.functions.payloads)
    assert world.functions.payloads[0]["detail-type"] == "Due"
    assert world.functions.payloads[0]["detail"] == {"step": 1}


def test_a_deleted_schedule_does_not_fire(world: World, scheduler: Scheduler) -> None:
    scheduler.handle("CreateSchedule", a_schedule())
    scheduler.handle("DeleteSchedule", {"Name": "once"})

    scheduler.fire_due()

    assert world.functions.payloads == []


def fired_until(scheduler: Scheduler, seen: Callable[[], object]) -> None:
    def look() -> object:
        scheduler.fire_due()
        return seen()

    eventually(look)


def a_rate(target: str, **fields: Any) -> dict[str, Any]:
    aim = {"Arn": target, "RoleArn": "role", "Input": "{}", **fields}
    return a_schedule(ScheduleExpression="rate(1 minutes)", Target=aim)


def test_a_rate_goes_on_after_a_delivery_that_failed(world: World, scheduler: Scheduler) -> None:
    world.queues.missing = {OTHER_QUEUE}
    scheduler.handle("CreateSchedule", a_rate(OTHER_QUEUE))
    fired_until(scheduler, lambda: world.queues.tries)

    world.queues.missing = set()

    fired_until(scheduler, lambda: world.queues.messages)


def test_a_rate_goes_on_after_a_fault_nobody_expected(world: World, scheduler: Scheduler) -> None:
    world.functions.error = RuntimeError("broken")
    world.functions.refusals = 5
    scheduler.handle("CreateSchedule", a_rate(FUNCTION))

    fired_until(scheduler, lambda: world.functions.payloads)


def test_a_schedule_for_a_missing_queue_is_buried_at_once(
    world: World, scheduler: Scheduler
) -> None:
    world.queues.missing = {OTHER_QUEUE}
    target = {"Arn": OTHER_QUEUE, "RoleArn": "role", "DeadLetterConfig": {"Arn": QUEUE}}
    scheduler.handle("CreateSchedule", a_schedule(Target=target, ActionAfterCompletion="DELETE"))

    assert scheduler.fire_due() == 1

    ((queue, _, attributes),) = world.queues.messages
    assert queue == QUEUE
    assert attributes["ERROR_CODE"] == "AWS.SimpleQueueService.NonExistentQueue"
    assert scheduler.handle("ListSchedules", {})["Schedules"] == []


def test_a_schedule_whose_dead_letter_queue_is_missing_says_so(
    world: World, scheduler: Scheduler, caplog: pytest.LogCaptureFixture
) -> None:
    world.queues.missing = {OTHER_QUEUE, QUEUE}
    target = {"Arn": OTHER_QUEUE, "RoleArn": "role", "DeadLetterConfig": {"Arn": QUEUE}}
    scheduler.handle("CreateSchedule", a_schedule(Target=target))

    scheduler.fire_due()

    assert f"could not be sent to {QUEUE}" in caplog.text


def test_a_throttled_schedule_is_tried_again(world: World, scheduler: Scheduler) -> None:
    world.functions.error = AwsError("TooManyRequestsException", "later", 429)
    world.functions.refusals = 2
    scheduler.handle("CreateSchedule", a_schedule(ActionAfterCompletion="DELETE"))

    fired_until(scheduler, lambda: world.functions.payloads)

    assert world.functions.tries == 3
    assert scheduler.handle("ListSchedules", {})["Schedules"] == []


@dataclass
class Told:
    """A bus that remembers."""

    events: list[dict[str, Any]] = field(default_factory=list)

    def emit(self, **event: Any) -> str:
        self.events.append(event)
        return "id"


@dataclass
class Watching:
    metrics: Metrics
    alarms: Alarms
    told: Told

    def put(self, *values: float, ago: float = 1.0) -> None:
        for value in values:
            self.metrics.put("N", "Errors", {"V": "blue"}, value, at=NOW - timedelta(seconds=ago))

    def alarm(self, **fields: Any) -> None:
        self.alarms.handle(
            "PutMetricAlarm",
            {
                "AlarmName": "a",
                "Namespace": "N",
                "MetricName": "Errors",
                "Dimensions": [{"Name": "V", "Value": "blue"}],
                "Statistic": "Average",
                "Period": 60,
                "EvaluationPeriods": 1,
                "Threshold": 0.5,
                "ComparisonOperator": "GreaterThanThreshold",
                "TreatMissingData": "notBreaching",
                **fields,
            },
        )

    def state(self, now: datetime = NOW) -> str:
        self.alarms.evaluate(now)
        return str(self.alarms.handle("DescribeAlarms", {})["MetricAlarms"][0]["StateValue"])


@pytest.fixture
def watching() -> Watching:
    account, clock, told = Account("http://127.0.0.1:1"), Clock(), Told()
    metrics = Metrics(account, clock)
    return Watching(metrics, Alarms(account, clock, metrics, told), told)


def test_an_alarm_rings_on_bad_data_and_calms_when_it_has_passed(watching: Watching) -> None:
    watching.alarm()
    watching.put(1, 1, 0)

    assert watching.state() == "ALARM"
    assert watching.state(NOW + timedelta(minutes=2)) == "OK"
    assert [e["detail"]["state"]["value"] for e in watching.told.events] == ["ALARM", "OK"]


def test_an_alarm_tells_what_the_documented_event_tells(watching: Watching) -> None:
    watching.alarm(AlarmDescription="why")
    watching.put(1)
    watching.state()

    sample = json.loads((SAMPLES / "cloudwatch_alarm_state_change.json").read_text())["detail"]
    told = watching.told.events[0]["detail"]
    assert set(told) == set(sample)
    assert set(told["state"]) == set(sample["state"])
    metric, documented = (d["configuration"]["metrics"][0] for d in (told, sample))
    assert set(metric["metricStat"]["metric"]) == set(documented["metricStat"]["metric"])


@pytest.mark.parametrize(
    ("treat", "state"),
    [
        ("missing", "INSUFFICIENT_DATA"),
        ("notBreaching", "OK"),
        ("breaching", "ALARM"),
        ("ignore", "INSUFFICIENT_DATA"),
    ],
)
def test_silence_is_what_the_alarm_says_it_is(watching: Watching, treat: str, state: str) -> None:
    watching.alarm(TreatMissingData=treat)

    assert watching.state() == state


def test_two_of_three_periods_have_to_be_bad(watching: Watching) -> None:
    watching.alarm(EvaluationPeriods=3, DatapointsToAlarm=2)
    watching.put(1, ago=30)
    watching.put(0, ago=90)
    assert watching.state() == "OK"

    watching.put(1, ago=150)
    assert watching.state() == "ALARM"


def test_a_silent_period_is_filled_from_farther_back_before_it_is_judged(
    watching: Watching,
) -> None:
    watching.alarm(EvaluationPeriods=3, TreatMissingData="notBreaching")
    for ago in (90, 150, 270):
        watching.put(1, ago=ago)

    assert watching.state() == "ALARM"


def test_an_alarm_that_cannot_decide_keeps_its_state(watching: Watching) -> None:
    watching.alarm(EvaluationPeriods=3, TreatMissingData="ignore")
    for ago in (30, 90, 150):
        watching.put(1, ago=ago)
    assert watching.state() == "ALARM"

    assert watching.state(NOW + timedelta(minutes=3)) == "ALARM"


def test_a_reason_names_the_start_of_the_first_datapoint_it_looked_at(watching: Watching) -> None:
    watching.alarm(EvaluationPeriods=2)
    watching.put(1, ago=90)
    watching.put(2, ago=30)
    watching.state()

    reason = json.loads(watching.told.events[0]["detail"]["state"]["reasonData"])

    assert reason["startDate"] == "2026-01-01T11:58:00.000+0000"
    assert reason["recentDatapoints"] == [1.0, 2.0]


def test_a_late_sample_takes_its_place_in_a_full_series() -> None:
    metrics = Metrics(Account("http://127.0.0.1:1"), Clock())
    seconds = [timedelta(seconds=second) for second in range(120_000)]
    for second in seconds:
        metrics.put("N", "Errors", {}, 0.0, at=NOW + second)

    late = NOW + timedelta(seconds=110_000.5)
    metrics.put("N", "Errors", {}, 7.0, at=late)

    kept = metrics.values("N", "Errors", {}, NOW, NOW + timedelta(days=2))
    assert kept == sorted(kept)
    assert (late, 7.0) in kept
    assert 100_000 <= len(kept) <= 110_000


def test_a_percentile_is_exact(watching: Watching) -> None:
    watching.put(*range(1, 101))
    watching.alarm(Statistic=None, ExtendedStatistic="p99", Threshold=98.5)

    assert watching.state() == "ALARM"


def test_metric_data_comes_in_periods_from_the_start(watching: Watching) -> None:
    watching.put(1, 2, ago=100)
    watching.put(4, ago=10)
    query = {
        "Id": "q",
        "MetricStat": {
            "Metric": {
                "Namespace": "N",
                "MetricName": "Errors",
                "Dimensions": [{"Name": "V", "Value": "blue"}],
            },
            "Period": 60,
            "Stat": "Sum",
        },
    }

    answer = watching.metrics.handle(
        "GetMetricData",
        {
            "MetricDataQueries": [query],
            "StartTime": NOW - timedelta(minutes=2),
            "EndTime": NOW,
            "ScanBy": "TimestampAscending",
        },
    )

    assert answer["MetricDataResults"][0]["Values"] == [3, 4]
