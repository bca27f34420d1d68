"""How many instances a policy wants, from what its alarm saw."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.autoscaling.adjustments import Bounds, Breach, Change, cooldown, wanted, wants

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BOUNDS = Bounds(1, 10)


def tracking(target: float, **more: Any) -> dict[str, Any]:
    return {
        "PolicyType": "TargetTrackingScaling",
        "Alarms": [{"AlarmName": "high"}, {"AlarmName": "low"}],
        "TargetTrackingScalingPolicyConfiguration": {"TargetValue": target, **more},
    }


def stepping(*steps: tuple[int, float | None, float | None], kind: str, **more: Any) -> Any:
    names = ("ScalingAdjustment", "MetricIntervalLowerBound", "MetricIntervalUpperBound")
    adjustments = [
        {name: value for name, value in zip(names, step, strict=True) if value is not None}
        for step in steps
    ]
    config = {"AdjustmentType": kind, "StepAdjustments": adjustments, **more}
    return {"PolicyType": "StepScaling", "Alarms": [], "StepScalingPolicyConfiguration": config}


def saw(value: float | None, *, alarm: str = "high", threshold: float = 10.0) -> Breach:
    return Breach(alarm, "ALARM", threshold, value)


@pytest.mark.parametrize(
    ("alarm", "value", "count", "wish"),
    [
        ("high", 29.0, 1, 3),
        ("high", 10.1, 4, 5),
        ("high", 5.0, 4, 4),
        ("low", 4.0, 5, 2),
        ("low", 8.9, 2, 2),
        ("low", 0.0, 5, 0),
        ("low", 20.0, 2, 2),
        ("high", None, 2, 3),
        ("low", None, 2, 1),
    ],
)
def test_tracking_goes_to_where_the_metric_meets_its_target(
    alarm: str, value: float | None, count: int, wish: int
) -> None:
    assert wants(tracking(10.0), saw(value, alarm=alarm))(count) == wish


STEPS = ((1, 0, 10), (2, 10, 20), (3, 20, None), (-1, -10, 0), (-2, None, -10))


@pytest.mark.parametrize(
    ("value", "change"),
    [
        (10.0, 1),
        (19.9, 1),
        (20.0, 2),
        (30.0, 3),
        (99.0, 3),
        (9.9, -1),
        (0.1, -1),
        (0.0, -2),
        (-50.0, -2),
        (None, 1),
    ],
)
def test_a_breach_falls_into_one_step(value: float | None, change: int) -> None:
    policy = stepping(*STEPS, kind="ChangeInCapacity")

    assert wants(policy, saw(value))(5) == 5 + change


def test_a_breach_outside_of_the_steps_changes_nothing() -> None:
    policy = stepping((1, 5, None), kind="ChangeInCapacity")

    assert wants(policy, saw(12.0))(3) == 3


@pytest.mark.parametrize(
    ("adjustment", "more", "count", "wish"),
    [
        (50, {}, 5, 7),
        (10, {}, 5, 6),
        (-10, {}, 5, 4),
        (-50, {}, 5, 3),
        (100, {}, 4, 8),
        (10, {"MinAdjustmentMagnitude": 2}, 5, 7),
        (-10, {"MinAdjustmentMagnitude": 2}, 5, 3),
    ],
)
def test_percents_are_rounded_towards_nothing_but_never_to_it(
    adjustment: int, more: dict[str, int], count: int, wish: int
) -> None:
    policy = stepping((adjustment, 0, None), kind="PercentChangeInCapacity", **more)

    assert wants(policy, saw(11.0))(count) == wish


def out(before: int, after: int) -> Change:
    return Change(before, after, NOW)


@pytest.mark.parametrize(
    ("step", "recent", "count", "found"),
    [
        (2, None, 3, 5),
        (2, out(1, 3), 3, 3),  # it has its two already
        (3, out(1, 3), 3, 4),  # one more than what cools down
        (2, out(5, 3), 3, 5),  # a scale-in keeps no scale-out waiting
        (-1, out(5, 4), 4, 4),
        (-1, out(3, 4), 4, 3),
        (20, None, 3, 10),
        (-20, None, 3, 1),
    ],
)
def test_what_cools_down_counts(step: int, recent: Change | None, count: int, found: int) -> None:
    wish = wants(stepping((step, 0, None), kind="ChangeInCapacity"), saw(11.0))

    assert wanted(wish, count, BOUNDS, recent) == found


@pytest.mark.parametrize(
    ("policy", "change", "seconds"),
    [
        (tracking(1.0), out(1, 2), 300),
        (tracking(1.0, ScaleOutCooldown=20), out(1, 2), 20),
        (tracking(1.0, ScaleOutCooldown=20), out(2, 1), 300),
        (tracking(1.0, ScaleInCooldown=0), out(2, 1), 0),
        (stepping((1, 0, None), kind="ChangeInCapacity"), out(1, 2), 300),
        (stepping((1, 0, None), kind="ChangeInCapacity", Cooldown=7), out(2, 1), 7),
    ],
)
def test_each_direction_has_its_cooldown(policy: Any, change: Change, seconds: int) -> None:
    assert cooldown(policy, change) == timedelta(seconds=seconds)
