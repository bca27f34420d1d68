"""InvokeEndpoint: a variant by weight, its container's answer, and the metrics of it."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass

from local.errors import AwsError
from local.sagemaker.endpoints import Endpoints
from local.sagemaker.instance import Answer, Instance, UnreachableError
from local.sagemaker.parts import Parts
from local.sagemaker.variant import Variant

_LARGEST_BODY = 25 * 1024 * 1024
_NAMESPACE = "AWS/SageMaker"
_ATTRIBUTES = "x-amzn-sagemaker-custom-attributes"
_TARGET = "x-amzn-sagemaker-target-variant"
_VARIANT = "x-Amzn-Invoked-Production-Variant"
_PASSED_ON = ("content-type", "accept", _ATTRIBUTES, "x-amzn-sagemaker-inference-id")


@dataclass(frozen=True)
class Reply:
    """What InvokeEndpoint answers over HTTP."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class NoAnswer(Answer):
    """Nobody was there to answer: not the model's error, and worth another call."""


class Runtime:
    """The way in for users' requests."""

    def __init__(self, parts: Parts, endpoints: Endpoints) -> None:
        self._parts = parts
        self._endpoints = endpoints

    def invoke(self, name: str, *, body: bytes, headers: Mapping[str, str]) -> Reply:
        """One request; raises AwsError for what the container has no part in."""
        start = time.monotonic()
        if len(body) > _LARGEST_BODY:
            message = f"The body of {len(body)} bytes exceeds the {_LARGEST_BODY} allowed."
            raise AwsError("ValidationError", message)
        with self._endpoints.entered(name, headers.get(_TARGET)) as (variant, instance):
            answer = self._ask(instance, body, headers)
        self._measure(name, variant, answer, time.monotonic() - start)
        if isinstance(answer, NoAnswer):
            raise AwsError("ServiceUnavailable", answer.body.decode(), answer.status)
        if answer.status == 200:
            return _success(variant.name, answer)
        stream = f"{variant.name}/{instance.number if instance is not None else 'none'}"
        return self._model_error(name, stream, answer)

    def _ask(self, instance: Instance | None, body: bytes, headers: Mapping[str, str]) -> Answer:
        passed = {key: headers[key] for key in _PASSED_ON if key in headers}
        if instance is None:
            return NoAnswer(503, {}, b"No container is running. Try your call again.", 0.0)
        try:
            return instance.invoke(body, passed)
        except TimeoutError:
            message = (
                "Your invocation timed out while waiting for a response from container primary."
            )
            return Answer(504, {}, message.encode(), 60.0)
        except UnreachableError as error:
            message = f"The container cannot be reached ({error}). Try your call again."
            return NoAnswer(503, {}, message.encode(), 0.0)

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

    def _measure(self, name: str, variant: Variant, answer: Answer, whole: float) -> None:
        dimensions = {"EndpointName": name, "VariantName": variant.name}
        now = self._parts.now()
        counted = {
            "Invocations": 1.0,
            "InvocationsPerInstance": 1.0 / variant.count,
            "Invocation4XXErrors": float(400 <= answer.status < 500),
            "Invocation5XXErrors": float(answer.status >= 500),
            "InvocationModelErrors": float(answer.status != 200),
        }
        for metric, value in counted.items():
            self._parts.metrics.put(_NAMESPACE, metric, dimensions, value, unit="None", at=now)
        for metric, seconds in (
            ("ModelLatency", answer.seconds),
            ("OverheadLatency", whole - answer.seconds),
        ):
            self._parts.metrics.put(
                _NAMESPACE, metric, dimensions, seconds * 1e6, unit="Microseconds", at=now
            )


def _success(variant: str, answer: Answer) -> Reply:
    told = {
        "Content-Type": answer.headers.get("content-type", "application/octet-stream"),
        _VARIANT: variant,
    }
    if _ATTRIBUTES in answer.headers:
        told["X-Amzn-SageMaker-Custom-Attributes"] = answer.headers[_ATTRIBUTES]
    return Reply(200, told, answer.body)
