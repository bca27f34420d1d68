"""EventBridge's buses, rules, targets and entries: limits, errors and lists."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.target import Target, refusal

PATTERN = '{"source": ["conformance"]}'


@pytest.fixture
def rule(aws: Target) -> Iterator[str]:
    events, name = aws.client("events"), aws.name()
    events.put_rule(Name=name, EventPattern=PATTERN)
    yield name
    targets = events.list_targets_by_rule(Rule=name)["Targets"]
    if targets:
        events.remove_targets(Rule=name, Ids=[each["Id"] for each in targets])
    events.delete_rule(Name=name)


def entry(**fields: Any) -> dict[str, Any]:
    return {"Source": "conformance", "DetailType": "T", "Detail": "{}", **fields}


def queue(aws: Target, name: str = "nowhere") -> str:
    return f"arn:aws:sqs:{aws.region}:{aws.account}:{name}"


def a_target(aws: Target, **fields: Any) -> dict[str, Any]:
    return {"Id": "1", "Arn": queue(aws), **fields}


@pytest.mark.parametrize(
    ("fields", "code", "text"),
    [
        (
            {"Source": ""},
            "InvalidArgument",
            "Parameter Source is not valid. Reason: Source is a required argument.",
        ),
        (
            {"DetailType": ""},
            "InvalidArgument",
            "Parameter DetailType is not valid. Reason: DetailType is a required argument.",
        ),
        (
            {"Detail": ""},
            "InvalidArgument",
            "Parameter Detail is not valid. Reason: Detail is a required argument.",
        ),
        ({"Detail": "["}, "MalformedDetail", "Detail is malformed."),
        ({"Detail": "[]"}, "MalformedDetail", "Detail is malformed."),
        ({"Detail": '"text"'}, "MalformedDetail", "Detail is malformed."),
        (
            {"Source": "aws.s3"},
            "NotAuthorizedForSourceException",
            "Not authorized for the source.",
        ),
    ],
)
def test_an_entry_that_is_refused_fails_alone(
    aws: Target, fields: dict[str, str], code: str, text: str
) -> None:
    answer = aws.client("events").put_events(Entries=[entry(**fields), entry()])

    assert answer["FailedEntryCount"] == 1
    assert answer["Entries"][0] == {"ErrorCode": code, "ErrorMessage": text}
    assert "EventId" in answer["Entries"][1]


def test_ten_entries_are_taken_at_once(aws: Target) -> None:
    answer = aws.client("events").put_events(Entries=[entry()] * 10)

    assert answer["FailedEntryCount"] == 0
    assert len({each["EventId"] for each in answer["Entries"]}) == 10


@pytest.mark.parametrize("count", [0, 11])
def test_a_request_has_one_to_ten_entries(aws: Target, count: int) -> None:
    events = aws.client("events", parameter_validation=False)

    code, _ = refusal(events.put_events, Entries=[entry()] * count)

    assert code == "ValidationException"


def test_the_entries_of_a_request_are_limited_in_size(aws: Target) -> None:
    big = json.dumps({"text": "x" * 600_000})

    code, text = refusal(aws.client("events").put_events, Entries=[entry(Detail=big)] * 2)

    assert code == "ValidationException"
    assert text == "Total size of the entries in the request is over the limit."


def test_an_event_for_a_bus_that_is_not_there_is_taken(aws: Target) -> None:
    answer = aws.client("events").put_events(Entries=[entry(EventBusName=aws.name())])

    assert answer["FailedEntryCount"] == 0


def test_the_default_bus_is_there(aws: Target) -> None:
    told = aws.client("events").describe_event_bus()

    assert told["Name"] == "default"
    assert told["Arn"] == f"arn:aws:events:{aws.region}:{aws.account}:event-bus/default"


def test_a_bus_is_made_once(aws: Target) -> None:
    events, name = aws.client("events"), aws.name()
    arn = events.create_event_bus(Name=name, Description="d")["EventBusArn"]

    code, text = refusal(events.create_event_bus, Name=name)
    told = events.describe_event_bus(Name=arn)
    events.delete_event_bus(Name=name)

    assert code == "ResourceAlreadyExistsException"
    assert text == f"Event bus {name} already exists."
    assert (told["Name"], told["Description"]) == (name, "d")


def test_a_bus_with_rules_stays(aws: Target) -> None:
    events, name = aws.client("events"), aws.name()
    events.create_event_bus(Name=name)
    arn = events.put_rule(Name="r", EventBusName=name, EventPattern=PATTERN)["RuleArn"]

    code, text = refusal(events.delete_event_bus, Name=name)
    events.delete_rule(Name="r", EventBusName=name)
    events.delete_event_bus(Name=name)

    assert arn.endswith(f":rule/{name}/r")
    assert code == "ValidationException"
    assert text == "Event bus can't be deleted since it has rules."


def test_the_default_bus_stays(aws: Target) -> None:
    code, text = refusal(aws.client("events").delete_event_bus, Name="default")

    assert (code, text) == ("ValidationException", "Cannot delete event bus default.")


def test_a_bus_tells_its_policy(aws: Target) -> None:
    events, name = aws.client("events"), aws.name()
    events.create_event_bus(Name=name)
    allowed = {"Action": "events:PutEvents", "Principal": "*", "StatementId": "all"}
    events.put_permission(EventBusName=name, **allowed)
    policy = json.loads(events.describe_event_bus(Name=name)["Policy"])
    events.remove_permission(EventBusName=name, StatementId="all")
    code, _ = refusal(events.remove_permission, EventBusName=name, StatementId="all")
    told = events.describe_event_bus(Name=name)
    events.delete_event_bus(Name=name)

    (statement,) = policy["Statement"]
    assert (statement["Sid"], statement["Principal"]) == ("all", "*")
    assert code == "ResourceNotFoundException"
    assert "Policy" not in told


NO_BUS = "Event bus {name} does not exist."
MISSING: dict[str, tuple[str, str]] = {
    "describe_event_bus": ("Name", NO_BUS),
    "list_rules": ("EventBusName", NO_BUS),
    "describe_rule": ("Name", "Rule {name} does not exist on EventBus default."),
    "enable_rule": ("Name", "Rule {name} does not exist on EventBus default."),
    "disable_rule": ("Name", "Rule {name} does not exist on EventBus default."),
    "list_targets_by_rule": ("Rule", "Rule {name} does not exist on EventBus default."),
    "describe_archive": ("ArchiveName", "Archive {name} does not exist."),
    "update_archive": ("ArchiveName", "Archive {name} does not exist."),
    "delete_archive": ("ArchiveName", "Archive {name} does not exist."),
    "describe_replay": ("ReplayName", "Replay {name} does not exist."),
    "cancel_replay": ("ReplayName", "Replay {name} does not exist."),
}


@pytest.mark.parametrize("call", MISSING)
def test_what_is_not_there_is_said_so(aws: Target, call: str) -> None:
    parameter, text = MISSING[call]
    name = aws.name()

    found = refusal(getattr(aws.client("events"), call), **{parameter: name})

    assert found == ("ResourceNotFoundException", text.format(name=name))


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "Parameter(s) EventPattern or ScheduleExpression must be specified."),
        ({"ScheduleExpression": "rate(5 minute)"}, "Parameter ScheduleExpression is not valid."),
        ({"ScheduleExpression": "rate(1 minutes)"}, "Parameter ScheduleExpression is not valid."),
        ({"ScheduleExpression": "rate(0 minutes)"}, "Parameter ScheduleExpression is not valid."),
        ({"ScheduleExpression": "rate(5 weeks)"}, "Parameter ScheduleExpression is not valid."),
        (
            {"ScheduleExpression": "at(2030-01-01T00:00:00)"},
            "Parameter ScheduleExpression is not valid.",
        ),
        ({"ScheduleExpression": "cron(* * * * * *)"}, "Parameter ScheduleExpression is not valid."),
        ({"ScheduleExpression": "cron(0 0 ? * ? *)"}, "Parameter ScheduleExpression is not valid."),
        (
            {"ScheduleExpression": "cron(60 0 * * ? *)"},
            "Parameter ScheduleExpression is not valid.",
        ),
        (
            {"ScheduleExpression": "cron(0 24 * * ? *)"},
            "Parameter ScheduleExpression is not valid.",
        ),
        (
            {"ScheduleExpression": "cron(0 0 32 * ? *)"},
            "Parameter ScheduleExpression is not valid.",
        ),
        (
            {"ScheduleExpression": "cron(0 0 1 13 ? *)"},
            "Parameter ScheduleExpression is not valid.",
        ),
        ({"ScheduleExpression": "cron(0 0 ? * 8 *)"}, "Parameter ScheduleExpression is not valid."),
        ({"ScheduleExpression": "cron(0 0 * * ?)"}, "Parameter ScheduleExpression is not valid."),
    ],
)
def test_a_rule_that_says_nothing_right_is_refused(
    aws: Target, fields: dict[str, str], text: str
) -> None:
    found = refusal(aws.client("events").put_rule, Name=aws.name(), **fields)

    assert found == ("ValidationException", text)


@pytest.mark.parametrize(
    "expression",
    [
        "rate(1 minute)",
        "rate(5 minutes)",
        "rate(1 hour)",
        "rate(7 days)",
        "cron(0 10 * * ? *)",
        "cron(15 12 * * ? *)",
        "cron(0 18 ? * MON-FRI *)",
        "cron(0 8 1 * ? *)",
        "cron(0/15 * * * ? *)",
        "cron(0/10 * ? * MON-FRI *)",
        "cron(0/5 8-17 ? * MON-FRI *)",
        "cron(0 9 ? * 2#1 *)",
        "cron(0 9 L * ? *)",
        "cron(0 9 ? * 6L 2027-2029)",
        "cron(0 9 3W JAN,jul ? *)",
    ],
)
def test_a_schedule_of_the_documented_grammar_is_taken(aws: Target, expression: str) -> None:
    events, name = aws.client("events"), aws.name()
    events.put_rule(Name=name, ScheduleExpression=expression, State="DISABLED")

    told = events.describe_rule(Name=name)
    events.delete_rule(Name=name)

    assert told["ScheduleExpression"] == expression


def test_a_schedule_is_for_the_default_bus_only(aws: Target) -> None:
    events, name = aws.client("events"), aws.name()
    events.create_event_bus(Name=name)

    code, text = refusal(
        events.put_rule, Name="r", EventBusName=name, ScheduleExpression="rate(1 day)"
    )
    events.delete_event_bus(Name=name)

    assert code == "ValidationException"
    assert text == "ScheduleExpression is supported only on the default event bus."


@pytest.mark.parametrize("state", ["ENABLED", "DISABLED"])
def test_a_rule_has_the_state_it_was_given(aws: Target, rule: str, state: str) -> None:
    events = aws.client("events")
    events.put_rule(Name=rule, EventPattern=PATTERN, State=state)

    assert events.describe_rule(Name=rule)["State"] == state


def test_a_rule_may_take_management_events_too(aws: Target, rule: str) -> None:
    events, state = aws.client("events"), "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
    events.put_rule(Name=rule, EventPattern=PATTERN, State=state)

    assert events.describe_rule(Name=rule)["State"] == state


def test_a_rule_is_put_off_and_on(aws: Target, rule: str) -> None:
    events = aws.client("events")
    events.disable_rule(Name=rule)
    off = events.describe_rule(Name=rule)["State"]
    events.enable_rule(Name=rule)

    assert (off, events.describe_rule(Name=rule)["State"]) == ("DISABLED", "ENABLED")


def test_a_rule_with_targets_stays(aws: Target, rule: str) -> None:
    events = aws.client("events")
    events.put_targets(Rule=rule, Targets=[a_target(aws)])

    found = refusal(events.delete_rule, Name=rule)

    assert found == ("ValidationException", "Rule can't be deleted since it has targets.")


def test_a_rule_has_five_targets_at_most(aws: Target, rule: str) -> None:
    targets = [a_target(aws, Id=str(number)) for number in range(6)]

    code, text = refusal(aws.client("events").put_targets, Rule=rule, Targets=targets)

    assert code == "LimitExceededException"
    assert text == "The requested resource exceeds the maximum number allowed."


@pytest.mark.parametrize(
    "fields",
    [
        {"Input": '"a"', "InputPath": "$.detail"},
        {"InputPath": "$.detail", "InputTransformer": {"InputTemplate": '"a"'}},
        {"Input": "no json"},
        {"InputPath": "detail"},
        {"RetryPolicy": {"MaximumRetryAttempts": 186}},
        {"RetryPolicy": {"MaximumEventAgeInSeconds": 59}},
        {"RetryPolicy": {"MaximumEventAgeInSeconds": 86_401}},
        {"Arn": "no-arn"},
        {"Arn": "arn:aws:sqs:us-east-1:123456789012:ordered.fifo"},
        {
            "InputTransformer": {
                "InputPathsMap": {f"n{i}": "$.detail" for i in range(101)},
                "InputTemplate": '"<n1>"',
            }
        },
        {"InputTransformer": {"InputPathsMap": {"aws.x": "$.id"}, "InputTemplate": '"a"'}},
    ],
)
def test_a_target_that_cannot_be_is_refused(aws: Target, rule: str, fields: dict[str, Any]) -> None:
    events = aws.client("events", parameter_validation=False)

    code, _ = refusal(events.put_targets, Rule=rule, Targets=[a_target(aws, **fields)])

    assert code == "ValidationException"


def test_a_target_is_replaced_by_its_id(aws: Target, rule: str) -> None:
    events = aws.client("events")
    events.put_targets(Rule=rule, Targets=[a_target(aws)])
    events.put_targets(Rule=rule, Targets=[a_target(aws, InputPath="$.detail")])

    (target,) = events.list_targets_by_rule(Rule=rule)["Targets"]

    assert target["InputPath"] == "$.detail"


def test_a_target_tells_its_rules(aws: Target, rule: str) -> None:
    events, arn = aws.client("events"), queue(aws, aws.name())
    events.put_targets(Rule=rule, Targets=[a_target(aws, Arn=arn)])

    assert events.list_rule_names_by_target(TargetArn=arn)["RuleNames"] == [rule]


def test_rules_are_told_in_pages(aws: Target) -> None:
    events, prefix = aws.client("events"), aws.name()
    for number in range(3):
        events.put_rule(Name=f"{prefix}-{number}", EventPattern=PATTERN)

    first = events.list_rules(NamePrefix=prefix, Limit=2)
    second = events.list_rules(NamePrefix=prefix, Limit=2, NextToken=first["NextToken"])
    for number in range(3):
        events.delete_rule(Name=f"{prefix}-{number}")

    names = [each["Name"] for each in (*first["Rules"], *second["Rules"])]
    assert names == [f"{prefix}-{number}" for number in range(3)]
    assert "NextToken" not in second


def test_tags_come_and_go(aws: Target, rule: str) -> None:
    events = aws.client("events")
    arn = events.describe_rule(Name=rule)["Arn"]
    events.tag_resource(
        ResourceARN=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
    )
    events.untag_resource(ResourceARN=arn, TagKeys=["a"])

    assert events.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "b", "Value": "2"}]


@pytest.mark.embedded
def test_what_is_not_emulated_says_so(aws: Target) -> None:
    code, text = refusal(aws.client("events").list_connections)

    assert code == "NotImplemented"
    assert "docs/embedded-aws.md" in text
