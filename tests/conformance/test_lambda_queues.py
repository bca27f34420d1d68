"""Lambda: SQS queues that are read for a function."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conformance.functions import created, package
from tests.conformance.target import Target, refusal

HANDLER = """
import json

def handle(event, context):
    bodies = [each["body"] for each in event["Records"]]
    print(json.dumps({"bodies": bodies, "record": event["Records"][0]}))
    if "raise" in bodies:
        raise ValueError("as told")
    failed = [each["messageId"] for each in event["Records"] if each["body"].startswith("bad")]
    return {"batchItemFailures": [{"itemIdentifier": each} for each in failed]}
"""


@pytest.fixture(scope="module")
def function(aws: Target) -> Iterator[str]:
    with created(aws, Code={"ZipFile": package(HANDLER)}) as name:
        yield name


@pytest.fixture
def queue(aws: Target) -> Iterator[tuple[str, str]]:
    name = aws.name("queue")
    url = aws.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    yield url, f"arn:aws:sqs:{aws.region}:{aws.account}:{name}"
    aws.client("sqs").delete_queue(QueueUrl=url)


@pytest.fixture
def mapped(aws: Target, function: str, queue: tuple[str, str]) -> Iterator[Callable[..., Any]]:
    """Makes mappings of the queue to the function, which are gone at the end."""
    functions = aws.client("lambda")
    made: list[str] = []

    def make(**settings: Any) -> Any:
        answer = functions.create_event_source_mapping(
            EventSourceArn=queue[1], FunctionName=function, **settings
        )
        made.append(answer["UUID"])
        eventually(lambda: state(aws, answer["UUID"]) in {"Enabled", "Disabled"})
        return answer

    yield make
    for name in made:
        functions.delete_event_source_mapping(UUID=name)


def eventually(look: Callable[[], Any], seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < deadline, f"nothing within {seconds} seconds"
        time.sleep(0.05)
    return seen


def state(aws: Target, name: str) -> str:
    return str(aws.client("lambda").get_event_source_mapping(UUID=name)["State"])


def batches(aws: Target, function: str, word: str) -> list[Any]:
    """What the function was given, as its log tells, as far as it holds a word."""
    try:
        pages = (
            aws.client("logs")
            .get_paginator("filter_log_events")
            .paginate(logGroupName=f"/aws/lambda/{function}", filterPattern=f'"{word}"')
        )
        found = [each["message"] for page in pages for each in page["events"]]
    except aws.client("logs").exceptions.ResourceNotFoundException:
        return []
    return [json.loads(message) for message in found if message.startswith("{")]


def waiting(aws: Target, url: str) -> int:
    """Messages that are in the queue, seen or not."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    told = aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)
    return sum(int(each) for each in told["Attributes"].values())


def test_a_mapping_is_told_with_its_defaults(
    aws: Target, function: str, queue: tuple[str, str], mapped: Callable[..., Any]
) -> None:
    made = mapped()
    told = aws.client("lambda").get_event_source_mapping(UUID=made["UUID"])

    assert made["State"] == "Creating"
    assert (told["State"], told["BatchSize"]) == ("Enabled", 10)
    assert told["EventSourceArn"] == queue[1]
    assert told["FunctionArn"].endswith(f":function:{function}")
    assert told["MaximumBatchingWindowInSeconds"] == 0


def test_messages_come_as_records_and_are_deleted(
    aws: Target, function: str, queue: tuple[str, str], mapped: Callable[..., Any]
) -> None:
    mapped()
    word = aws.name("m")
    aws.client("sqs").send_message(
        QueueUrl=queue[0],
        MessageBody=word,
        MessageAttributes={"colour": {"DataType": "String", "StringValue": "green"}},
    )

    record = eventually(lambda: batches(aws, function, word))[0]["record"]

    assert (record["body"], record["eventSource"]) == (word, "aws:sqs")
    assert (record["eventSourceARN"], record["awsRegion"]) == (queue[1], aws.region)
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert record["messageAttributes"]["colour"]["stringValue"] == "green"
    eventually(lambda: waiting(aws, queue[0]) == 0)


def test_a_batch_that_fails_stays_in_the_queue(
    aws: Target, function: str, queue: tuple[str, str], mapped: Callable[..., Any]
) -> None:
    mapped()
    aws.client("sqs").send_message(QueueUrl=queue[0], MessageBody="raise")

    eventually(lambda: batches(aws, function, "raise"))

    assert waiting(aws, queue[0]) == 1


def test_only_the_messages_that_failed_stay_when_they_are_reported(
    aws: Target, function: str, queue: tuple[str, str], mapped: Callable[..., Any]
) -> None:
    word = aws.name("m")
    for body in (f"good-{word}", f"bad-{word}", f"fine-{word}"):
        aws.client("sqs").send_message(QueueUrl=queue[0], MessageBody=body)
    mapped(FunctionResponseTypes=["ReportBatchItemFailures"])

    eventually(lambda: sum(len(each["bodies"]) for each in batches(aws, function, word)) == 3)

    eventually(lambda: waiting(aws, queue[0]) == 1)


