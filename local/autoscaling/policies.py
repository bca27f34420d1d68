"""Scaling policies: what is wrong with one, and the alarms that a tracking one brings along."""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import uuid4

from local.autoscaling.records import (
    DIMENSION,
    NAMESPACE,
    Records,
    Request,
    invalid,
    missing,
    page,
    told_place,
    variant_of,
)
from local.autoscaling.targets import Targets
from local.autoscaling.tracking import alarms_of, check_tracking
from local.clock import Clock
from local.cloud import Account

TRACKING, STEPS = "TargetTrackingScaling", "StepScaling"
_CONFIGURATIONS = {
    TRACKING: "TargetTrackingScalingPolicyConfiguration",
    STEPS: "StepScalingPolicyConfiguration",
}


class Policies:
    """By resource id and name; `told` is what DescribeScalingPolicies tells."""

    def __init__(self, account: Account, clock: Clock, targets: Targets) -> None:
        self._account = account
        self._clock = clock
        self._targets = targets
        self._records = Records(account.store.shelf("autoscaling.policies"))
        self.operations: Mapping[str, Callable[[Request], Request]] = {
            "PutScalingPolicy": self._put,
            "DeleteScalingPolicy": self._delete,
            "DescribeScalingPolicies": self._describe,
        }

    def of(self, resource: str) -> list[Request]:
        return [p for p in self._all() if p["ResourceId"] == resource]

    def by_action(self, action: str) -> Request:
        """The policy that an alarm's action names; raises ObjectNotFoundException."""
        arn = action.partition(":createdBy/")[0]
        for policy in self._all():
            if policy["PolicyARN"] == arn:
                return policy
        raise missing(f"No scaling policy found for {action}")

    def forget(self, resource: str) -> None:
        """The policies of a target that is gone, and the alarms they brought."""
        for policy in self.of(resource):
            self._remove(policy)

    def _all(self) -> list[Request]:
        return [record["told"] for record in self._records.all()]

    def _put(self, request: Request) -> Request:
        self._targets.find(request)
        known = self._records.get(_key(request))
        record = known or self._made(request)
        policy = record["told"]
        kind = request.get("PolicyType") or policy["PolicyType"]
        if known is not None and kind != policy["PolicyType"]:
            raise invalid("The PolicyType of an existing scaling policy cannot be changed")
        policy = policy | {"PolicyType": kind, **_configuration(kind, request, policy)}
        if kind == TRACKING:
            policy["Alarms"] = self._ring(policy, record["creator"])
        self._records.put(_key(request), record | {"told": policy})
        return {"PolicyARN": policy["PolicyARN"], "Alarms": policy["Alarms"]}

    def _made(self, request: Request) -> Request:
        place = f"resource/{NAMESPACE}/{request['ResourceId']}:policyName/{request['PolicyName']}"
        told = {
            "PolicyARN": self._account.arn("autoscaling", f"scalingPolicy:{uuid4()}:{place}"),
            "PolicyName": request["PolicyName"],
            "ServiceNamespace": NAMESPACE,
            "ResourceId": request["ResourceId"],
            "ScalableDimension": DIMENSION,
            "PolicyType": STEPS,
            "Alarms": [],
            "CreationTime": self._clock.now(),
        }
        return {"told": told, "creator": str(uuid4())}

    def _ring(self, policy: Request, creator: str) -> list[Request]:
        """The alarms of a tracking policy, made or brought up to date."""
        cloudwatch = self._account.client("cloudwatch")
        action = f"{policy['PolicyARN']}:createdBy/{creator}"
        names = {alarm["AlarmName"] for alarm in policy["Alarms"]}
        wanted = alarms_of(policy, action, variant_of(policy["ResourceId"]))
        if names - {alarm["AlarmName"] for alarm in wanted}:
            cloudwatch.delete_alarms(AlarmNames=sorted(names))
        for alarm in wanted:
            cloudwatch.put_metric_alarm(**alarm)
        return [
            {"AlarmName": name, "AlarmARN": self._account.arn("cloudwatch", f"alarm:{name}")}
            for name in (alarm["AlarmName"] for alarm in wanted)
        ]

    def _delete(self, request: Request) -> Request:
        self._targets.find(request)
        record = self._records.get(_key(request))
        if record is None:
            message = f"{told_place(request)}, policy name: {request['PolicyName']}"
            raise missing(f"No scaling policy found for {message}")
        self._remove(record["told"])
        return {}

    def _remove(self, policy: Request) -> None:
        """A step policy leaves the alarms that name it alone: they are not its own."""
        self._records.drop(_key(policy))
        names = [alarm["AlarmName"] for alarm in policy["Alarms"]]
        if names and policy["PolicyType"] == TRACKING:
            self._account.client("cloudwatch").delete_alarms(AlarmNames=names)

    def _describe(self, request: Request) -> Request:
        names = request.get("PolicyNames")
        found = [
            self._with_alarms(policy)
            for policy in self._all()
            if request["ServiceNamespace"] == NAMESPACE
            and request.get("ResourceId") in {None, policy["ResourceId"]}
            and request.get("ScalableDimension", DIMENSION) == DIMENSION
            and (not names or policy["PolicyName"] in names)
        ]
        return page("ScalingPolicies", found, request)

    def _with_alarms(self, policy: Request) -> Request:
        """A step policy tells the alarms that somebody gave it for an action."""
        if policy["PolicyType"] == TRACKING:
            return policy
        told = self._account.client("cloudwatch").describe_alarms(ActionPrefix=policy["PolicyARN"])
        alarms = [
            {"AlarmName": alarm["AlarmName"], "AlarmARN": alarm["AlarmArn"]}
            for alarm in told.get("MetricAlarms", [])
        ]
        return policy | {"Alarms": alarms}


