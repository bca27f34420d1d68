"""CloudWatch's statistics over samples."""

import re
from collections.abc import Callable, Mapping, Sequence
from math import ceil, floor

from local.errors import AwsError

_PERCENTILE = re.compile(r"p(\d{1,2}(?:\.\d+)?|100)")
_NUMBER = r"\d+(?:\.\d+)?"
_BOUNDED = re.compile(rf"(TM|WM|TC|TS|PR)\(({_NUMBER}%?)?:({_NUMBER}%?)?\)")
_SHORT = re.compile(rf"(tm|wm|tc|ts)({_NUMBER})")
_MIDDLE = "IQM"


def check(statistic: str) -> None:
    """Raise ValidationError for what is no statistic."""
    if statistic not in _SIMPLE and statistic != _MIDDLE and _shape(statistic) is None:
        raise AwsError("ValidationError", f"Statistic {statistic!r} is not valid")


def statistic(name: str, values: Sequence[float]) -> float:
    """One statistic of a non-empty sample; percentiles are exact (nearest rank)."""
    if name in _SIMPLE:
        return float(_SIMPLE[name](values))
    if name == _MIDDLE:
        return _trimmed("TM", "25%", "75%", sorted(values))
    kind, *bounds = _shape(name) or ("p", name[1:])
    if kind == "p":
        return sorted(values)[max(ceil(float(bounds[0]) / 100 * len(values)), 1) - 1]
    return _trimmed(kind, bounds[0], bounds[1], sorted(values))


_SIMPLE: Mapping[str, Callable[[Sequence[float]], float]] = {
    "Sum": sum,
    "Average": lambda values: sum(values) / len(values),
    "Minimum": min,
    "Maximum": max,
    "SampleCount": len,
}


def _shape(name: str) -> tuple[str, ...] | None:
    """Kind and bounds of a statistic: `p99`, `tm90` (which is `TM(:90%)`), `TC(0.1:)`."""
    if found := _PERCENTILE.fullmatch(name):
        return "p", found[1]
    if found := _SHORT.fullmatch(name):
        return found[1].upper(), "", f"{found[2]}%"
    found = _BOUNDED.fullmatch(name)
    if found is None or not (found[2] or found[3]):
        return None
    percents = {bound.endswith("%") for bound in (found[2], found[3]) if bound}
    if len(percents) > 1 or (found[1] == "PR" and True in percents):
        return None
    return found[1], found[2] or "", found[3] or ""


def _trimmed(kind: str, low: str, high: str, ordered: list[float]) -> float:
    """Of the samples above `low` up to and with `high`: mean, winsorized mean, count, sum, share.

    CloudWatch documents which end counts with values, not with percents: there a sample is in
    when its whole rank is.
    """
    inside = _inside(low, high, ordered)
    match kind:
        case "TC":
            return float(len(inside))
        case "TS":
            return sum(inside)
        case "PR":
            return 100.0 * len(inside) / len(ordered)
        case "TM":
            return sum(inside) / len(inside) if inside else 0.0
        case _:
            return _winsorized(inside, ordered)


def _inside(low: str, high: str, ordered: list[float]) -> list[float]:
    if low.endswith("%") or high.endswith("%"):
        first = floor(float(low.rstrip("%") or 0) / 100 * len(ordered))
        last = ceil(float(high.rstrip("%") or 100) / 100 * len(ordered))
        return ordered[first:last]
    return [
        value
        for value in ordered
        if (not low or value > float(low)) and (not high or value <= float(high))
    ]


def _winsorized(inside: list[float], ordered: list[float]) -> float:
    """The mean, with what lies outside moved to the nearest sample inside."""
    if not inside:
        return 0.0
    return sum(min(max(value, inside[0]), inside[-1]) for value in ordered) / len(ordered)
