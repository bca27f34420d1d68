"""Where an asynchronous event goes at its end: destinations and the dead-letter queue."""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from local.clock import Clock
from local.cloud import Account
from local.errors import AwsError
from local.lambdas.asynchronous import Finished
from local.lambdas.function import Function
from local.seams import SendsMessages

log = logging.getLogger("local.lambdas")


@dataclass(frozen=True)
class Destinations:
    """Delivers the record of a finished event; what cannot be delivered is logged, as in AWS."""

    account: Account
    clock: Clock
    queues: SendsMessages
    invoke: Callable[[str, bytes], None]

    def deliver(self, function: Function, config: Mapping[str, Any], finished: Finished) -> None:
        succeeded = finished.condition == "Success"
        side = config.get("DestinationConfig", {}).get("OnSuccess" if succeeded else "OnFailure")
        try:
            if side and side.get("Destination"):
                self._send(str(side["Destination"]), self.record(function, finished))
            if not succeeded and function.dead_letter_arn:
                self._bury(function.dead_letter_arn, finished)
        except Exception:  # a missing destination loses the record, never the queue
            log.exception("%s: the record of an event was lost", function.name)

    def record(self, function: Function, finished: Finished) -> dict[str, Any]:
        context: dict[str, Any] = {"statusCode": 200, "executedVersion": function.version}
        if finished.outcome.error:
            context["functionError"] = finished.outcome.error
        moment = self.clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return {
            "version": "1.0",
            "timestamp": moment,
            "requestContext": {
                "requestId": finished.event.request_id,
                "functionArn": function.qualified_arn,
                "condition": finished.condition,
                "approximateInvokeCount": finished.event.attempts,
            },
            "requestPayload": _json(finished.event.payload),
            "responseContext": context,
            "responsePayload": _json(finished.outcome.payload),
        }

    def _send(self, destination: str, record: dict[str, Any]) -> None:
        body = json.dumps(record)
        service = destination.split(":")[2]
        if service == "sqs":
            self.queues.send(destination, body, {})
        elif service == "lambda":
            self.invoke(destination, body.encode())
        elif service == "sns":
            self.account.client("sns").publish(TopicArn=destination, Message=body)
        elif service == "events":
            self._put_event(destination, record)
        else:
            raise AwsError("InvalidParameterValueException", f"no destination is {destination}")

    def _put_event(self, bus: str, record: dict[str, Any]) -> None:
        succeeded = record["requestContext"]["condition"] == "Success"
        result = "Success" if succeeded else "Failure"
        entry = {
            "EventBusName": bus,
            "Source": "lambda",
            "DetailType": f"Lambda Function Invocation Result - {result}",
            "Detail": json.dumps(record),
            "Resources": [bus, record["requestContext"]["functionArn"]],
        }
        self.account.client("events").put_events(Entries=[entry])

    def _bury(self, target: str, finished: Finished) -> None:
        error = _json(finished.outcome.payload)
        message = error.get("errorMessage", "") if isinstance(error, dict) else ""
        attributes = {
            "RequestID": finished.event.request_id,
            "ErrorCode": "200",
            "ErrorMessage": str(message)[:1024],
        }
        body = finished.event.payload.decode("utf-8", "replace")
        if target.split(":")[2] == "sqs":
            self.queues.send(target, body, attributes)
        else:
            self.account.client("sns").publish(TopicArn=target, Message=body)


def _json(payload: bytes) -> Any:
    try:
        return json.loads(payload or b"null")
    except ValueError:
        return payload.decode("utf-8", "replace")