def test_without_reports_a_batch_that_returns_is_done(
    aws: Target, function: str, queue: tuple[str, str], mapped: Callable[..., Any]
) -> None:
    word = aws.name("m")
    aws.client("sqs").send_message(QueueUrl=queue[0], MessageBody=f"bad-{word}")
    mapped()

    eventually(lambda: batches(aws, function, word))

    eventually(lambda: waiting(aws, queue[0]) == 0)


def test_what_a_filter_does_not_want_is_deleted_unseen(
    aws: Target, function: str, queue: tuple[str, str], mapped: Callable[..., Any]
) -> None:
    word = aws.name("m")
    pattern = json.dumps({"body": {"kind": ["wanted"]}})
    mapped(FilterCriteria={"Filters": [{"Pattern": pattern}]})
    for kind in ("other", "wanted"):
        body = json.dumps({"kind": kind, "word": word})
        aws.client("sqs").send_message(QueueUrl=queue[0], MessageBody=body)

    eventually(lambda: waiting(aws, queue[0]) == 0 and batches(aws, function, word))

    kinds = [json.loads(b)["kind"] for each in batches(aws, function, word) for b in each["bodies"]]
    assert kinds == ["wanted"]


def test_a_disabled_mapping_reads_nothing_until_it_is_enabled(
    aws: Target, function: str, queue: tuple[str, str], mapped: Callable[..., Any]
) -> None:
    name = mapped(Enabled=False)["UUID"]
    word = aws.name("m")
    aws.client("sqs").send_message(QueueUrl=queue[0], MessageBody=word)
    before = (state(aws, name), waiting(aws, queue[0]))

    aws.client("lambda").update_event_source_mapping(UUID=name, Enabled=True)

    assert before == ("Disabled", 1)
    eventually(lambda: batches(aws, function, word))


def test_mappings_are_listed_by_function_and_by_queue(
    aws: Target, function: str, queue: tuple[str, str], mapped: Callable[..., Any]
) -> None:
    name = mapped(Enabled=False)["UUID"]
    functions = aws.client("lambda")

    by_queue = functions.list_event_source_mappings(EventSourceArn=queue[1])
    by_function = functions.list_event_source_mappings(FunctionName=function)

    assert [each["UUID"] for each in by_queue["EventSourceMappings"]] == [name]
    assert name in [each["UUID"] for each in by_function["EventSourceMappings"]]


def test_one_mapping_of_a_queue_to_a_function_is_enough(
    aws: Target, function: str, queue: tuple[str, str], mapped: Callable[..., Any]
) -> None:
    name = mapped(Enabled=False)["UUID"]
    create = aws.client("lambda").create_event_source_mapping

    code, text = refusal(create, EventSourceArn=queue[1], FunctionName=function)

    assert code == "ResourceConflictException"
    assert text.endswith(f"Please update or delete the existing mapping with UUID {name}")


def test_a_queue_must_hide_messages_for_as_long_as_the_function_may_take(
    aws: Target, queue: tuple[str, str]
) -> None:
    with created(aws, Timeout=60) as slow:
        create = aws.client("lambda").create_event_source_mapping
        code, text = refusal(create, EventSourceArn=queue[1], FunctionName=slow)

    assert code == "InvalidParameterValueException"
    assert "Queue visibility timeout: 30 seconds is less than Function timeout: 60 seconds" in text


def test_large_batches_need_a_window(aws: Target, function: str, queue: tuple[str, str]) -> None:
    create = aws.client("lambda").create_event_source_mapping

    code, text = refusal(create, EventSourceArn=queue[1], FunctionName=function, BatchSize=100)

    assert code == "InvalidParameterValueException"
    assert text.startswith("Maximum batch window in seconds must be greater than 0")


def test_a_queue_that_is_not_there_is_refused(aws: Target, function: str) -> None:
    create = aws.client("lambda").create_event_source_mapping
    arn = f"arn:aws:sqs:{aws.region}:{aws.account}:{aws.name()}"

    code, text = refusal(create, EventSourceArn=arn, FunctionName=function)

    assert code == "InvalidParameterValueException"
    assert text.startswith("Error occurred while ReceiveMessage. SQS Error Code: ")


def test_a_mapping_that_is_not_there_is_refused(aws: Target) -> None:
    get = aws.client("lambda").get_event_source_mapping

    answer = refusal(get, UUID="00000000-0000-0000-0000-000000000000")

    assert answer == ("ResourceNotFoundException", "The resource you requested does not exist.")
