"""EventBridge's targets: what arrives in which shape, and what becomes of what cannot arrive."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.conformance.target import Target, refusal

DETAIL: dict[str, Any] = {
    "who": 'a "b"',
    "n": 3,
    "list": ["x", "y"],
    "map": {"k": "v"},
    "null": None,
}


@dataclass
class Post:
    """A bus with one rule, and a queue that is its target or its dead-letter queue."""

    aws: Target
    bus: str
    queue: str
    url: str

    def target(self, **fields: Any) -> None:
        aim = {"Id": "1", "Arn": self.queue, **fields}
        answer = self.aws.client("events").put_targets(
            Rule="r", EventBusName=self.bus, Targets=[aim]
        )
        assert answer["FailedEntryCount"] == 0

    def put(self, **fields: Any) -> str:
        entry = {
            "EventBusName": self.bus,
            "Source": "conformance",
            "DetailType": "T",
            "Detail": json.dumps(DETAIL),
            **fields,
        }
        answer = self.aws.client("events").put_events(Entries=[entry])
        return str(answer["Entries"][0]["EventId"])

    def message(self, url: str = "") -> dict[str, Any]:
        """The next message; AssertionError when none came in time."""
        sqs, deadline = self.aws.client("sqs"), time.monotonic() + 30
        while time.monotonic() < deadline:
            answer = sqs.receive_message(
                QueueUrl=url or self.url, WaitTimeSeconds=1, MessageAttributeNames=["All"]
            )
            for message in answer.get("Messages", []):
                found: dict[str, Any] = message
                return found
        raise AssertionError("no message within 30 seconds")


@pytest.fixture
def post(aws: Target) -> Iterator[Post]:
    events, sqs, name = aws.client("events"), aws.client("sqs"), aws.name()
    events.create_event_bus(Name=name)
    events.put_rule(Name="r", EventBusName=name, EventPattern='{"source": ["conformance"]}')
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = f"arn:aws:sqs:{aws.region}:{aws.account}:{name}"
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": ["events.amazonaws.com", "sns.amazonaws.com"]},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    yield Post(aws, name, arn, url)
    events.remove_targets(Rule="r", EventBusName=name, Ids=["1"])
    events.delete_rule(Name="r", EventBusName=name)
    events.delete_event_bus(Name=name)
    sqs.delete_queue(QueueUrl=url)


def test_a_target_receives_the_whole_event(aws: Target, post: Post) -> None:
    post.target()

    identifier = post.put(Resources=["arn:some"], Time=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))

    assert json.loads(post.message()["Body"]) == {
        "version": "0",
        "id": identifier,
        "detail-type": "T",
        "source": "conformance",
        "account": aws.account,
        "time": "2026-01-02T03:04:05Z",
        "region": aws.region,
        "resources": ["arn:some"],
        "detail": DETAIL,
    }


def transformed(template: str, **paths: str) -> dict[str, Any]:
    return {"InputTransformer": {"InputPathsMap": paths, "InputTemplate": template}}


SHAPES: dict[str, tuple[dict[str, Any], Any]] = {
    "a constant": ({"Input": '{"a": 1}'}, {"a": 1}),
    "a part": ({"InputPath": "$.detail.map"}, {"k": "v"}),
    "a value": ({"InputPath": "$.detail.n"}, 3),
    "an element": ({"InputPath": "$.detail.list[1]"}, "y"),
    "a template": (transformed('{"a": <n>}', n="$.detail.n"), {"a": 3}),
    "a string without quotes": (transformed('{"a": <t>}', t="$.detail-type"), {"a": "T"}),
    "a string in quotes": (transformed('{"a": "is <t>"}', t="$.detail-type"), {"a": "is T"}),
    "a number in quotes": (transformed('"<n> things"', n="$.detail.n"), "3 things"),
    "a quote in quotes": (transformed('"by <who>"', who="$.detail.who"), 'by a "b"'),
    "an object": (transformed('{"a": <m>}', m="$.detail.map"), {"a": {"k": "v"}}),
    "a list": (transformed('{"a": <l>}', l="$.detail.list"), {"a": ["x", "y"]}),
    "a list of values": (transformed('{"a": <l>}', l="$.detail.list[*]"), {"a": ["x", "y"]}),
    "nothing for what is missing": (transformed('"<x>!"', x="$.detail.missing"), "!"),
    "the rule's name": (transformed('{"a": <aws.events.rule-name>}'), {"a": "r"}),
    "an object's field": (transformed('{"a": <k>}', k="$.detail.map.k"), {"a": "v"}),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_target_receives_what_its_input_says(post: Post, shape: str) -> None:
    fields, wanted = SHAPES[shape]
    post.target(**fields)

    post.put()

    assert json.loads(post.message()["Body"]) == wanted


def test_a_template_knows_the_rule_and_the_event(aws: Target, post: Post) -> None:
    template = (
        '{"rule": <aws.events.rule-arn>, "at": <aws.events.event.ingestion-time>,'
        ' "all": <aws.events.event.json>, "head": <aws.events.event>}'
    )
    post.target(**transformed(template))

    identifier = post.put()

    told = json.loads(post.message()["Body"])
    assert told["rule"] == f"arn:aws:events:{aws.region}:{aws.account}:rule/{post.bus}/r"
    assert datetime.now(UTC) - datetime.fromisoformat(told["at"]) < timedelta(minutes=5)
    assert (told["all"]["id"], told["all"]["detail"]) == (identifier, DETAIL)
    assert "detail" not in told["head"]


def test_a_fifo_queue_receives_the_event_in_its_group(aws: Target, post: Post) -> None:
    sqs, name = aws.client("sqs"), f"{post.bus}.fifo"
    settings = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    url = sqs.create_queue(QueueName=name, Attributes=settings)["QueueUrl"]
    post.target(Arn=f"{post.queue}.fifo", SqsParameters={"MessageGroupId": "g"})

    post.put()

    body = json.loads(post.message(url)["Body"])
    sqs.delete_queue(QueueUrl=url)
    assert body["detail"] == DETAIL


def test_a_topic_receives_the_event_as_its_message(aws: Target, post: Post) -> None:
    sns = aws.client("sns")
    topic = sns.create_topic(Name=post.bus)["TopicArn"]
    raw = {"RawMessageDelivery": "true"}
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=post.queue, Attributes=raw)
    post.target(Arn=topic)

    post.put()

    body = json.loads(post.message()["Body"])
    sns.delete_topic(TopicArn=topic)
    assert body["detail"] == DETAIL


def test_another_bus_receives_the_event(aws: Target, post: Post) -> None:
    events, other = aws.client("events"), aws.name()
    arn = events.create_event_bus(Name=other)["EventBusArn"]
    events.put_rule(Name="far", EventBusName=other, EventPattern='{"source": ["conformance"]}')
    aim = {"Id": "1", "Arn": post.queue, "InputPath": "$.detail.n"}
    events.put_targets(Rule="far", EventBusName=other, Targets=[aim])
    post.target(Arn=arn)

    post.put()

    body = post.message()["Body"]
    events.remove_targets(Rule="far", EventBusName=other, Ids=["1"])
    events.delete_rule(Name="far", EventBusName=other)
    events.delete_event_bus(Name=other)
    assert body == "3"


def test_a_log_group_receives_the_event_as_a_line(aws: Target, post: Post) -> None:
    logs, group = aws.client("logs"), f"/aws/events/{post.bus}"
    logs.create_log_group(logGroupName=group)
    post.target(Arn=f"arn:aws:logs:{aws.region}:{aws.account}:log-group:{group}")

    identifier = post.put()

    line = _line(logs, group)
    logs.delete_log_group(logGroupName=group)
    assert json.loads(line)["id"] == identifier


def _line(logs: Any, group: str) -> str:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = logs.filter_log_events(logGroupName=group)["events"]
        if found:
            return str(found[0]["message"])
        time.sleep(0.05)
    raise AssertionError("no line within 30 seconds")


@pytest.mark.parametrize("service", ["sqs", "sns", "lambda", "events"])
def test_what_has_no_target_goes_to_the_dead_letters_at_once(
    aws: Target, post: Post, service: str
) -> None:
    resource = {"sqs": "gone", "sns": "gone", "lambda": "function:gone", "events": "event-bus/gone"}
    arn = f"arn:aws:{service}:{aws.region}:{aws.account}:{resource[service]}"
    post.target(Arn=arn, DeadLetterConfig={"Arn": post.queue})

    post.put()

    message = post.message()
    said = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert json.loads(message["Body"])["detail"] == DETAIL
    assert said.pop("ERROR_MESSAGE")
    assert said == {
        "RULE_ARN": f"arn:aws:events:{aws.region}:{aws.account}:rule/{post.bus}/r",
        "TARGET_ARN": arn,
        "ERROR_CODE": "NO_RESOURCE",
        "RETRY_ATTEMPTS": "0",
    }


def test_a_rule_that_is_off_says_nothing(aws: Target, post: Post) -> None:
    post.target()
    aws.client("events").disable_rule(Name="r", EventBusName=post.bus)
    post.put()
    aws.client("events").enable_rule(Name="r", EventBusName=post.bus)

    second = post.put()

    assert json.loads(post.message()["Body"])["id"] == second


def test_an_archive_tells_what_it_is(aws: Target, post: Post) -> None:
    events = aws.client("events")
    source = f"arn:aws:events:{aws.region}:{aws.account}:event-bus/{post.bus}"
    events.create_archive(ArchiveName=post.bus, EventSourceArn=source, RetentionDays=2)

    again = refusal(events.create_archive, ArchiveName=post.bus, EventSourceArn=source)
    told = events.describe_archive(ArchiveName=post.bus)
    listed = events.list_archives(EventSourceArn=source)["Archives"]
    events.delete_archive(ArchiveName=post.bus)

    assert again == ("ResourceAlreadyExistsException", f"Archive {post.bus} already exists.")
    assert (told["RetentionDays"], told["EventSourceArn"]) == (2, source)
    assert told["State"] in {"CREATING", "ENABLED"}
    assert [each["ArchiveName"] for each in listed] == [post.bus]


def _archived(aws: Target, post: Post) -> tuple[str, str]:
    """An archive of the bus with one event in it; its ARN and the bus's."""
    events = aws.client("events")
    source = f"arn:aws:events:{aws.region}:{aws.account}:event-bus/{post.bus}"
    arn = events.create_archive(ArchiveName=post.bus, EventSourceArn=source)["ArchiveArn"]
    return str(arn), source


