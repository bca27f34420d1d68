"""What SNS is told of an asynchronous inference that is over."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from local.sagemaker.async_requests import Inference

_LARGEST_BODY = 128 * 1024


@dataclass(frozen=True)
class Outcome:
    """What became of an inference; `reason` is that of a failure, empty for an answer."""

    body: bytes = b""
    content_type: str = ""
    reason: str = ""


def topic(told: Mapping[str, Any], outcome: Outcome) -> str | None:
    """Whom an OutputConfig wants to hear of an outcome."""
    name = "ErrorTopic" if outcome.reason else "SuccessTopic"
    found: str | None = told.get("NotificationConfig", {}).get(name)
    return found


def message(
    inference: Inference,
    outcome: Outcome,
    told: Mapping[str, Any],
    *,
    region: str,
    now: datetime,
) -> str:
    """The text of a notification."""
    over = {"invocationStatus": "Failed" if outcome.reason else "Completed"}
    if outcome.reason:
        over["failureReason"] = outcome.reason
    return json.dumps(
        {
            "awsRegion": region,
            "eventTime": _time(now),
            "receivedTime": _time(inference.received),
            **over,
            "requestParameters": dict(inference.parameters),
            **_response(inference, outcome, told),
            "inferenceId": inference.id,
            "eventVersion": "1.0",
            "eventSource": "aws:sagemaker",
            "eventName": "InferenceResult",
        }
    )


def _response(inference: Inference, outcome: Outcome, told: Mapping[str, Any]) -> dict[str, Any]:
    where = inference.failure if outcome.reason else inference.output
    parameters = {"contentType": outcome.content_type, "outputLocation": where}
    known = {name: value for name, value in parameters.items() if value}
    response: dict[str, Any] = {"responseParameters": known} if known else {}
    if _includes(told, outcome) and len(outcome.body) <= _LARGEST_BODY:
        content = base64.b64encode(outcome.body).decode()
        response["responseBody"] = {"content": content, "encoding": "BASE64"}
    return response


def _includes(told: Mapping[str, Any], outcome: Outcome) -> bool:
    kind = "ERROR_NOTIFICATION_TOPIC" if outcome.reason else "SUCCESS_NOTIFICATION_TOPIC"
    return kind in told.get("NotificationConfig", {}).get("IncludeInferenceResponseIn", ())


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"
