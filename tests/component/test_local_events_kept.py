"""EventBridge over one store, twice: what was taken is delivered, what was set stays."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.clock import Clock
from local.cloud import Account
from local.errors import AwsError
from local.eventbridge import EventBus
from local.seams import Disturbs
from local.store import Store
from tests.fakes.embedded_aws import eventually
from tests.fakes.recipients import Functions, Letters

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:any"
QUEUE = "arn:aws:sqs:us-east-1:123456789012:dead"
DEFAULT = "arn:aws:events:us-east-1:123456789012:event-bus/default"
ARCHIVE = "arn:aws:events:us-east-1:123456789012:archive/all"
RULE = "arn:aws:events:us-east-1:123456789012:rule/r"
THROTTLED = AwsError("TooManyRequestsException", "later", 429)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass
class Life:
    """One store, and as many event buses over it as the test starts."""

    functions: Functions = field(default_factory=Functions)
    letters: Letters = field(default_factory=Letters)
    store: Store = field(default_factory=Store)
    started: list[EventBus] = field(default_factory=list)

    def bus(self, scale: float = 10_000.0, disturb: Disturbs | None = None) -> EventBus:
        account = Account("http://127.0.0.1:1", store=self.store)
        bus = EventBus(account, Clock(scale), self.functions, self.letters, disturb=disturb)
        self.started.append(bus)
        bus.start()
        return bus


@pytest.fixture
def life() -> Iterator[Life]:
    life = Life()
    yield life
    for bus in life.started:
        bus.stop()


def with_rule(bus: EventBus, **target: Any) -> None:
    pattern = json.dumps({"source": ["me", "aws.test"]})
    bus.handle("PutRule", {"Name": "r", "EventPattern": pattern})
    aim = {"Id": "1", "Arn": FUNCTION, **target}
    bus.handle("PutTargets", {"Rule": "r", "Targets": [aim]})


def put(bus: EventBus, number: int = 1, at: datetime | None = None) -> None:
    entry: dict[str, Any] = {"Source": "me", "DetailType": "T", "Detail": f'{{"n": {number}}}'}
    bus.handle("PutEvents", {"Entries": [entry | ({"Time": at} if at else {})]})


def test_an_event_that_was_taken_is_delivered_after_the_restart(life: Life) -> None:
    first = life.bus(scale=1.0)
    life.functions.error, life.functions.refusals = THROTTLED, 1
    with_rule(first)
    put(first)
    eventually(lambda: life.functions.tries)
    first.stop()

    life.bus()

    eventually(lambda: life.functions.payloads)
    assert life.functions.payloads[0]["detail"] == {"n": 1}


def test_the_tries_of_before_count_after_the_restart(life: Life) -> None:
    first = life.bus(scale=1.0)
    life.functions.error, life.functions.refusals = THROTTLED, 99
    with_rule(first, RetryPolicy={"MaximumRetryAttempts": 1}, DeadLetterConfig={"Arn": QUEUE})
    put(first)
    eventually(lambda: life.store.shelf("events.owed").all() and life.functions.tries)
    eventually(lambda: _tries_kept(life) == 2)
    first.stop()

    life.bus()

    eventually(lambda: life.letters.messages)
    ((_, _, attributes),) = life.letters.messages
    assert attributes["RETRY_ATTEMPTS"] == "1"
    assert attributes["EXHAUSTED_RETRY_CONDITION"] == "MaximumRetryAttempts"


def _tries_kept(life: Life) -> int:
    (kept,) = life.store.shelf("events.owed").all().values()
    return int(kept["owed"][0]["tries"])


def test_nothing_is_owed_once_everything_is_delivered(life: Life) -> None:
    bus = life.bus()
    with_rule(bus)
    for number in range(20):
        put(bus, number)

    eventually(lambda: len(life.functions.payloads) == 20)
    eventually(lambda: not life.store.shelf("events.owed").all())


def test_an_age_that_was_reached_ends_the_tries(life: Life) -> None:
    bus = life.bus()
    life.functions.error, life.functions.refusals = THROTTLED, 99
    with_rule(bus, RetryPolicy={"MaximumEventAgeInSeconds": 60}, DeadLetterConfig={"Arn": QUEUE})
    put(bus)

    eventually(lambda: life.letters.messages)
    ((_, _, attributes),) = life.letters.messages
    assert attributes["EXHAUSTED_RETRY_CONDITION"] == "MaximumEventAgeInSeconds"
    assert attributes["ERROR_CODE"] == "THROTTLING"


KEPT: dict[str, tuple[str, dict[str, Any], str, dict[str, Any]]] = {
    "a bus": ("CreateEventBus", {"Name": "own"}, "DescribeEventBus", {"Name": "own"}),
    "a policy": (
        "PutPermission",
        {"StatementId": "s", "Action": "events:PutEvents", "Principal": "*"},
        "DescribeEventBus",
        {},
    ),
    "a rule": (
        "PutRule",
        {"Name": "r", "EventPattern": '{"source": ["me"]}', "Description": "d"},
        "DescribeRule",
        {"Name": "r"},
    ),
    "an archive": (
        "CreateArchive",
        {"ArchiveName": "all", "EventSourceArn": DEFAULT, "RetentionDays": 3},
        "DescribeArchive",
        {"ArchiveName": "all"},
    ),
}


@pytest.mark.parametrize("what", KEPT)
def test_what_was_made_is_told_the_same_after_the_restart(life: Life, what: str) -> None:
    make, request, describe, wanted = KEPT[what]
    first = life.bus()
    first.handle(make, request)
    told = first.handle(describe, wanted)

    assert life.bus().handle(describe, wanted) == told


def test_tags_and_targets_stay(life: Life) -> None:
    first = life.bus()
    with_rule(first)
    first.handle("TagResource", {"ResourceARN": RULE, "Tags": [{"Key": "k", "Value": "v"}]})

    again = life.bus()

    assert again.handle("ListTagsForResource", {"ResourceARN": RULE}) == {
        "Tags": [{"Key": "k", "Value": "v"}]
    }
    assert again.handle("ListTargetsByRule", {"Rule": "r"}) == {
        "Targets": [{"Id": "1", "Arn": FUNCTION}]
    }


def test_a_schedule_goes_on_after_the_restart(life: Life) -> None:
    first = life.bus(scale=1.0)
    first.handle("PutRule", {"Name": "tick", "ScheduleExpression": "rate(1 minute)"})
    first.handle("PutTargets", {"Rule": "tick", "Targets": [{"Id": "1", "Arn": FUNCTION}]})
    first.stop()
    life.store.shelf("events.rules.due").put("tick", LONG_AGO)

    life.bus()

    eventually(lambda: life.functions.payloads)
    assert life.functions.payloads[0]["detail-type"] == "Scheduled Event"


def archived(bus: EventBus, **fields: Any) -> None:
    asked = {"ArchiveName": "all", "EventSourceArn": DEFAULT, **fields}
    bus.handle("CreateArchive", asked)


def replay(bus: EventBus, name: str = "again", only: Sequence[str] = ()) -> None:
    destination = {"Arn": DEFAULT} | ({"FilterArns": list(only)} if only else {})
    bus.handle(
        "StartReplay",
        {
            "ReplayName": name,
            "EventSourceArn": ARCHIVE,
            "EventStartTime": LONG_AGO - timedelta(days=1),
            "EventEndTime": LONG_AGO + timedelta(days=1),
            "Destination": destination,
        },
    )


def state(bus: EventBus, name: str = "again") -> Any:
    return bus.handle("DescribeReplay", {"ReplayName": name})["State"]


def ended(bus: EventBus) -> Callable[[], bool]:
    return lambda: state(bus) in {"COMPLETED", "CANCELLED", "FAILED"}


def test_archived_events_come_again_with_the_name_of_the_replay(life: Life) -> None:
    first = life.bus()
    archived(first)
    put(first, 1, LONG_AGO)
    put(first, 2)
    first.stop()
    bus = life.bus()
    with_rule(bus)

    replay(bus)

    eventually(ended(bus))
    assert state(bus) == "COMPLETED"
    eventually(lambda: life.functions.payloads)
    assert [(p["detail"], p["replay-name"]) for p in life.functions.payloads] == [
        ({"n": 1}, "again")
    ]
    assert bus.handle("DescribeArchive", {"ArchiveName": "all"})["EventCount"] == 2


def test_a_replay_may_be_for_one_rule_alone(life: Life) -> None:
    bus = life.bus()
    archived(bus)
    put(bus, 1, LONG_AGO)
    with_rule(bus)
    other = {"Name": "other", "EventPattern": '{"source": ["me"]}'}
    arn = bus.handle("PutRule", other)["RuleArn"]
    aim = {"Id": "1", "Arn": QUEUE}
    bus.handle("PutTargets", {"Rule": "other", "Targets": [aim]})

    replay(bus, only=[arn])

    eventually(lambda: life.letters.messages)
    eventually(ended(bus))
    assert life.functions.payloads == []


def test_an_archive_takes_what_its_pattern_says(life: Life) -> None:
    bus = life.bus()
    archived(bus, EventPattern='{"detail": {"n": [2]}}')

    put(bus, 1)
    put(bus, 2)

    told = bus.handle("DescribeArchive", {"ArchiveName": "all"})
    assert (told["EventCount"], told["SizeBytes"] > 0) == (1, True)


def test_an_archive_forgets_what_is_older_than_it_keeps(life: Life) -> None:
    bus = life.bus(scale=1e12)
    archived(bus, RetentionDays=1)
    put(bus)

    told = eventually(lambda: bus.handle("DescribeArchive", {"ArchiveName": "all"}))

    assert told["EventCount"] == 0


def test_a_replay_that_is_cancelled_says_nothing(life: Life) -> None:
    bus = life.bus(scale=1.0)
    archived(bus)
    put(bus, 1, LONG_AGO)
    with_rule(bus)
    replay(bus)

    assert bus.handle("CancelReplay", {"ReplayName": "again"})["State"] == "CANCELLING"
    bus.stop()
    again = life.bus()

    assert state(again) == "CANCELLED"
    assert life.functions.payloads == []
    with pytest.raises(AwsError, match="not in a valid state"):
        again.handle("CancelReplay", {"ReplayName": "again"})


def test_a_replay_under_way_goes_on_after_the_restart(life: Life) -> None:
    first = life.bus(scale=1.0)
    archived(first)
    put(first, 1, LONG_AGO)
    with_rule(first)
    replay(first)
    first.stop()

    bus = life.bus()

    eventually(ended(bus))
    assert state(bus) == "COMPLETED"
    eventually(lambda: life.functions.payloads)


@dataclass
class Late:
    """Each event twice: at once, and once more after `seconds`."""

    seconds: float

    def events(self, event: dict[str, Any]) -> Sequence[tuple[float, dict[str, Any]]]:
        return ((0.0, event), (self.seconds, event))


def test_who_disturbs_the_bus_may_say_an_event_twice(life: Life) -> None:
    bus = life.bus(disturb=Late(0.01))
    with_rule(bus)

    put(bus)

    eventually(lambda: len(life.functions.payloads) == 2)
    assert life.functions.payloads[0] == life.functions.payloads[1]


def test_an_event_held_back_outlives_the_process(life: Life) -> None:
    first = life.bus(disturb=Late(60.0))
    with_rule(first)
    put(first)
    eventually(lambda: life.functions.payloads)
    first.stop()
    for key, record in life.store.shelf("events.delayed").all().items():
        life.store.shelf("events.delayed").put(key, {**record, "due": LONG_AGO})

    life.bus()

    eventually(lambda: len(life.functions.payloads) == 2)
    eventually(lambda: not life.store.shelf("events.delayed").all())


def test_a_bus_that_is_not_there_is_no_target_to_try_again(life: Life) -> None:
    bus = life.bus()
    nowhere = "arn:aws:events:us-east-1:123456789012:event-bus/nowhere"
    with_rule(bus, Arn=nowhere, DeadLetterConfig={"Arn": QUEUE})

    put(bus)

    eventually(lambda: life.letters.messages)
    ((_, _, attributes),) = life.letters.messages
    assert (attributes["ERROR_CODE"], attributes["RETRY_ATTEMPTS"]) == ("NO_RESOURCE", "0")
