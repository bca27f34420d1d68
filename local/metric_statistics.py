"""CloudWatch's statistics over samples."""

import re
from collections.abc import Sequence
from math import ceil

from local.errors import AwsError

_PERCENTILE = re.compile(r"p(\d{1,2}(?:\.\d+)?|100)")
_SIMPLE = frozenset({"Sum", "Average", "Minimum", "Maximum", "SampleCount"})


def check(statistic: str) -> None:
    """Raise ValidationError for a statistic that is not emulated."""
    if statistic not in _SIMPLE and _PERCENTILE.fullmatch(statistic) is None:
        raise AwsError("ValidationError", f"statistic {statistic!r} is not emulated")


def statistic(name: str, values: Sequence[float]) -> float:
    """One statistic of a non-empty sample; percentiles are exact (nearest rank)."""
    match name:
        case "Sum":
            return sum(values)
        case "Average":
            return sum(values) / len(values)
        case "Minimum":
            return min(values)
        case "Maximum":
            return max(values)
        case "SampleCount":
            return float(len(values))
        case _:
            rank = ceil(float(name[1:]) / 100 * len(values))
            return sorted(values)[max(rank, 1) - 1]
