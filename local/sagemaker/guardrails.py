"""A deployment configuration: what is wrong with it, and the steps traffic takes under it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local.sagemaker.parts import invalid
from local.sagemaker.variant import Variant

_NO_GUARDRAILS = "ml.inf1."
"""Instance types that SageMaker updates all at once, whatever is asked."""
_LONGEST = 14400.0
"""Seconds, where MaximumExecutionTimeoutInSeconds is not given; its default is not documented."""


@dataclass(frozen=True)
class Step:
    """So many of the new fleet's instances get traffic, and bake for so long."""

    instances: int
    share: float
    bake: float
    waits_for: str
    capacity: str


@dataclass(frozen=True)
class Plan:
    """The steps of a deployment, in seconds of AWS."""

    steps: tuple[Step, ...]
    longest: float
    alarms: tuple[str, ...]
    rolling: bool


def checked(config: Mapping[str, Any], before: Sequence[Variant], after: Sequence[Variant]) -> None:
    """Raise SageMaker's errors for a configuration that its model lets pass."""
    if config.get("BlueGreenUpdatePolicy") and config.get("RollingUpdatePolicy"):
        raise invalid("Only one of BlueGreenUpdatePolicy and RollingUpdatePolicy can be specified.")
    if missing := sorted({v.name for v in before} - {v.name for v in after}):
        raise invalid(
            "Deployment guardrails need the same variant names in both endpoint configurations;"
            f" not in the new one: {missing}."
        )
    _check_sizes(config, after)
    plan = planned(config, after)
    waits = sum(step.bake for step in plan.steps) if plan is not None else 0.0
    if plan is not None and plan.longest <= waits:
        raise invalid(
            f"MaximumExecutionTimeoutInSeconds ({plan.longest:.0f}) must be larger than the total"
            f" waiting time of the deployment ({waits:.0f})."
        )


def planned(config: Mapping[str, Any], variants: Sequence[Variant]) -> Plan | None:
    """None for what SageMaker deploys all at once without a word: instances it has no bake for."""
    if any(v.settings.get("InstanceType", "").startswith(_NO_GUARDRAILS) for v in variants):
        return None
    rolling = config.get("RollingUpdatePolicy")
    policy = rolling or config.get("BlueGreenUpdatePolicy", {})
    alarms = config.get("AutoRollbackConfiguration", {}).get("Alarms", ())
    return Plan(
        steps=_rolling(rolling, variants) if rolling else _blue_green(policy, variants),
        longest=float(policy.get("MaximumExecutionTimeoutInSeconds", _LONGEST)),
        alarms=tuple(alarm["AlarmName"] for alarm in alarms),
        rolling=bool(rolling),
    )


def _rolling(policy: Mapping[str, Any], variants: Sequence[Variant]) -> tuple[Step, ...]:
    wait = policy["WaitIntervalInSeconds"]
    return _stairs(policy["MaximumBatchSize"], variants, wait, wait, "WaitIntervalInSeconds")


def _blue_green(policy: Mapping[str, Any], variants: Sequence[Variant]) -> tuple[Step, ...]:
    routing = policy.get("TrafficRoutingConfiguration", {})
    wait, last = routing.get("WaitIntervalInSeconds", 0), policy.get("TerminationWaitInSeconds", 0)
    final = "TerminationWaitInSeconds"
    match routing.get("Type"):
        case "CANARY":
            return (
                _step(_instances(routing["CanarySize"], variants), variants, wait),
                _step(_total(variants), variants, last, final),
            )
        case "LINEAR":
            return _stairs(routing["LinearStepSize"], variants, wait, last, final)
        case _:
            return (_step(_total(variants), variants, last, final),)


def _stairs(
    size: Mapping[str, Any], variants: Sequence[Variant], wait: float, last: float, final: str
) -> tuple[Step, ...]:
    each, total = _instances(size, variants), _total(variants)
    stairs = [_step(n, variants, wait) for n in range(each, total, each)]
    return (*stairs, _step(total, variants, last, final))


def _step(
    instances: int,
    variants: Sequence[Variant],
    bake: float,
    waits_for: str = "WaitIntervalInSeconds",
) -> Step:
    total = _total(variants)
    capacity = "full" if instances == total else "canary"
    return Step(instances, instances / total, float(bake), waits_for, capacity)


def _total(variants: Sequence[Variant]) -> int:
    return sum(variant.count for variant in variants)


def _instances(size: Mapping[str, Any], variants: Sequence[Variant]) -> int:
    return sum(_of(size, variant.count) for variant in variants)


def _of(size: Mapping[str, Any], count: int) -> int:
    if size["Type"] == "INSTANCE_COUNT":
        return int(size["Value"])
    return max(1, count * int(size["Value"]) // 100)


def _check_sizes(config: Mapping[str, Any], variants: Sequence[Variant]) -> None:
    routing = config.get("BlueGreenUpdatePolicy", {}).get("TrafficRoutingConfiguration", {})
    needed = {"CANARY": "CanarySize", "LINEAR": "LinearStepSize"}
    for kind, member in needed.items():
        if (routing.get("Type") == kind) != (member in routing):
            raise invalid(f"{member} must be specified with traffic routing type {kind} only.")
    rolling = config.get("RollingUpdatePolicy", {})
    if rolling and len(variants) > 1:
        raise invalid("RollingUpdatePolicy is not supported for multi-variant endpoints.")
    _check_size("CanarySize", routing, variants, 1, 50)
    _check_size("LinearStepSize", routing, variants, 10, 50)
    _check_size("MaximumBatchSize", rolling, variants, 5, 50)
    _check_size("RollbackMaximumBatchSize", rolling, variants, 5, 100)


def _check_size(
    member: str, policy: Mapping[str, Any], variants: Sequence[Variant], low: int, high: int
) -> None:
    size = policy.get(member)
    if size is None:
        return
    for variant in variants:
        percent = 100 * _of(size, variant.count) / variant.count
        told = size["Value"] if size["Type"] == "CAPACITY_PERCENT" else percent
        if not low <= told <= high or percent > high:
            raise invalid(
                f"{member} must be between {low}% and {high}% of the {variant.count} instance(s)"
                f" of variant {variant.name}."
            )
