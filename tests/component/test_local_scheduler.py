"""Scheduler with its timers in the test's hands, and over one store twice."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from local import expressions
from local.clock import Clock
from local.cloud import Account
from local.errors import AwsError
from local.scheduler import Scheduler
from local.store import Store
from tests.fakes.embedded_aws import eventually
from tests.fakes.recipients import Functions, Letters

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:any"
QUEUE = "arn:aws:sqs:us-east-1:123456789012:dead"
SOON = (datetime.now(UTC) + timedelta(hours=5)).replace(microsecond=0, tzinfo=None).isoformat()


class NoBus:
    """No schedule here speaks on a bus."""

    def handle(self, action: str, request: dict[str, Any]) -> dict[str, Any]:
        raise AssertionError(action)


@dataclass
class Life:
    """One store, and as many schedulers over it as the test makes."""

    functions: Functions = field(default_factory=Functions)
    letters: Letters = field(default_factory=Letters)
    store: Store = field(default_factory=Store)
    chosen: list[float] = field(default_factory=list)

    def scheduler(self, scale: float = 1.0) -> Scheduler:
        account = Account("http://127.0.0.1:1", store=self.store)
        return Scheduler(
            account, Clock(scale), self.functions, self.letters, NoBus(), within=self._whole
        )

    def _whole(self, window: float) -> float:
        self.chosen.append(window)
        return window


@pytest.fixture
def life() -> Life:
    return Life()


def a_schedule(**fields: Any) -> dict[str, Any]:
    target = {"Arn": FUNCTION, "RoleArn": "role", "Input": "{}", **fields.pop("target", {})}
    return {
        "Name": "s",
        "ScheduleExpression": "at(2020-01-01T00:00:00)",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": target,
        **fields,
    }


def until(scheduler: Scheduler, seen: Callable[[], object]) -> None:
    def look() -> object:
        scheduler.fire_due()
        return seen()

    eventually(look)


def test_a_schedule_stays_as_it_was_written(life: Life) -> None:
    first = life.scheduler()
    asked = a_schedule(
        ScheduleExpression="cron(0 8 ? * MON-FRI *)",
        ScheduleExpressionTimezone="Europe/Berlin",
        StartDate=datetime(2030, 1, 1, tzinfo=UTC),
        Description="mornings",
    )
    first.handle("CreateSchedule", asked)

    told = life.scheduler().handle("GetSchedule", {"Name": "s"})

    assert told == first.handle("GetSchedule", {"Name": "s"})
    assert told["StartDate"] == datetime(2030, 1, 1, tzinfo=UTC)


def test_a_one_shot_that_fell_due_meanwhile_fires_at_the_start(life: Life) -> None:
    life.scheduler().handle("CreateSchedule", a_schedule(ActionAfterCompletion="DELETE"))

    again = life.scheduler()
    again.start()

    eventually(lambda: life.functions.payloads)
    again.stop()
    assert again.handle("ListSchedules", {})["Schedules"] == []


def test_a_one_shot_that_fired_does_not_fire_again(life: Life) -> None:
    first = life.scheduler()
    first.handle("CreateSchedule", a_schedule())
    first.fire_due()

    again = life.scheduler()
    again.start()
    again.stop()

    assert again.fire_due() == 0
    assert life.functions.payloads == [{}]


def test_an_occurrence_that_is_owed_is_tried_after_the_restart(life: Life) -> None:
    life.functions.error = AwsError("TooManyRequestsException", "later", 429)
    life.functions.refusals = 1
    first = life.scheduler()
    first.handle("CreateSchedule", a_schedule(ActionAfterCompletion="DELETE"))
    first.fire_due()
    assert life.functions.payloads == []

    again = life.scheduler()
    again.start()

    eventually(lambda: life.functions.payloads)
    eventually(lambda: not life.store.shelf("scheduler.owed").all())
    again.stop()


def test_a_window_delays_by_as_much_as_is_chosen(life: Life) -> None:
    scheduler = life.scheduler()
    window = {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15}

    scheduler.handle("CreateSchedule", a_schedule(FlexibleTimeWindow=window))
    scheduler.handle(
        "CreateSchedule",
        a_schedule(Name="soon", FlexibleTimeWindow=window, ScheduleExpression=f"at({SOON})"),
    )

    assert life.chosen == [900.0, 900.0]
    fires = life.store.shelf("scheduler.due").get("default/soon")
    assert fires["fires"] - fires["due"] == pytest.approx(
        timedelta(minutes=15), abs=timedelta(seconds=5)
    )


def test_a_rate_fires_at_once_and_again(life: Life) -> None:
    scheduler = life.scheduler(scale=10_000.0)
    scheduler.handle("CreateSchedule", a_schedule(ScheduleExpression="rate(1 minutes)"))

    until(scheduler, lambda: len(life.functions.payloads) >= 4)


def test_a_rate_begins_with_its_start_date(life: Life) -> None:
    scheduler = life.scheduler()
    start = datetime.now(UTC) + timedelta(hours=1)
    scheduler.handle(
        "CreateSchedule", a_schedule(ScheduleExpression="rate(1 minutes)", StartDate=start)
    )

    assert scheduler.fire_due() == 0
    assert life.store.shelf("scheduler.due").get("default/s")["due"] == start


def test_a_rate_ends_with_its_end_date(life: Life) -> None:
    scheduler = life.scheduler(scale=1e9)
    end = datetime.now(UTC) + timedelta(minutes=150)
    scheduler.handle(
        "CreateSchedule",
        a_schedule(ScheduleExpression="rate(1 hour)", EndDate=end, ActionAfterCompletion="DELETE"),
    )

    until(scheduler, lambda: scheduler.handle("ListSchedules", {})["Schedules"] == [])

    assert len(life.functions.payloads) == 3


def test_a_disabled_schedule_says_nothing(life: Life) -> None:
    scheduler = life.scheduler()
    scheduler.handle("CreateSchedule", a_schedule(State="DISABLED"))

    scheduler.fire_due()

    assert life.functions.payloads == []


def test_the_input_tells_of_its_occurrence(life: Life) -> None:
    text = {
        "schedule": "<aws.scheduler.schedule-arn>",
        "time": "<aws.scheduler.scheduled-time>",
        "execution": "<aws.scheduler.execution-id>",
        "attempt": "<aws.scheduler.attempt-number>",
    }
    life.functions.error = AwsError("TooManyRequestsException", "later", 429)
    life.functions.refusals = 1
    scheduler = life.scheduler(scale=1e6)
    scheduler.handle("CreateSchedule", a_schedule(target={"Input": json.dumps(text)}))

    until(scheduler, lambda: life.functions.payloads)

    (told,) = life.functions.payloads
    assert told["schedule"] == "arn:aws:scheduler:us-east-1:123456789012:schedule/default/s"
    assert told["time"] == "2020-01-01T00:00:00Z"
    assert (len(told["execution"]), told["attempt"]) == (36, "2")


def test_a_dead_letter_says_what_became_of_the_occurrence(life: Life) -> None:
    life.functions.error = AwsError("TooManyRequestsException", "later", 429)
    life.functions.refusals = 9
    policy = {"MaximumRetryAttempts": 1}
    target = {"RetryPolicy": policy, "DeadLetterConfig": {"Arn": QUEUE}, "Input": '{"a": 1}'}
    scheduler = life.scheduler(scale=1e6)
    scheduler.handle("CreateSchedule", a_schedule(target=target))

    until(scheduler, lambda: life.letters.messages)

    ((queue, body, said),) = life.letters.messages
    attributes = dict(said)
    assert (queue, body) == (QUEUE, '{"a": 1}')
    assert len(attributes.pop("EXECUTION_ID")) == 36
    assert attributes == {
        "ERROR_CODE": "TooManyRequestsException",
        "ERROR_MESSAGE": "later",
        "EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts",
        "IS_PAYLOAD_TRUNCATED": "false",
        "RETRY_ATTEMPTS": "1",
        "SCHEDULED_TIME": "2020-01-01T00:00:00Z",
        "SCHEDULE_ARN": "arn:aws:scheduler:us-east-1:123456789012:schedule/default/s",
        "TARGET_ARN": FUNCTION,
    }


@dataclass
class Slow(Functions):
    """Takes its time for the first."""

    free: Event = field(default_factory=Event)

    def invoke_async(self, function: str, payload: bytes) -> None:
        if not self.payloads and json.loads(payload) == "slow":
            self.free.wait(30)
        super().invoke_async(function, payload)


def test_a_target_that_takes_its_time_keeps_no_other_waiting() -> None:
    functions = Slow()
    life = Life(functions=functions)
    scheduler = life.scheduler()
    scheduler.start()

    scheduler.handle("CreateSchedule", a_schedule(target={"Input": '"slow"'}))
    scheduler.handle("CreateSchedule", a_schedule(Name="other", target={"Input": '"quick"'}))

    eventually(lambda: life.functions.payloads == ["quick"])
    functions.free.set()
    eventually(lambda: life.functions.payloads == ["quick", "slow"])
    scheduler.stop()


def test_a_group_takes_its_schedules_with_it(life: Life) -> None:
    scheduler = life.scheduler()
    scheduler.handle("CreateScheduleGroup", {"Name": "g"})
    scheduler.handle("CreateSchedule", a_schedule(GroupName="g"))

    scheduler.handle("DeleteScheduleGroup", {"Name": "g"})

    assert life.scheduler().handle("ListSchedules", {})["Schedules"] == []
    assert scheduler.fire_due() == 1
    assert life.functions.payloads == []


@pytest.mark.parametrize(
    ("expression", "zone", "after", "due"),
    [
        ("cron(30 2 * * ? *)", "Europe/Berlin", "2026-03-28T12:00", "2026-03-30T00:30"),
        ("cron(30 2 * * ? *)", "Europe/Berlin", "2026-10-25T00:30", "2026-10-26T01:30"),
        ("cron(0 8 ? * 6L *)", "UTC", "2026-01-01T00:00", "2026-01-30T08:00"),
        ("cron(0 8 15W * ? *)", "UTC", "2026-02-01T00:00", "2026-02-16T08:00"),
        ("cron(0 8 LW * ? *)", "UTC", "2026-05-01T00:00", "2026-05-29T08:00"),
        ("cron(0 0 29 2 ? *)", "UTC", "2026-01-01T00:00", "2028-02-29T00:00"),
        ("cron(0 0 ? * L *)", "UTC", "2026-01-01T00:00", "2026-01-03T00:00"),
        ("cron(0/20 8-9 ? JAN,MAR MON#2 2027)", "UTC", "2026-01-01T00:00", "2027-01-11T08:00"),
    ],
)
def test_cron_knows_calendars_and_clocks(expression: str, zone: str, after: str, due: str) -> None:
    found = expressions.next_cron(expression, datetime.fromisoformat(f"{after}+00:00"), zone)

    assert found == datetime.fromisoformat(f"{due}+00:00")


def test_cron_of_the_past_names_no_minute() -> None:
    assert expressions.next_cron("cron(0 0 1 1 ? 2020)", datetime(2026, 1, 1, tzinfo=UTC)) is None


def test_an_at_is_of_its_zone() -> None:
    found = expressions.at("at(2026-07-01T10:00:00)", "America/New_York")

    assert found == datetime(2026, 7, 1, 10, tzinfo=ZoneInfo("America/New_York"))
