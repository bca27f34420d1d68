"""CloudWatch Logs: batches that are taken or refused, and events read page by page."""

import time
from typing import Any

import pytest

from tests.conformance.target import Target, refusal

DAY = 86_400_000


@pytest.fixture
def group(aws: Target) -> Any:
    name = f"/conformance/{aws.name()}"
    aws.client("logs").create_log_group(logGroupName=name)
    aws.client("logs").create_log_stream(logGroupName=name, logStreamName="one")
    yield name
    aws.client("logs").delete_log_group(logGroupName=name)


def now() -> int:
    return int(time.time() * 1000)


def put(aws: Target, group: str, *messages: str, stream: str = "one", at: int = 0) -> Any:
    events = [{"timestamp": (at or now()) + i, "message": m} for i, m in enumerate(messages)]
    return aws.client("logs").put_log_events(
        logGroupName=group, logStreamName=stream, logEvents=events
    )


def texts(answer: Any) -> list[str]:
    return [each["message"] for each in answer["events"]]


def read(aws: Target, group: str, **request: Any) -> Any:
    return aws.client("logs").get_log_events(logGroupName=group, logStreamName="one", **request)


def test_a_group_exists_once(aws: Target, group: str) -> None:
    logs = aws.client("logs")

    code, text = refusal(logs.create_log_group, logGroupName=group)

    assert code == "ResourceAlreadyExistsException"
    assert text == "The specified log group already exists"


def test_a_stream_exists_once(aws: Target, group: str) -> None:
    create = aws.client("logs").create_log_stream

    code, text = refusal(create, logGroupName=group, logStreamName="one")

    assert code == "ResourceAlreadyExistsException"
    assert text == "The specified log stream already exists"


@pytest.mark.parametrize(
    ("call", "request_"),
    [
        ("delete_log_group", {}),
        ("describe_log_streams", {}),
        ("filter_log_events", {}),
        ("put_retention_policy", {"retentionInDays": 7}),
        ("create_log_stream", {"logStreamName": "s"}),
        ("get_log_events", {"logStreamName": "s"}),
    ],
)
def test_a_group_that_is_not_there_is_refused(
    aws: Target, call: str, request_: dict[str, Any]
) -> None:
    answer = refusal(getattr(aws.client("logs"), call), logGroupName=aws.name(), **request_)

    assert answer == ("ResourceNotFoundException", "The specified log group does not exist.")


def test_a_stream_that_is_not_there_is_refused(aws: Target, group: str) -> None:
    answer = refusal(aws.client("logs").get_log_events, logGroupName=group, logStreamName="none")

    assert answer == ("ResourceNotFoundException", "The specified log stream does not exist.")


@pytest.mark.parametrize(
    ("name", "constraint"),
    [
        ("with space", "Member must satisfy regular expression pattern"),
        ("x" * 513, "Member must have length less than or equal to 512"),
    ],
)
def test_a_name_of_a_group_has_rules(aws: Target, name: str, constraint: str) -> None:
    code, text = refusal(aws.client("logs").create_log_group, logGroupName=name)

    assert code == "InvalidParameterException"
    assert f"at 'logGroupName' failed to satisfy constraint: {constraint}" in text


def test_a_retention_is_one_of_the_documented_numbers_of_days(aws: Target, group: str) -> None:
    put_retention = aws.client("logs").put_retention_policy

    code, _ = refusal(put_retention, logGroupName=group, retentionInDays=8)

    assert code == "InvalidParameterException"


def test_a_retention_is_told_back_and_taken_away(aws: Target, group: str) -> None:
    logs = aws.client("logs")
    logs.put_retention_policy(logGroupName=group, retentionInDays=14)
    with_it = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]
    logs.delete_retention_policy(logGroupName=group)
    without = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]

    assert with_it["retentionInDays"] == 14
    assert "retentionInDays" not in without


def test_a_groups_arn_ends_with_a_star_and_its_other_arn_does_not(aws: Target, group: str) -> None:
    told = aws.client("logs").describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]

    assert told["arn"] == f"arn:aws:logs:{aws.region}:{aws.account}:log-group:{group}:*"
    assert told["logGroupArn"] == told["arn"].removesuffix(":*")


def test_groups_are_sought_by_prefix_or_by_pattern_but_not_by_both(aws: Target) -> None:
    describe = aws.client("logs").describe_log_groups

    code, text = refusal(describe, logGroupNamePrefix="a", logGroupNamePattern="b")

    assert code == "InvalidParameterException"
    assert "mutually exclusive" in text


