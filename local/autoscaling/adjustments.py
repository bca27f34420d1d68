"""How many instances a policy wants: pure, from what an alarm saw and what there is."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

DEFAULT_COOLDOWN = 300
Policy = Mapping[str, Any]
Wants = Callable[[int], int]
"""From how many there are to how many there should be."""


@dataclass(frozen=True)
class Breach:
    """What an alarm saw; no `value` when it was put into its state by hand."""

    alarm: str
    state: str
    threshold: float
    value: float | None = None


@dataclass(frozen=True)
class Bounds:
    least: int
    most: int

    def within(self, count: int) -> int:
        return max(self.least, min(self.most, count))


@dataclass(frozen=True)
class Change:
    """The last change of a target's capacity: from how many, to how many, until when it took."""

    before: int
    after: int
    ended: datetime


def wants(policy: Policy, breach: Breach) -> Wants:
    """The policy's wish as a function of the capacity."""
    if policy["PolicyType"] == "TargetTrackingScaling":
        target = float(policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"])
        return lambda count: _tracked(count, target, breach, out=scales_out(policy, breach.alarm))
    steps = policy["StepScalingPolicyConfiguration"]
    return lambda count: _stepped(count, steps, breach)


def scales_out(policy: Policy, alarm: str) -> bool:
    """Whether it is the high one of a target-tracking policy's alarms."""
    return bool(policy["Alarms"][0]["AlarmName"] == alarm)


def wanted(wish: Wants, count: int, bounds: Bounds, recent: Change | None) -> int:
    """How many there should be, within the bounds; a `recent` change still cools down.

    A scale-out that cools down counts as part of the next; a scale-in lets no other follow.
    """
    found = bounds.within(wish(count))
    if recent is None:
        return found
    if found > count and recent.after > recent.before:
        return max(count, bounds.within(wish(recent.before)))
    if found < count and recent.after < recent.before:
        return count
    return found


def cooldown(policy: Policy, change: Change) -> timedelta:
    """How long a change in one direction keeps the next one waiting."""
    if policy["PolicyType"] == "StepScaling":
        seconds = policy["StepScalingPolicyConfiguration"].get("Cooldown", DEFAULT_COOLDOWN)
    else:
        member = "ScaleOutCooldown" if change.after > change.before else "ScaleInCooldown"
        config = policy["TargetTrackingScalingPolicyConfiguration"]
        seconds = config.get(member, DEFAULT_COOLDOWN)
    return timedelta(seconds=seconds)


def _tracked(count: int, target: float, breach: Breach, *, out: bool) -> int:
    """The capacity at which the metric would be at its target, never against the alarm."""
    if breach.value is None or target <= 0:
        return count + (1 if out else -1)
    proportional = math.ceil(count * breach.value / target)
    return max(count, proportional) if out else min(count, proportional)


def _stepped(count: int, config: Mapping[str, Any], breach: Breach) -> int:
    distance = 0.0 if breach.value is None else breach.value - breach.threshold
    for step in config["StepAdjustments"]:
        if _covers(step, distance):
            return _adjusted(count, config, int(step["ScalingAdjustment"]))
    return count


def _covers(step: Mapping[str, Any], distance: float) -> bool:
    """Above the threshold the lower bound belongs to a step, below it the upper one."""
    low = step.get("MetricIntervalLowerBound", -math.inf)
    high = step.get("MetricIntervalUpperBound", math.inf)
    if distance < 0 or (distance == 0 and high == 0):
        return bool(low < distance <= high)
    return bool(low <= distance < high)


def _adjusted(count: int, config: Mapping[str, Any], adjustment: int) -> int:
    match config["AdjustmentType"]:
        case "ExactCapacity":
            return adjustment
        case "PercentChangeInCapacity":
            least = max(1, int(config.get("MinAdjustmentMagnitude", 1)))
            change = count * adjustment / 100
            return count + int(math.copysign(max(least, abs(int(change))), change or adjustment))
        case _:
            return count + adjustment
