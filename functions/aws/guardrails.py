"""A guard as SageMaker's DeploymentConfig."""

from typing import TYPE_CHECKING

from functions.endpoint import Guard
from functions.strategy import Guardrail

if TYPE_CHECKING:
    from types_boto3_sagemaker.type_defs import (
        BlueGreenUpdatePolicyTypeDef,
        CapacitySizeTypeDef,
        DeploymentConfigTypeDef,
        RollingUpdatePolicyTypeDef,
        TrafficRoutingConfigTypeDef,
    )


def deployment_config(guard: Guard) -> "DeploymentConfigTypeDef":
    """The whole of it: one policy, and the alarms that take the traffic back."""
    rollback: DeploymentConfigTypeDef = {
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": name} for name in guard.alarms]}
    }
    if guard.plan.type == "rolling":
        return {**rollback, "RollingUpdatePolicy": _rolling(guard.plan)}
    return {**rollback, "BlueGreenUpdatePolicy": _blue_green(guard.plan)}


def _blue_green(plan: Guardrail) -> "BlueGreenUpdatePolicyTypeDef":
    return {
        "TrafficRoutingConfiguration": _routing(plan),
        "TerminationWaitInSeconds": round(plan.termination_wait),
        "MaximumExecutionTimeoutInSeconds": round(plan.timeout),
    }


def _routing(plan: Guardrail) -> "TrafficRoutingConfigTypeDef":
    wait = round(plan.wait)
    if plan.type == "canary":
        return {"Type": "CANARY", "WaitIntervalInSeconds": wait, "CanarySize": _size(plan)}
    return {"Type": "LINEAR", "WaitIntervalInSeconds": wait, "LinearStepSize": _size(plan)}


def _rolling(plan: Guardrail) -> "RollingUpdatePolicyTypeDef":
    return {
        "MaximumBatchSize": _size(plan),
        "WaitIntervalInSeconds": round(plan.wait),
        "MaximumExecutionTimeoutInSeconds": round(plan.timeout),
    }


def _size(plan: Guardrail) -> "CapacitySizeTypeDef":
    if plan.unit == "percent":
        return {"Type": "CAPACITY_PERCENT", "Value": plan.size}
    return {"Type": "INSTANCE_COUNT", "Value": plan.size}