def test_tags_of_a_group_are_added_and_removed(aws: Target, group: str) -> None:
    logs = aws.client("logs")
    arn = f"arn:aws:logs:{aws.region}:{aws.account}:log-group:{group}"
    logs.tag_resource(resourceArn=arn, tags={"a": "1", "b": "2"})
    logs.untag_resource(resourceArn=arn, tagKeys=["a"])

    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"b": "2"}


def test_a_batch_must_be_in_chronological_order(aws: Target, group: str) -> None:
    events = [{"timestamp": now(), "message": "b"}, {"timestamp": now() - 1000, "message": "a"}]
    send = aws.client("logs").put_log_events

    code, text = refusal(send, logGroupName=group, logStreamName="one", logEvents=events)

    assert code == "InvalidParameterException"
    assert text == "Log events in a single PutLogEvents request must be in chronological order."


def test_a_batch_spans_a_day_at_most(aws: Target, group: str) -> None:
    events = [
        {"timestamp": now() - DAY - 60_000, "message": "a"},
        {"timestamp": now(), "message": "b"},
    ]
    send = aws.client("logs").put_log_events

    code, text = refusal(send, logGroupName=group, logStreamName="one", logEvents=events)

    assert code == "InvalidParameterException"
    assert "cannot span more than 24 hours" in text


def test_a_batch_holds_a_mebibyte_at_most_with_26_bytes_per_event(aws: Target, group: str) -> None:
    events = [{"timestamp": now(), "message": "x" * (1_048_576 - 25)}]
    send = aws.client("logs").put_log_events

    code, text = refusal(send, logGroupName=group, logStreamName="one", logEvents=events)

    assert code == "InvalidParameterException"
    assert text == "Upload too large: 1048577 bytes exceeds limit of 1048576"


def test_a_sequence_token_is_no_longer_looked_at(aws: Target, group: str) -> None:
    aws.client("logs").put_log_events(
        logGroupName=group,
        logStreamName="one",
        logEvents=[{"timestamp": now(), "message": "x"}],
        sequenceToken="no such token",
    )

    assert texts(read(aws, group)) == ["x"]


@pytest.mark.parametrize(
    ("at", "info"),
    [
        (-15 * DAY, {"tooOldLogEventEndIndex": 1}),
        (3 * 3_600_000, {"tooNewLogEventStartIndex": 0}),
    ],
)
def test_events_too_old_or_too_new_are_rejected_without_an_error(
    aws: Target, group: str, at: int, info: dict[str, int]
) -> None:
    answer = put(aws, group, "x", at=now() + at)

    assert answer["rejectedLogEventsInfo"] == info
    assert texts(read(aws, group)) == []


def test_the_newest_events_come_first_in_pages_but_in_order_within_them(
    aws: Target, group: str
) -> None:
    put(aws, group, "a", "b", "c", "d", "e")

    newest = read(aws, group, limit=2)
    older = read(aws, group, limit=2, nextToken=newest["nextBackwardToken"])

    assert (texts(newest), texts(older)) == (["d", "e"], ["b", "c"])


def test_from_the_head_a_reader_goes_forward_until_the_token_stays(aws: Target, group: str) -> None:
    put(aws, group, "a", "b", "c")

    first = read(aws, group, limit=2, startFromHead=True)
    token = first["nextForwardToken"]
    second = read(aws, group, limit=2, startFromHead=True, nextToken=token)
    end = read(aws, group, startFromHead=True, nextToken=second["nextForwardToken"])

    assert (texts(first), texts(second), texts(end)) == (["a", "b"], ["c"], [])
    assert end["nextForwardToken"] == second["nextForwardToken"]


def test_a_reader_may_turn_round(aws: Target, group: str) -> None:
    put(aws, group, "a", "b", "c", "d")

    first = read(aws, group, limit=2, startFromHead=True)
    second = read(aws, group, limit=2, startFromHead=True, nextToken=first["nextForwardToken"])
    back = read(aws, group, limit=2, nextToken=second["nextBackwardToken"])

    assert texts(back) == ["a", "b"]


def test_a_forward_token_waits_for_events_to_come(aws: Target, group: str) -> None:
    put(aws, group, "a", at=now() - 1000)
    end = read(aws, group, startFromHead=True)

    put(aws, group, "b")
    later = read(aws, group, startFromHead=True, nextToken=end["nextForwardToken"])

    assert texts(later) == ["b"]