@pytest.mark.embedded
def test_a_replay_says_the_events_again(aws: Target, post: Post) -> None:
    events, now = aws.client("events"), datetime.now(UTC)
    archive, source = _archived(aws, post)
    identifier = post.put()
    post.target()

    started = events.start_replay(
        ReplayName=post.bus,
        EventSourceArn=archive,
        EventStartTime=now - timedelta(minutes=5),
        EventEndTime=now + timedelta(minutes=5),
        Destination={"Arn": source},
    )

    body = json.loads(post.message()["Body"])
    told = events.describe_replay(ReplayName=post.bus)
    events.delete_archive(ArchiveName=post.bus)
    assert started["State"] == "STARTING"
    assert (body["id"], body["replay-name"]) == (identifier, post.bus)
    assert told["State"] in {"RUNNING", "COMPLETED"}


REPLAYS: dict[str, tuple[dict[str, Any], str]] = {
    "no bus": (
        {"Destination": {"Arn": "arn:aws:sqs:us-east-1:123456789012:q"}},
        "Parameter Destination.Arn is not valid. Reason: Must contain an event bus ARN.",
    ),
    "another bus": (
        {"Destination": {"Arn": "arn:aws:events:us-east-1:123456789012:event-bus/default"}},
        "Parameter Destination.Arn is not valid. Reason: Cross event bus replay is not permitted.",
    ),
    "an end before the start": (
        {"EventEndTime": datetime(2020, 1, 1, tzinfo=UTC)},
        "Parameter EventEndTime is not valid. Reason: EventStartTime must be before EventEndTime.",
    ),
    "no archive": (
        {"EventSourceArn": "arn:aws:events:us-east-1:123456789012:archive/none"},
        "Parameter EventSourceArn is not valid. Reason: Archive none does not exist.",
    ),
}


@pytest.mark.embedded
@pytest.mark.parametrize("case", REPLAYS)
def test_a_replay_that_cannot_be_is_refused(aws: Target, post: Post, case: str) -> None:
    fields, text = REPLAYS[case]
    archive, source = _archived(aws, post)
    request = {
        "ReplayName": post.bus,
        "EventSourceArn": archive,
        "EventStartTime": datetime(2026, 1, 1, tzinfo=UTC),
        "EventEndTime": datetime(2026, 1, 2, tzinfo=UTC),
        "Destination": {"Arn": source},
    }

    found = refusal(aws.client("events").start_replay, **request | fields)
    aws.client("events").delete_archive(ArchiveName=post.bus)

    assert found == ("ValidationException", text)


@pytest.mark.parametrize("call", ["list_archives", "list_replays"])
def test_a_list_takes_one_filter(aws: Target, call: str) -> None:
    source = f"arn:aws:events:{aws.region}:{aws.account}:event-bus/default"

    code, text = refusal(getattr(aws.client("events"), call), NamePrefix="a", EventSourceArn=source)

    assert code == "ValidationException"
    assert text.startswith("At most one filter is allowed for ")
