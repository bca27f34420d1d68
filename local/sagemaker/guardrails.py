"""Deployment guardrails: how the traffic goes to a new fleet, and the limits of that."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

from local.sagemaker.parts import invalid
from local.sagemaker.variant import Variant

_LEAST_TIMEOUT = 600.0
_DEFAULT_TIMEOUT = 28_800.0
_PERCENT = "CAPACITY_PERCENT"
_WITHOUT_GUARDRAILS = "ml.inf1."
"""Instances for which AWS falls back to all at once, without a bake and without a word."""
Variants = Mapping[str, Variant]


@dataclass(frozen=True)
class Plan:
    """The way of the traffic to a new fleet; seconds are AWS's, unscaled."""

    steps: tuple[int, ...]
    """Told instances of the new fleet that have traffic after each step; at last all of them."""
    total: int
    bake: float = 0.0
    termination: float = 0.0
    limit: float = _DEFAULT_TIMEOUT
    alarms: tuple[str, ...] = ()
    rolling: bool = False


def plan(config: Mapping[str, Any] | None, before: Variants, after: Variants) -> Plan | None:
    """How a deployment goes; None for all at once without anything. Raises SageMaker's refusals."""
    if not config:
        return None
    if set(before) != set(after):
        raise invalid(
            "Deployment guardrails need the same variant names in both endpoint configurations:"
            f" {sorted(before)} and {sorted(after)}."
        )
    if "BlueGreenUpdatePolicy" in config and "RollingUpdatePolicy" in config:
        raise invalid("Only one of BlueGreenUpdatePolicy and RollingUpdatePolicy may be given.")
    total = min(variant.count for variant in after.values())
    alarms = tuple(
        alarm["AlarmName"]
        for alarm in config.get("AutoRollbackConfiguration", {}).get("Alarms", [])
    )
    made = (
        _rolling(config["RollingUpdatePolicy"], after, total, alarms)
        if "RollingUpdatePolicy" in config
        else _blue_green(config.get("BlueGreenUpdatePolicy", {}), total, alarms)
    )
    return None if _falls_back(before, after) else made


def _falls_back(before: Variants, after: Variants) -> bool:
    types = [v.settings.get("InstanceType", "") for v in (*before.values(), *after.values())]
    return any(kind.startswith(_WITHOUT_GUARDRAILS) for kind in types)


def _blue_green(policy: Mapping[str, Any], total: int, alarms: tuple[str, ...]) -> Plan:
    routing = policy.get("TrafficRoutingConfiguration", {"Type": "ALL_AT_ONCE"})
    bake = float(routing.get("WaitIntervalInSeconds", 0))
    steps = _steps(routing, total)
    made = Plan(
        steps=steps,
        total=total,
        bake=bake,
        termination=float(policy.get("TerminationWaitInSeconds", 0)),
        limit=float(policy.get("MaximumExecutionTimeoutInSeconds", _DEFAULT_TIMEOUT)),
        alarms=alarms,
    )
    return _in_time(made)


def _in_time(made: Plan) -> Plan:
    waits = made.bake * len(made.steps) + made.termination
    if made.limit <= waits:
        raise invalid(
            f"MaximumExecutionTimeoutInSeconds {made.limit:.0f} must be greater than the sum of"
            f" the waits, which is {waits:.0f}."
        )
    return made


def _steps(routing: Mapping[str, Any], total: int) -> tuple[int, ...]:
    kind = routing["Type"]
    given = {name for name in ("CanarySize", "LinearStepSize") if name in routing}
    wanted = {"CANARY": {"CanarySize"}, "LINEAR": {"LinearStepSize"}}.get(kind, set())
    if given != wanted:
        said = f"needs {' and '.join(wanted)}" if wanted else "takes neither"
        raise invalid(f"TrafficRoutingConfiguration of type {kind} {said}.")
    match kind:
        case "CANARY":
            size = _size("CanarySize", routing["CanarySize"], total, least=0, most=50)
            return (size, total)
        case "LINEAR":
            step = _size("LinearStepSize", routing["LinearStepSize"], total, least=10, most=50)
            return (*range(step, total, step), total)
        case _:
            return (total,)


def _size(name: str, size: Mapping[str, Any], total: int, *, least: int, most: int) -> int:
    """Instances; a part of the fleet within the documented bounds, and never all of it."""
    value = int(size["Value"])
    share = value if size["Type"] == _PERCENT else 100 * value / total
    if not least <= share <= most:
        bounds = f"between {least} and {most}" if least else f"at most {most}"
        raise invalid(f"{name} must be {bounds} percent of the {total} instance(s).")
    count = ceil(total * value / 100) if size["Type"] == _PERCENT else value
    if count >= total:
        raise invalid(f"{name} needs more than {total} instance(s): the first step would be all.")
    return count


def _rolling(
    policy: Mapping[str, Any], after: Variants, total: int, alarms: tuple[str, ...]
) -> Plan:
    if len(after) > 1:
        raise invalid("Rolling updates are not supported for endpoints with several variants.")
    step = _size("MaximumBatchSize", policy["MaximumBatchSize"], total, least=5, most=50)
    made = Plan(
        steps=(*range(step, total, step), total),
        total=total,
        bake=float(policy["WaitIntervalInSeconds"]),
        limit=float(policy.get("MaximumExecutionTimeoutInSeconds", _DEFAULT_TIMEOUT)),
        alarms=alarms,
        rolling=True,
    )
    return _in_time(made)