def _key(request: Request) -> str:
    return f"{request['ResourceId']} {request['PolicyName']}"


def _configuration(kind: str, request: Request, before: Request) -> dict[str, Any]:
    """The configuration of the policy's type; raises for one that is none."""
    if kind not in _CONFIGURATIONS:
        raise invalid(f"{kind}: not emulated yet.")
    member = _CONFIGURATIONS[kind]
    others = [m for m in _CONFIGURATIONS.values() if m != member and request.get(m)]
    config = request.get(member) or before.get(member)
    if config is None or others:
        raise invalid(f"A policy of type {kind} needs a {member} and no other configuration")
    if kind == TRACKING:
        check_tracking(config)
        return {member: {"DisableScaleIn": False, **config}}
    _check_steps(config)
    return {member: config}


def _check_steps(config: Request) -> None:
    if "AdjustmentType" not in config or not config.get("StepAdjustments"):
        raise invalid("A step scaling policy needs an AdjustmentType and StepAdjustments")
    percent = config["AdjustmentType"] == "PercentChangeInCapacity"
    if "MinAdjustmentMagnitude" in config and not percent:
        raise invalid("MinAdjustmentMagnitude goes with PercentChangeInCapacity only")
    _check_intervals(config["StepAdjustments"])


def _check_intervals(steps: Sequence[Request]) -> None:
    spans = sorted(
        (
            step.get("MetricIntervalLowerBound", -math.inf),
            step.get("MetricIntervalUpperBound", math.inf),
        )
        for step in steps
    )
    if any(low == -math.inf and high == math.inf for low, high in spans):
        raise invalid("A step adjustment needs a lower or an upper bound")
    if any(low >= high for low, high in spans):
        raise invalid("The lower bound of a step adjustment must be below its upper bound")
    if any(high != low for (_, high), (low, _) in itertools.pairwise(spans)):
        raise invalid("StepAdjustment intervals can't overlap or have gaps between them")
    if spans[0][0] < 0 and spans[0][0] != -math.inf:
        raise invalid("There must be a step adjustment with an unspecified lower bound")
    if spans[-1][1] > 0 and spans[-1][1] != math.inf:
        raise invalid("There must be a step adjustment with an unspecified upper bound")
