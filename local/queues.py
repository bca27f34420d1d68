"""Messages into SQS queues, by ARN."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock

from local.cloud import Account


@dataclass(frozen=True)
class Queues:
    """Sends through the account's own SQS."""

    account: Account
    _urls: dict[str, str] = field(default_factory=dict, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def send(self, queue_arn: str, body: str, attributes: Mapping[str, str]) -> None:
        typed = {n: {"DataType": "String", "StringValue": v} for n, v in attributes.items() if v}
        sqs = self.account.client("sqs")
        sqs.send_message(QueueUrl=self._url(queue_arn), MessageBody=body, MessageAttributes=typed)

    def _url(self, queue_arn: str) -> str:
        with self._lock:
            known = self._urls.get(queue_arn)
        if known is None:
            name = queue_arn.rpartition(":")[2]
            known = str(self.account.client("sqs").get_queue_url(QueueName=name)["QueueUrl"])
            with self._lock:
                self._urls[queue_arn] = known
        return known
