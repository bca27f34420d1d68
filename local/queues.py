"""Messages into SQS queues, by ARN; senders that come together share a call."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.cloud import Account
from local.errors import AwsError

_MOST = 10
_LARGEST = 200_000


@dataclass
class _Letter:
    """A message that its sender waits for; `error` is what became of it, if it was refused."""

    body: str
    attributes: dict[str, Any]
    sent: Event = field(default_factory=Event)
    error: Exception | None = None

    @property
    def size(self) -> int:
        return len(self.body.encode()) + 1_000 * len(self.attributes)


@dataclass
class _Box:
    """What waits for one queue; whoever finds nobody sending sends for all."""

    url: str
    letters: deque[_Letter] = field(default_factory=deque)
    sending: bool = False
    lock: Lock = field(default_factory=Lock)

    def take(self) -> list[_Letter]:
        """As much as fits into one call; nothing ends the sending."""
        with self.lock:
            taken: list[_Letter] = []
            room = _LARGEST
            while self.letters and len(taken) < _MOST:
                room -= self.letters[0].size
                if taken and room < 0:
                    break
                taken.append(self.letters.popleft())
            self.sending = bool(taken)
            return taken


@dataclass(frozen=True)
class Queues:
    """Sends through the account's own SQS."""

    account: Account
    _boxes: dict[str, _Box] = field(default_factory=dict, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def send(self, queue_arn: str, body: str, attributes: Mapping[str, str]) -> None:
        """Raises AwsError with SQS's own code, or 503 when SQS does not answer."""
        typed = {n: {"DataType": "String", "StringValue": v} for n, v in attributes.items() if v}
        letter = _Letter(body, typed)
        box = self._box(queue_arn)
        with box.lock:
            box.letters.append(letter)
            leads, box.sending = not box.sending, True
        if leads:
            self._send_all(queue_arn, box)
        letter.sent.wait()
        if letter.error is not None:
            raise letter.error

    def _send_all(self, queue_arn: str, box: _Box) -> None:
        while letters := box.take():
            try:
                self._send(box.url, letters)
            except Exception as error:  # noqa: BLE001  # told to everybody who waits
                with self._lock:
                    self._boxes.pop(queue_arn, None)
                _tell(letters, error)
            for letter in letters:
                letter.sent.set()

    def _send(self, url: str, letters: list[_Letter]) -> None:
        sqs = self.account.client("sqs")
        if len(letters) == 1:
            (one,) = letters
            sqs.send_message(QueueUrl=url, MessageBody=one.body, MessageAttributes=one.attributes)
            return
        entries = [
            {"Id": str(n), "MessageBody": each.body, "MessageAttributes": each.attributes}
            for n, each in enumerate(letters)
        ]
        answer = sqs.send_message_batch(QueueUrl=url, Entries=entries)
        for failed in answer.get("Failed", []):
            status = 400 if failed.get("SenderFault") else 500
            error = AwsError(failed["Code"], failed.get("Message", ""), status)
            letters[int(failed["Id"])].error = error

    def _box(self, queue_arn: str) -> _Box:
        with self._lock:
            known = self._boxes.get(queue_arn)
        if known is not None:
            return known
        try:
            found = self.account.client("sqs").get_queue_url(QueueName=queue_arn.rpartition(":")[2])
        except (ClientError, BotoCoreError) as error:
            raise _translated(error) from error
        with self._lock:
            return self._boxes.setdefault(queue_arn, _Box(str(found["QueueUrl"])))


def _tell(letters: list[_Letter], error: Exception) -> None:
    for letter in letters:
        letter.error = _translated(error)


def _translated(error: Exception) -> Exception:
    if isinstance(error, ClientError):
        told = error.response["Error"]
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
        return AwsError(told["Code"], told.get("Message", ""), status)
    if isinstance(error, BotoCoreError):
        return AwsError("ServiceUnavailable", f"SQS: {error}", 503)
    return error
