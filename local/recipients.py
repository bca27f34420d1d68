"""Who takes what EventBridge and Scheduler send: functions, queues, topics, log groups."""

import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from local.cloud import Account
from local.errors import AwsError, not_there
from local.seams import SendsMessages

SERVICES = frozenset({"lambda", "sqs", "sns", "logs"})
_DENIED = frozenset({"AccessDeniedException", "AccessDenied", "AuthorizationError"})
_MISSING = frozenset(
    {
        "ResourceNotFoundException",
        "AWS.SimpleQueueService.NonExistentQueue",
        "QueueDoesNotExist",
        "NotFound",
        "NotFoundException",
        "NO_RESOURCE",
    }
)
_THROTTLED = ("TooManyRequests", "Throttl", "RequestLimitExceeded", "SlowDown")


class InvokesFunctions(Protocol):
    """What a delivery needs of Lambda."""

    def invoke_async(self, function: str, payload: bytes) -> None: ...


@dataclass(frozen=True)
class Recipients:
    """Hands a text to a target by its ARN."""

    account: Account
    lambdas: InvokesFunctions
    queues: SendsMessages

    def give(self, arn: str, text: str, target: Mapping[str, Any]) -> None:
        """Raises AwsError with the code of the target's own service."""
        match service_of(arn):
            case "lambda":
                self.lambdas.invoke_async(arn, (text or "{}").encode())
            case "sqs":
                self._send(arn, text, target.get("SqsParameters", {}).get("MessageGroupId"))
            case "sns":
                self.call("sns", "publish", TopicArn=arn, Message=text)
            case "logs":
                self._log(arn, text)
            case service:
                raise AwsError("NO_RESOURCE", f"targets of service {service!r} are not emulated")

    def call(self, service: str, method: str, **request: Any) -> dict[str, Any]:
        """One call of the account's own API; raises AwsError, 503 when nobody answers."""
        try:
            answer: dict[str, Any] = getattr(self.account.client(service), method)(**request)
        except ClientError as error:
            raise _translated(error) from error
        except BotoCoreError as error:
            raise AwsError("ServiceUnavailable", f"{service}: {error}", 503) from error
        return answer

    def _send(self, arn: str, text: str, group: str | None) -> None:
        if group is None:
            self.queues.send(arn, text, {})
            return
        url = self.call("sqs", "get_queue_url", QueueName=arn.rpartition(":")[2])["QueueUrl"]
        self.call("sqs", "send_message", QueueUrl=url, MessageBody=text, MessageGroupId=group)

    def _log(self, arn: str, text: str) -> None:
        """A line in a stream of its own, as EventBridge writes its events."""
        group = arn.partition(":log-group:")[2].removesuffix(":*")
        stream = str(uuid.uuid4())
        self.call("logs", "create_log_stream", logGroupName=group, logStreamName=stream)
        line = {"timestamp": int(time.time() * 1000), "message": text}
        self.call(
            "logs", "put_log_events", logGroupName=group, logStreamName=stream, logEvents=[line]
        )


def service_of(arn: str) -> str:
    return (arn.split(":") + [""] * 3)[2]


def check_arn(arn: str, *, also: frozenset[str] = frozenset()) -> None:
    """Refuse at once what nobody here could deliver to."""
    if len(arn.split(":")) < 6 or not arn.startswith("arn:"):
        message = f"Parameter {arn} is not valid. Reason: Provided Arn is not in correct format."
        raise AwsError("ValidationException", message)
    if service_of(arn) not in SERVICES | also:
        raise not_there("events", f"a target of {service_of(arn)}")


def is_final(error: AwsError) -> bool:
    """Whether no second try would change this refusal: no such target, or no permission."""
    return error.code in _MISSING or error.code in _DENIED


def delivery_error(error: AwsError) -> str:
    """The error code that EventBridge gives a dead letter."""
    if error.code in _MISSING:
        return "NO_RESOURCE"
    if error.code in _DENIED:
        return "NO_PERMISSIONS"
    if error.status == 429 or error.code.startswith(_THROTTLED):
        return "THROTTLING"
    return "SDK_CLIENT_ERROR" if error.code == "SDK_CLIENT_ERROR" else "ERROR_FROM_TARGET"


def json_object(text: str) -> dict[str, Any] | None:
    """The object that a text is, or None."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _translated(error: ClientError) -> AwsError:
    told = error.response["Error"]
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
    return AwsError(told["Code"], told.get("Message", ""), status)
