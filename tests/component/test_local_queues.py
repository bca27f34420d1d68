"""Senders to one queue share calls; each learns what became of its own message."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from local.errors import AwsError
from local.queues import Queues
from tests.fakes.embedded_aws import core

MANY = 60


def arn(name: str) -> str:
    return f"arn:aws:sqs:us-east-1:123456789012:{name}"


def test_what_many_send_at_once_all_arrives() -> None:
    aws, name = core(), uuid4().hex
    url = aws.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    queues = Queues(aws.account)

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(lambda n: queues.send(arn(name), f"{n}", {"N": f"{n}"}), range(MANY)))

    found: dict[str, str] = {}
    while len(found) < MANY:
        answer = aws.client("sqs").receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        )
        for message in answer["Messages"]:
            found[message["Body"]] = message["MessageAttributes"]["N"]["StringValue"]
    assert found == {f"{n}": f"{n}" for n in range(MANY)}


def test_everybody_learns_that_the_queue_is_gone() -> None:
    aws, name = core(), uuid4().hex
    url = aws.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    queues = Queues(aws.account)
    queues.send(arn(name), "first", {})
    aws.client("sqs").delete_queue(QueueUrl=url)

    def code(number: int) -> str:
        with pytest.raises(AwsError) as raised:
            queues.send(arn(name), f"{number}", {})
        return raised.value.code

    with ThreadPoolExecutor(12) as pool:
        codes = set(pool.map(code, range(MANY)))
    assert codes == {"AWS.SimpleQueueService.NonExistentQueue"}


def test_a_queue_that_comes_back_is_found_again() -> None:
    aws, name = core(), uuid4().hex
    queues = Queues(aws.account)
    with pytest.raises(AwsError):
        queues.send(arn(name), "too early", {})
    aws.client("sqs").create_queue(QueueName=name)

    queues.send(arn(name), "in time", {})
