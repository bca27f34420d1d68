"""What of the requests and answers of an endpoint is captured, and how a line of it looks."""

import base64
import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

_UNSAID = "application/octet-stream"
_ATTRIBUTES = "x-amzn-sagemaker-custom-attributes"
_INFERENCE = "x-amzn-sagemaker-inference-id"


@dataclass(frozen=True)
class Exchange:
    """A request as it came, and what tells its lines apart from others'."""

    id: str
    at: datetime
    headers: Mapping[str, str]
    """Lower-cased names."""
    body: bytes

    def metadata(self) -> dict[str, Any]:
        told: dict[str, Any] = {"eventId": self.id}
        if _ATTRIBUTES in self.headers:
            told["customAttributes"] = [self.headers[_ATTRIBUTES]]
        if _INFERENCE in self.headers:
            told["inferenceId"] = self.headers[_INFERENCE]
        return {**told, "inferenceTime": f"{self.at:%Y-%m-%dT%H:%M:%SZ}"}


@dataclass(frozen=True)
class Capture:
    """A DataCaptureConfig that is enabled."""

    destination: str
    percentage: int
    modes: frozenset[str]
    csv: frozenset[str]
    json: frozenset[str]

    @classmethod
    def of(cls, config: Mapping[str, Any] | None) -> Self | None:
        """None where nothing is to be captured."""
        if config is None or not config.get("EnableCapture", True):
            return None
        modes = {option["CaptureMode"] for option in config["CaptureOptions"]}
        types = config.get("CaptureContentTypeHeader", {})
        return cls(
            destination=config["DestinationS3Uri"],
            percentage=config["InitialSamplingPercentage"],
            modes=frozenset({"Input", "Output"} if "InputAndOutput" in modes else modes),
            csv=frozenset(types.get("CsvContentTypes", ())),
            json=frozenset(types.get("JsonContentTypes", ())),
        )

    def takes(self) -> bool:
        """Whether the next request is one of the sample."""
        return random.random() * 100 < self.percentage

    def line(self, exchange: Exchange, content_type: str | None, answer: bytes) -> bytes:
        """One JSON line of a request and its answer."""
        data = {}
        if "Input" in self.modes:
            asked = exchange.headers.get("content-type")
            data["endpointInput"] = self._side("INPUT", asked, exchange.body)
        if "Output" in self.modes:
            data["endpointOutput"] = self._side("OUTPUT", content_type, answer)
        told = {"captureData": data, "eventMetadata": exchange.metadata(), "eventVersion": "0"}
        return json.dumps(told, separators=(",", ":")).encode() + b"\n"

    def _side(self, mode: str, content_type: str | None, body: bytes) -> dict[str, str]:
        observed = content_type or _UNSAID
        text, encoding = self._encoded(observed.partition(";")[0].strip(), body)
        return {"observedContentType": observed, "mode": mode, "data": text, "encoding": encoding}

    def _encoded(self, content_type: str, body: bytes) -> tuple[str, str]:
        """Text for the types that are said to be text; Base64 for others, and for no UTF-8."""
        encoding = "CSV" if content_type in self.csv else "JSON"
        if content_type in self.csv | self.json:
            try:
                return body.decode(), encoding
            except UnicodeDecodeError:
                pass
        return base64.b64encode(body).decode(), "BASE64"


def summary(config: Mapping[str, Any]) -> dict[str, Any]:
    """A DataCaptureConfig as DescribeEndpoint tells it."""
    enabled = config.get("EnableCapture", True)
    return {
        "EnableCapture": enabled,
        "CaptureStatus": "Started" if enabled else "Stopped",
        "CurrentSamplingPercentage": config["InitialSamplingPercentage"],
        "DestinationS3Uri": config["DestinationS3Uri"],
        "KmsKeyId": config.get("KmsKeyId", ""),
    }
