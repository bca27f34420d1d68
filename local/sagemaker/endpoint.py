"""One endpoint, and what is told of it: to DescribeEndpoint and as an event."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event, RLock
from typing import Any

from local.sagemaker.capture import summary
from local.sagemaker.fleet import Fleet
from local.sagemaker.parts import Request, milliseconds, with_times
from local.sagemaker.variant import Variant

IN_PROGRESS = frozenset({"Creating", "Updating", "RollingBack", "Deleting"})
STRANDED = "UpdateRollbackFailed"
"""Neither did a rolling deployment reach its end nor could it go back."""
SERVING = frozenset({"InService", "Updating", "SystemUpdating", "RollingBack", STRANDED})


@dataclass
class Endpoint:
    """One endpoint, under its lock."""

    name: str
    told: dict[str, Any]
    fleet: Fleet | None = None
    coming: Fleet | None = None
    """The fleet that is being brought into service, if any."""
    lock: RLock = field(default_factory=RLock)
    guardrails: Request | None = None
    """The DeploymentConfig under which it comes."""
    share: float = 0.0
    """Of the traffic, what the coming fleet has already."""
    revived: Event = field(default_factory=Event)
    """Whether its processes run as they ran before the server ended."""

    @property
    def status(self) -> str:
        return str(self.told["EndpointStatus"])

    def kept(self) -> Request:
        """All that it takes to bring it back."""
        with self.lock:
            fleets = {"fleet": self.fleet, "coming": self.coming}
            told = {name: fleet.kept() for name, fleet in fleets.items() if fleet is not None}
            share = self.share if self.status == STRANDED else 0.0
            return {"told": self.told, "guardrails": self.guardrails, "share": share, **told}

    def answering(self) -> Fleet | None:
        """Whose turn it is: while a deployment goes on, both fleets have their share."""
        return self.coming if self.coming and random.random() < self.share else self.fleet

    def described(self) -> Request:
        with self.lock:
            told = dict(self.told)
            if self.fleet is not None:
                told |= _variants(self.fleet, Variant.described) | _features(self.fleet)
        return told

    def event(self, tags: Callable[[str], dict[str, str]]) -> Request:
        """The detail of its state change; every number is a float, as in SageMaker's."""
        told = self.described()
        detail = {
            "EndpointName": told["EndpointName"],
            "EndpointArn": told["EndpointArn"],
            "EndpointConfigName": told["EndpointConfigName"],
            "ProductionVariants": [
                {key: _floating(value) for key, value in variant.items() if key != "DeployedImages"}
                for variant in told.get("ProductionVariants", [])
            ],
            "EndpointStatus": _upper_snake(told["EndpointStatus"]),
            "CreationTime": told["CreationTime"],
            "LastModifiedTime": told["LastModifiedTime"],
            "Tags": tags(told["EndpointArn"]),
        }
        if "FailureReason" in told:
            detail["FailureReason"] = told["FailureReason"]
        event: Request = with_times(detail, lambda moment: float(milliseconds(moment)))
        return event

    def deployment_event(self, tags: Callable[[str], dict[str, str]]) -> Request:
        """The detail of a step of its deployment."""
        summary = with_times(self.told["PendingDeploymentSummary"], milliseconds)
        return self.event(tags) | {"PendingDeploymentSummary": summary}


def pending(fleet: Fleet) -> Request:
    """What DescribeEndpoint tells of a fleet on its way."""
    return {
        "EndpointConfigName": fleet.config,
        **_variants(fleet, Variant.pending),
    }


def _variants(fleet: Fleet, told: Callable[[Variant], Request]) -> Request:
    production = {"ProductionVariants": [told(variant) for variant in fleet.production]}
    shadow = {} if fleet.shadow is None else {"ShadowProductionVariants": [told(fleet.shadow)]}
    return {**production, **shadow}


def _features(fleet: Fleet) -> Request:
    told = {name: value for name, value in fleet.features.items() if name != "DataCaptureConfig"}
    capture = fleet.features.get("DataCaptureConfig")
    return told if capture is None else {**told, "DataCaptureConfig": summary(capture)}


def _floating(value: Any) -> Any:
    return float(value) if isinstance(value, int) else value


def _upper_snake(status: str) -> str:
    return "".join(f"_{c}" if c.isupper() else c for c in status).strip("_").upper()
