"""InvokeEndpoint: a variant by weight, its container's answer, and what else becomes of it."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass

from local.errors import AwsError
from local.sagemaker.copies import Copied, Copies
from local.sagemaker.endpoints import Endpoints
from local.sagemaker.fleet import Fleet
from local.sagemaker.instance import Answer
from local.sagemaker.invocations import ATTRIBUTES, NoAnswer, ask, measure
from local.sagemaker.parts import Parts

_LARGEST_BODY = 25 * 1024 * 1024
_TARGET = "x-amzn-sagemaker-target-variant"
_VARIANT = "x-Amzn-Invoked-Production-Variant"


@dataclass(frozen=True)
class Reply:
    """What InvokeEndpoint answers over HTTP."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Runtime:
    """The way in for users' requests."""

    def __init__(self, parts: Parts, endpoints: Endpoints) -> None:
        self._parts = parts
        self._endpoints = endpoints
        self._copies = Copies(parts)

    def start(self) -> None:
        self._copies.start()

    def stop(self) -> None:
        self._copies.stop()

    def invoke(self, name: str, *, body: bytes, headers: Mapping[str, str]) -> Reply:
        """One request; raises AwsError for what the container has no part in."""
        start = time.monotonic()
        if len(body) > _LARGEST_BODY:
            message = f"The body of {len(body)} bytes exceeds the {_LARGEST_BODY} allowed."
            raise AwsError("ValidationError", message)
        with self._endpoints.entered(name, headers.get(_TARGET)) as (fleet, variant, instance):
            copied = self._copied(name, fleet, body, headers)
            answer = ask(instance, body, headers)
        whole = time.monotonic() - start
        measure(self._parts, name, variant.name, answer, whole, instances=variant.count)
        if isinstance(answer, NoAnswer):
            raise AwsError("ServiceUnavailable", answer.body.decode(), answer.status)
        if copied is not None:
            copied.answered(variant, answer)
        if answer.status == 200:
            return _success(variant.name, answer)
        stream = f"{variant.name}/{instance.number if instance is not None else 'none'}"
        return self._model_error(name, stream, answer)

    def _copied(
        self, name: str, fleet: Fleet, body: bytes, headers: Mapping[str, str]
    ) -> Copied | None:
        """What more than the answer is wanted of this request, for most nothing."""
        if fleet.features and fleet.asynchronous is not None:
            raise unsupported("Asynchronous")
        if fleet.shadow is None and fleet.capture is None:
            return None
        return self._copies.of(name, fleet, body, headers)

    def _model_error(self, name: str, stream: str, answer: Answer) -> Reply:
        where = f"log-group:/aws/sagemaker/Endpoints/{name}:log-stream:{stream}"
        said = answer.body.decode("utf-8", "replace")
        message = f'Received error ({answer.status}) from primary with message "{said}".'
        body = {
            "ErrorCode": "CLIENT_ERROR_FROM_MODEL"
            if answer.status < 500
            else "INTERNAL_FAILURE_FROM_MODEL",
            "LogStreamArn": self._parts.account.arn("logs", where),
            "Message": message,
            "OriginalMessage": said,
            "OriginalStatusCode": answer.status,
        }
        headers = {"Content-Type": "application/json", "x-amzn-errortype": "ModelError"}
        return Reply(424, headers, json.dumps(body).encode())


def unsupported(kind: str) -> AwsError:
    """The runtime's error for an endpoint that is asked in the other way."""
    message = f"Endpoint type: {kind} does not support this inference type."
    return AwsError("ValidationError", message)


def _success(variant: str, answer: Answer) -> Reply:
    told = {
        "Content-Type": answer.headers.get("content-type", "application/octet-stream"),
        _VARIANT: variant,
    }
    if ATTRIBUTES in answer.headers:
        told["X-Amzn-SageMaker-Custom-Attributes"] = answer.headers[ATTRIBUTES]
    return Reply(200, told, answer.body)