def test_times_are_from_the_start_to_before_the_end(aws: Target, group: str) -> None:
    at = now() - 10_000
    put(aws, group, "a", "b", "c", at=at)

    assert texts(read(aws, group, startTime=at + 1, endTime=at + 2)) == ["b"]


def test_streams_are_ordered_by_name_or_by_their_last_event(aws: Target, group: str) -> None:
    logs = aws.client("logs")
    for name in ("zebra", "ant"):
        logs.create_log_stream(logGroupName=group, logStreamName=name)
    put(aws, group, "x", stream="zebra", at=now() - 5000)
    put(aws, group, "x", stream="ant", at=now() - 9000)

    by_name = logs.describe_log_streams(logGroupName=group)["logStreams"]
    by_time = logs.describe_log_streams(
        logGroupName=group, orderBy="LastEventTime", descending=True
    )["logStreams"]

    assert [each["logStreamName"] for each in by_name] == ["ant", "one", "zebra"]
    assert [each["logStreamName"] for each in by_time][:2] == ["zebra", "ant"]


def test_streams_ordered_by_time_take_no_prefix(aws: Target, group: str) -> None:
    describe = aws.client("logs").describe_log_streams

    code, text = refusal(
        describe, logGroupName=group, orderBy="LastEventTime", logStreamNamePrefix="o"
    )

    assert code == "InvalidParameterException"
    assert text == "Cannot order by LastEventTime with a logStreamNamePrefix."


def test_streams_come_in_pages(aws: Target, group: str) -> None:
    logs = aws.client("logs")
    for i in range(3):
        logs.create_log_stream(logGroupName=group, logStreamName=f"s{i}")

    pages = logs.get_paginator("describe_log_streams").paginate(
        logGroupName=group, PaginationConfig={"PageSize": 2}
    )

    names = [each["logStreamName"] for page in pages for each in page["logStreams"]]
    assert names == ["one", "s0", "s1", "s2"]


@pytest.mark.parametrize(("call", "limit"), [("get_log_events", 10_001), ("filter_log_events", 0)])
def test_a_page_has_a_size_from_1_to_10000(aws: Target, group: str, call: str, limit: int) -> None:
    stream = {"logStreamName": "one"} if call == "get_log_events" else {}

    code, text = refusal(
        getattr(aws.client("logs", parameter_validation=False), call),
        logGroupName=group,
        limit=limit,
        **stream,
    )

    assert code == "InvalidParameterException"
    assert f"Value '{limit}' at 'limit' failed to satisfy constraint" in text


def test_filtered_events_of_all_streams_are_interleaved_by_time(aws: Target, group: str) -> None:
    aws.client("logs").create_log_stream(logGroupName=group, logStreamName="two")
    at = now() - 60_000
    put(aws, group, "first", at=at)
    put(aws, group, "third", at=at + 20)
    put(aws, group, "second", stream="two", at=at + 10)

    found = aws.client("logs").filter_log_events(logGroupName=group, interleaved=True)

    assert texts(found) == ["first", "second", "third"]
    assert len({each["eventId"] for each in found["events"]}) == 3


def test_filtered_events_come_in_pages(aws: Target, group: str) -> None:
    put(aws, group, *[f"m{i}" for i in range(7)])

    pages = (
        aws.client("logs")
        .get_paginator("filter_log_events")
        .paginate(logGroupName=group, PaginationConfig={"PageSize": 3})
    )

    assert [m for page in pages for m in texts(page)] == [f"m{i}" for i in range(7)]


def test_filtered_events_may_be_of_some_streams_only(aws: Target, group: str) -> None:
    logs = aws.client("logs")
    logs.create_log_stream(logGroupName=group, logStreamName="two")
    put(aws, group, "1")
    put(aws, group, "2", stream="two")

    by_name = logs.filter_log_events(logGroupName=group, logStreamNames=["two"])
    by_prefix = logs.filter_log_events(logGroupName=group, logStreamNamePrefix="on")

    assert (texts(by_name), texts(by_prefix)) == (["2"], ["1"])


@pytest.mark.embedded
def test_what_is_not_there_says_so_by_name(aws: Target) -> None:
    code, text = refusal(
        aws.client("logs").start_query, logGroupName="g", startTime=1, endTime=2, queryString="x"
    )

    assert code == "NotImplemented"
    assert "logs:StartQuery" in text
