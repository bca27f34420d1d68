"""One endpoint, and what is told of it: to DescribeEndpoint and as an event."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event, RLock
from typing import Any

from local.sagemaker.fleet import Fleet
from local.sagemaker.guardrails import Plan
from local.sagemaker.parts import Request, milliseconds, with_times

IN_PROGRESS = frozenset({"Creating", "Updating", "Deleting"})
SERVING = frozenset({"InService", "Updating", "SystemUpdating", "RollingBack"})


@dataclass
class Endpoint:
    """One endpoint, under its lock."""

    name: str
    told: dict[str, Any]
    fleet: Fleet | None = None
    coming: Fleet | None = None
    """The fleet that is being brought into service, if any."""
    share: float = 0.0
    """The part of the traffic that `coming` has already."""
    plan: Plan | None = None
    """How the traffic goes there."""
    lock: RLock = field(default_factory=RLock)
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
            return {"told": self.told, "guarded": self.plan is not None, **told}

    def described(self) -> Request:
        with self.lock:
            told = dict(self.told)
            if self.fleet is not None:
                told["ProductionVariants"] = [v.described() for v in self.fleet.variants.values()]
        return told

    def arrive(self, fleet: Fleet | None) -> Fleet | None:
        """`fleet` has all traffic, and no other is on its way; the one before."""
        with self.lock:
            before, self.fleet = self.fleet, fleet
            self.coming, self.plan, self.share = None, None, 0.0
            return before

    def serving(self) -> Fleet | None:
        """The fleet for the next request."""
        if self.coming is not None and random.random() < self.share:
            return self.coming
        return self.fleet

    def deployment_event(self, tags: Callable[[str], dict[str, str]]) -> Request:
        """The detail of a deployment's state change."""
        detail = self.event(tags)
        pending = with_times(self.described()["PendingDeploymentSummary"], milliseconds)
        detail["PendingDeploymentSummary"] = pending
        return detail

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


def pending(fleet: Fleet) -> Request:
    """What DescribeEndpoint tells of a fleet on its way."""
    return {
        "EndpointConfigName": fleet.config,
        "ProductionVariants": [
            {
                "VariantName": v.name,
                "CurrentWeight": v.weight,
                "DesiredWeight": v.weight,
                "CurrentInstanceCount": v.count,
                "DesiredInstanceCount": v.count,
            }
            for v in fleet.variants.values()
        ],
    }


def _floating(value: Any) -> Any:
    return float(value) if isinstance(value, int) else value


def _upper_snake(status: str) -> str:
    return "".join(f"_{c}" if c.isupper() else c for c in status).strip("_").upper()
