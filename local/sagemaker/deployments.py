"""A deployment under guardrails: traffic moves step by step, and back on an alarm."""

import time
from collections.abc import Callable
from threading import Event

from local.sagemaker.endpoint import Endpoint
from local.sagemaker.guardrails import Plan, Step, planned
from local.sagemaker.parts import Parts, Request

_LOOK = 10.0
"""Seconds of AWS between two looks at the alarms; how often SageMaker looks is not documented."""
_SHORTEST_LOOK = 0.05
_EVENT = "SageMaker Endpoint Deployment State Change"


class RollbackError(RuntimeError):
    """The deployment goes back; the message is the FailureReason, none for an empty one."""


class StrandedError(RollbackError):
    """It cannot go back either: both fleets keep the traffic they have."""


class Deployments:
    """Shifts traffic from an endpoint's fleet to the one that is coming."""

    def __init__(self, parts: Parts, closing: Event, put: Callable[[Endpoint], None]) -> None:
        self._parts = parts
        self._closing = closing
        self._put = put

    def begin(self, endpoint: Endpoint) -> Callable[[], None]:
        """Tell that the new fleet is made; what is returned moves the traffic to it.

        What is returned raises RollbackError, with all traffic where it was.
        """
        plan = _plan(endpoint)
        if plan is None:
            return lambda: None
        end = time.monotonic() + self._parts.clock.scaled(plan.longest)
        self._tell(endpoint, "Creating", "Launching the instances of the new fleet.", None)
        return lambda: self._shift(endpoint, plan, end)

    def _shift(self, endpoint: Endpoint, plan: Plan, end: float) -> None:
        try:
            for step in plan.steps:
                self._take(endpoint, plan, step, end)
        except RollbackError as error:
            if self._closing.is_set():
                raise
            if self._stranded(endpoint, plan):
                raise StrandedError("The rolling deployment and its rollback failed.") from error
            endpoint.share = 0.0
            self._tell(endpoint, "Deleting", "Rolling back; deleting the new instances.", None)
            raise
        self._tell(endpoint, "Deleting", "Terminating the old instances.", plan.steps[-1])

    def _stranded(self, endpoint: Endpoint, plan: Plan) -> bool:
        mixed = plan.rolling and 0.0 < endpoint.share < 1.0
        return mixed and self._parts.disturbances.strands(endpoint.name)

    def _take(self, endpoint: Endpoint, plan: Plan, step: Step, end: float) -> None:
        self._look(plan, end)
        on = f"{step.capacity} capacity of {step.instances} instance(s)."
        self._tell(endpoint, "ActivatingTraffic", f"Enabling traffic on {on}", step)
        endpoint.share = step.share
        message = f"Baking for {step.bake:.0f} seconds ({step.waits_for}) with traffic enabled on"
        self._tell(endpoint, "Baking", f"{message} {on}", step)
        self._bake(plan, self._parts.clock.scaled(step.bake), end)

    def _bake(self, plan: Plan, seconds: float, end: float) -> None:
        until = time.monotonic() + seconds
        pause = max(self._parts.clock.scaled(_LOOK), _SHORTEST_LOOK)
        while (left := until - time.monotonic()) > 0:
            if self._closing.wait(min(left, pause)):
                raise RollbackError
            self._look(plan, end)

    def _look(self, plan: Plan, end: float) -> None:
        if time.monotonic() > end:
            raise RollbackError
        if not plan.alarms:
            return
        found = self._parts.account.client("cloudwatch").describe_alarms(
            AlarmNames=list(plan.alarms), AlarmTypes=["MetricAlarm", "CompositeAlarm"]
        )
        alarms = [*found.get("MetricAlarms", ()), *found.get("CompositeAlarms", ())]
        firing = sorted(a["AlarmName"] for a in alarms if a["StateValue"] == "ALARM")
        if firing:
            raise RollbackError(f"One or more configured alarms are in ALARM state: {firing}.")

    def _tell(self, endpoint: Endpoint, status: str, message: str, step: Step | None) -> None:
        """A status of the new fleet's variants, and the event of it."""
        with endpoint.lock:
            now = self._parts.now()
            summary = endpoint.told["PendingDeploymentSummary"]
            told = {"Status": status, "StatusMessage": message, "StartTime": now}
            variants = [
                _moved(variant, told, step.share if step else 0.0)
                for variant in summary["ProductionVariants"]
            ]
            endpoint.told["PendingDeploymentSummary"] = summary | {"ProductionVariants": variants}
            self._put(endpoint)
            arn = endpoint.told["EndpointArn"]
            self._parts.tell(_EVENT, arn, endpoint.deployment_event(self._parts.tags.of))


def _plan(endpoint: Endpoint) -> Plan | None:
    if endpoint.guardrails is None or endpoint.coming is None:
        return None
    return planned(endpoint.guardrails, endpoint.coming.production)


def _moved(variant: Request, told: Request, share: float) -> Request:
    count = round(variant["DesiredInstanceCount"] * share)
    return variant | {
        "VariantStatus": [told],
        "CurrentWeight": variant["DesiredWeight"] if share else 0.0,
        "CurrentInstanceCount": count,
    }
