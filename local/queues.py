"""Messages into SQS queues, by ARN."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock

from botocore.exceptions import BotoCoreError, ClientError

from local.cloud import Account
from local.errors import AwsError


@dataclass(frozen=True)
class Queues:
    """Sends through the account's own SQS."""

    account: Account
    _urls: dict[str, str] = field(default_factory=dict, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def send(self, queue_arn: str, body: str, attributes: Mapping[str, str]) -> None:
        """Raises AwsError with SQS's own code, or 503 when SQS does not answer."""
        typed = {n: {"DataType": "String", "StringValue": v} for n, v in attributes.items() if v}
        sqs = self.account.client("sqs")
        try:
            url = self._url(queue_arn)
            sqs.send_message(QueueUrl=url, MessageBody=body, MessageAttributes=typed)
        except ClientError as error:
            raise _translated(error) from error
        except BotoCoreError as error:
            raise AwsError("ServiceUnavailable", f"SQS: {error}", 503) from error

    def _url(self, queue_arn: str) -> str:
        with self._lock:
            known = self._urls.get(queue_arn)
        if known is None:
            name = queue_arn.rpartition(":")[2]
            known = str(self.account.client("sqs").get_queue_url(QueueName=name)["QueueUrl"])
            with self._lock:
                self._urls[queue_arn] = known
        return known


def _translated(error: ClientError) -> AwsError:
    told = error.response["Error"]
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
    return AwsError(told["Code"], told.get("Message", ""), status)
