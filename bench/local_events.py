"""What the embedded AWS takes and delivers: 200 S3 puts a second for 30 seconds, rule → SQS.

Puts come from a process of their own at a fixed rate, whatever the server does; what was accepted
is counted by its answers, what was delivered by a reader of the queue. The lag of an event is from
the answer of its put until the message is in the queue (`SentTimestamp`).
Run: `python -m bench.local_events`.
"""

import json
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from demo.measure import percentile
from tests.conformance.target import Target, embedded

RATE = 200
SECONDS = 30
_SENDERS = 8
_PATIENCE = 30.0
_BUCKET = "bench-events"


@dataclass
class Load:
    """Keys and the wall-clock time at which each put was answered."""

    answered: dict[str, float] = field(default_factory=dict)
    refused: int = 0


def main() -> int:
    """Measure and print; 1 when puts or events are missing."""
    wanted = RATE * SECONDS
    with embedded() as aws, ThreadPoolExecutor(1) as reader:
        queue = _ready(aws)
        draining = reader.submit(_drained, aws, queue, wanted)
        load, took = _put_all(aws)
        arrived = draining.result()
    missing = load.answered.keys() - arrived.keys()
    lags = [max(0.0, arrived[key] - at) for key, at in load.answered.items() if key in arrived]
    rate = len(load.answered) / took
    print(f"accepted   {len(load.answered)} of {wanted} puts, {rate:.0f}/s, {load.refused} refused")
    print(f"delivered  {len(arrived)} events, {len(missing)} missing")
    p50, p95 = percentile(lags, 50) or 0.0, percentile(lags, 95) or 0.0
    print(f"event lag  p50 {p50 * 1000:.0f} ms  p95 {p95 * 1000:.0f} ms")
    return 0 if not missing and len(load.answered) == wanted and rate >= 0.98 * RATE else 1


def _ready(aws: Target) -> str:
    """A bucket whose events a rule brings into a queue; the queue's URL."""
    sqs, s3, events = (aws.client(name) for name in ("sqs", "s3", "events"))
    url = str(sqs.create_queue(QueueName=_BUCKET)["QueueUrl"])
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    s3.create_bucket(Bucket=_BUCKET)
    s3.put_bucket_notification_configuration(
        Bucket=_BUCKET, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    events.put_rule(Name=_BUCKET, EventPattern=json.dumps({"source": ["aws.s3"]}))
    events.put_targets(Rule=_BUCKET, Targets=[{"Id": "queue", "Arn": arn["QueueArn"]}])
    return url


def _put_all(aws: Target) -> tuple[Load, float]:
    """Every put at its moment; how long it took until all were answered."""
    load, lock, number = Load(), threading.Lock(), iter(range(RATE * SECONDS))
    started = time.monotonic()

    def send(s3: Any) -> None:
        for each in _numbers(number, lock):
            wait = started + each / RATE - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            try:
                s3.put_object(Bucket=_BUCKET, Key=f"{each}", Body=b"x" * 1024)
                load.answered[f"{each}"] = time.time()
            except s3.exceptions.ClientError:
                load.refused += 1

    with ThreadPoolExecutor(_SENDERS) as pool:
        list(pool.map(send, [aws.client("s3") for _ in range(_SENDERS)]))
    return load, time.monotonic() - started


def _numbers(number: Iterator[int], lock: threading.Lock) -> Iterator[int]:
    while True:
        with lock:
            found = next(number, None)
        if found is None:
            return
        yield found


def _drained(aws: Target, url: str, wanted: int) -> dict[str, float]:
    """Keys and when their message was sent, once all are there or none came for long."""
    sqs = aws.client("sqs")
    found: dict[str, float] = {}
    deadline = time.monotonic() + _PATIENCE
    while len(found) < wanted and time.monotonic() < deadline:
        answer = sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            WaitTimeSeconds=1,
            AttributeNames=["SentTimestamp"],
        )
        messages = answer.get("Messages", [])
        for message in messages:
            key = json.loads(message["Body"])["detail"]["object"]["key"]
            found[key] = int(message["Attributes"]["SentTimestamp"]) / 1000
        if messages:
            _delete(sqs, url, messages)
            deadline = time.monotonic() + _PATIENCE
    return found


def _delete(sqs: Any, url: str, messages: list[dict[str, Any]]) -> None:
    handles = [
        {"Id": str(number), "ReceiptHandle": each["ReceiptHandle"]}
        for number, each in enumerate(messages)
    ]
    sqs.delete_message_batch(QueueUrl=url, Entries=handles)


if __name__ == "__main__":
    sys.exit(main())
