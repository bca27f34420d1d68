"""One deployment under guardrails: traffic in steps, bakes, alarms, and the way back."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from local.sagemaker.endpoint import Endpoint
from local.sagemaker.fleet import FleetError
from local.sagemaker.guardrails import Plan
from local.sagemaker.parts import Parts

log = logging.getLogger("local.sagemaker")
_LOOK = 5.0
"""AWS's seconds between two looks at the alarms; never more often than every 50 ms."""
_EVENT = "SageMaker Endpoint Deployment State Change"


class RolledBackError(FleetError):
    """The deployment goes back; the message is the FailureReason."""


@dataclass(frozen=True)
class Deployment:
    """The endpoint's `coming` fleet gets its traffic as the plan says."""

    parts: Parts
    endpoint: Endpoint
    closing: Callable[[], bool]

    @property
    def plan(self) -> Plan:
        """How the traffic goes."""
        assert self.endpoint.plan is not None  # nothing is deployed by guardrails without
        return self.endpoint.plan

    def begin(self) -> None:
        """The new fleet is being made."""
        self._enter("Creating", "Creating the new fleet.")

    def carry_out(self) -> None:
        """Bring all traffic to the new fleet; raises RolledBackError when it has to go back."""
        plan = self.plan
        deadline = time.monotonic() + self.parts.clock.scaled(plan.limit)
        for instances in plan.steps:
            self._activate(instances)
            self._bake(plan.bake, "WaitIntervalInSeconds", instances, deadline)
        self._bake(plan.termination, "TerminationWaitInSeconds", plan.total, deadline)
        self._enter("Deleting", "Deleting the old fleet.")

    def _activate(self, instances: int) -> None:
        status = "Updating" if self.plan.rolling else "ActivatingTraffic"
        self._enter(status, f"Activating traffic on {instances} instance(s).")
        with self.endpoint.lock:
            self.endpoint.share = instances / self.plan.total

    def _bake(self, seconds: float, which: str, instances: int, deadline: float) -> None:
        """Watch for so long; a bake of no seconds looks at the alarms once."""
        if seconds:
            where = f"with traffic enabled on {instances} instance(s)"
            self._enter("Baking", f"Baking for {seconds:.0f} seconds ({which}) {where}.")
        end = time.monotonic() + self.parts.clock.scaled(seconds)
        while True:
            self._look(deadline)
            left = end - time.monotonic()
            if left <= 0:
                return
            self.parts.pause(min(left, max(0.05, self.parts.clock.scaled(_LOOK))))

    def _look(self, deadline: float) -> None:
        if self.closing():
            raise RolledBackError("The server ends.")
        ringing = self._ringing()
        if ringing:
            named = ", ".join(ringing)
            raise RolledBackError(f"One or more alarms are in ALARM state: {named}.")
        if time.monotonic() > deadline:
            raise RolledBackError(
                f"The deployment did not end within {self.plan.limit:.0f} seconds"
                " (MaximumExecutionTimeoutInSeconds)."
            )

    def _ringing(self) -> list[str]:
        if not self.plan.alarms:
            return []
        cloudwatch = self.parts.account.client("cloudwatch")
        told = cloudwatch.describe_alarms(AlarmNames=list(self.plan.alarms))
        alarms = [*told.get("MetricAlarms", []), *told.get("CompositeAlarms", [])]
        return sorted(each["AlarmName"] for each in alarms if each["StateValue"] == "ALARM")

    def _enter(self, status: str, message: str) -> None:
        """A secondary status, told to Describe and as an event."""
        endpoint, now = self.endpoint, self.parts.now()
        with endpoint.lock:
            summary = endpoint.told["PendingDeploymentSummary"]
            entry = {"Status": status, "StatusMessage": message, "StartTime": now}
            variants = [{**v, "VariantStatus": [entry]} for v in summary["ProductionVariants"]]
            pending = {**summary, "ProductionVariants": variants}
            endpoint.told |= {"PendingDeploymentSummary": pending, "LastModifiedTime": now}
            arn = endpoint.told["EndpointArn"]
            self.parts.tell(_EVENT, arn, endpoint.deployment_event(self.parts.tags.of))
