"""Reads one SQS queue for one function: batches in, what was done is deleted."""

import contextlib
import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any

from local.clock import Clock
from local.cloud import Account
from local.errors import AwsError
from local.patterns import Pattern, parse_pattern

POLL_SECONDS = 5
REST_SECONDS = 1.0
MOST_PER_CALL = 10
log = logging.getLogger("local.lambdas")
Message = dict[str, Any]


@dataclass(frozen=True)
class Mapped:
    """What a poller needs to know of its mapping."""

    queue: str
    function: str
    size: int
    window: float
    partial: bool
    """Whether the function names the messages that failed."""
    filters: tuple[Pattern, ...] = ()

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> "Mapped":
        patterns = (told.get("FilterCriteria") or {}).get("Filters") or []
        return cls(
            queue=told["EventSourceArn"],
            function=told["FunctionArn"],
            size=int(told["BatchSize"]),
            window=float(told["MaximumBatchingWindowInSeconds"]),
            partial="ReportBatchItemFailures" in (told.get("FunctionResponseTypes") or ()),
            filters=tuple(parse_pattern(each["Pattern"]) for each in patterns),
        )

    @property
    def fifo(self) -> bool:
        return self.queue.endswith(".fifo")


class Poller:
    """One thread, one batch at a time; a batch that fails is visible again after its timeout."""

    def __init__(
        self, account: Account, clock: Clock, mapped: Mapped, invoke: Callable[[str, bytes], Any]
    ) -> None:
        self._account = account
        self._clock = clock
        self._mapped = mapped
        self._invoke = invoke
        self._stopped = Event()
        self._url = ""

    def start(self) -> None:
        Thread(target=self._work, name="lambda-poller", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def _work(self) -> None:
        while not self._stopped.is_set():
            try:
                rested = self._once()
            except Exception:  # the queue or the function may be gone for a while
                if not self._stopped.is_set():
                    log.debug("polling %s failed", self._mapped.queue, exc_info=True)
                rested = True
            if rested:
                self._stopped.wait(REST_SECONDS)

    def _once(self) -> bool:
        """Whether there was nothing to do and the next look may wait."""
        batch = self._batch()
        wanted = {each["MessageId"]: each for each in batch if self._wants(each)}
        self._delete([each for each in batch if each["MessageId"] not in wanted])
        if wanted:
            self._delete(self._done(list(wanted.values())))
        return not batch and self._mapped.fifo

    def _batch(self) -> list[Message]:
        """As many messages as fit, gathered for as long as the window is open."""
        batch = self._receive(self._mapped.size, 0 if self._mapped.fifo else POLL_SECONDS)
        closes = time.monotonic() + self._clock.scaled(self._mapped.window)
        while batch and len(batch) < self._mapped.size and not self._stopped.is_set():
            more = self._receive(self._mapped.size - len(batch), 0)
            batch += more
            left = closes - time.monotonic()
            if not more and left <= 0:
                break
            if not more:
                self._stopped.wait(min(left, 0.1))
        return batch

    def _receive(self, most: int, seconds: int) -> list[Message]:
        answer = self._sqs().receive_message(
            QueueUrl=self._address(),
            MaxNumberOfMessages=min(most, MOST_PER_CALL),
            WaitTimeSeconds=seconds,
            AttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        found = answer.get("Messages", [])
        if self._stopped.is_set() and found:
            self._give_back(found)
            return []
        return list(found)

    def _give_back(self, messages: Sequence[Message]) -> None:
        """What came after the end belongs to whoever reads next."""
        for each in messages:
            self._sqs().change_message_visibility(
                QueueUrl=self._address(), ReceiptHandle=each["ReceiptHandle"], VisibilityTimeout=0
            )

    def _wants(self, message: Message) -> bool:
        record = self._record(message)
        with contextlib.suppress(ValueError):  # a body that is no JSON is compared as text
            record = {**record, "body": json.loads(record["body"])}
        filters = self._mapped.filters
        return not filters or any(each.matches(record) for each in filters)

    def _done(self, batch: Sequence[Message]) -> list[Message]:
        """Invoke, and tell which messages need not come again."""
        event = {"Records": [self._record(each) for each in batch]}
        try:
            answer = self._invoke(self._mapped.function, json.dumps(event).encode())
        except AwsError as error:
            log.debug("%s: %s", self._mapped.function, error)
            return []
        if answer.error:
            return []
        if not self._mapped.partial:
            return list(batch)
        failed = failures(answer.payload, [each["MessageId"] for each in batch])
        return [each for each in batch if each["MessageId"] not in failed]

    def _record(self, message: Message) -> dict[str, Any]:
        attributes = message.get("MessageAttributes") or {}
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message.get("Attributes") or {},
            "messageAttributes": {name: _attribute(each) for name, each in attributes.items()},
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": self._mapped.queue,
            "awsRegion": self._account.region,
        }

    def _delete(self, messages: Sequence[Message]) -> None:
        for start in range(0, len(messages), MOST_PER_CALL):
            entries = [
                {"Id": str(number), "ReceiptHandle": each["ReceiptHandle"]}
                for number, each in enumerate(messages[start : start + MOST_PER_CALL])
            ]
            self._sqs().delete_message_batch(QueueUrl=self._address(), Entries=entries)

    def _sqs(self) -> Any:
        return self._account.client("sqs")

    def _address(self) -> str:
        if not self._url:
            name = self._mapped.queue.rpartition(":")[2]
            self._url = str(self._sqs().get_queue_url(QueueName=name)["QueueUrl"])
        return self._url


def failures(payload: bytes, sent: Sequence[str]) -> set[str]:
    """The messages that an answer calls failed: all of them when it cannot be understood."""
    try:
        answer = json.loads(payload or b"null")
        told = (answer or {}).get("batchItemFailures") or []
        failed = {str(each["itemIdentifier"]) for each in told}
    except (ValueError, AttributeError, KeyError, TypeError):
        return set(sent)
    return failed if failed <= set(sent) else set(sent)


def _attribute(value: Mapping[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {
        "stringListValues": [],
        "binaryListValues": [],
        "dataType": value["DataType"],
    }
    if "StringValue" in value:
        told["stringValue"] = value["StringValue"]
    return told
