"""A request to an asynchronous endpoint: what is asked, and where its answer will lie."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Self
from uuid import uuid4

from local.errors import AwsError
from local.sagemaker.s3_uris import below

_LARGEST_BODY = 128_000
_LONGEST_WAIT = 21600
_LONGEST_ANSWER = 900
_HEADERS = {
    "ContentType": "content-type",
    "Accept": "accept",
    "CustomAttributes": "x-amzn-sagemaker-custom-attributes",
}


@dataclass(frozen=True)
class Inference:
    """One accepted request; it is kept until it is answered."""

    key: str
    """Sorts by when it came."""
    endpoint: str
    id: str
    received: datetime
    waits: float
    """Seconds of AWS until it expires in the queue."""
    timeout: float
    location: str | None
    body: bytes
    headers: Mapping[str, str]
    """What the container is sent, by lower-cased names."""
    output: str | None
    failure: str | None
    parameters: Mapping[str, str] = field(default_factory=dict)
    """How a notification tells what was asked."""

    @classmethod
    def of(cls, request: Mapping[str, Any], told: Mapping[str, Any], now: datetime) -> Self:
        """A request to an endpoint with this OutputConfig; raises the runtime's errors."""
        location, body = request.get("InputLocation"), request.get("Body") or b""
        if bool(location) == bool(body):
            message = "Exactly one of Body and InputLocation must be provided."
            raise AwsError("ValidationError", message)
        if len(body) > _LARGEST_BODY:
            message = f"The body of {len(body)} bytes exceeds the {_LARGEST_BODY} allowed."
            raise AwsError("ValidationError", message)
        number, own = str(uuid4()), request.get("InferenceId") or str(uuid4())
        headers = {header: request[name] for name, header in _HEADERS.items() if name in request}
        return cls(
            key=f"{now.timestamp():020.6f}-{number}",
            endpoint=request["EndpointName"],
            id=own,
            received=now,
            waits=request.get("RequestTTLSeconds", _LONGEST_WAIT),
            timeout=request.get("InvocationTimeoutSeconds", _LONGEST_ANSWER),
            location=location,
            body=body,
            headers=headers | {"x-amzn-sagemaker-inference-id": own},
            output=_output(request, told, number),
            failure=_failure(request, told, number),
            parameters=_parameters(request),
        )

    def kept(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_kept(cls, kept: Mapping[str, Any]) -> Self:
        return cls(**kept)

    def answer(self) -> dict[str, Any]:
        """What its caller is told."""
        told = {
            "InferenceId": self.id,
            "OutputLocation": self.output,
            "FailureLocation": self.failure,
        }
        return {name: value for name, value in told.items() if value}


def _output(request: Mapping[str, Any], told: Mapping[str, Any], number: str) -> str | None:
    if "S3OutputPath" not in told:
        return None
    name = request.get("Filename", f"{number}.out")
    return below(told["S3OutputPath"], request.get("S3OutputPathExtension", ""), name)


def _failure(request: Mapping[str, Any], told: Mapping[str, Any], number: str) -> str | None:
    if "S3FailurePath" not in told:
        return None
    name = f"{number}-error.out"
    return below(told["S3FailurePath"], request.get("S3OutputPathExtension", ""), name)


def _parameters(request: Mapping[str, Any]) -> dict[str, str]:
    names = {
        "Accept": "accept",
        "ContentType": "contentType",
        "CustomAttributes": "customAttributes",
        "EndpointName": "endpointName",
        "InputLocation": "inputLocation",
    }
    return {told: request[name] for name, told in names.items() if request.get(name)}
