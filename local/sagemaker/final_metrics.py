"""What a training job's output says by its metric definitions."""

import math
import re
from collections.abc import Sequence
from datetime import datetime
from threading import Lock
from typing import Any

from local.sagemaker.parts import Request, invalid

_LONGEST_CURVE = 1000


class FinalMetrics:
    """The last value of each metric, however much a job says, and the first so many of each."""

    def __init__(self, definitions: Sequence[Request]) -> None:
        """Raises SageMaker's error for an expression that cannot find a value."""
        self._patterns = {each["Name"]: _compiled(each) for each in definitions}
        self._values: dict[str, dict[str, Any]] = {}
        self._curves: dict[str, list[float]] = {}
        self._lock = Lock()

    def hear(self, line: str, now: datetime) -> dict[str, float]:
        """The values in one line of output, by name."""
        found = {name: _number(pattern.search(line)) for name, pattern in self._patterns.items()}
        heard = {name: value for name, value in found.items() if value is not None}
        with self._lock:
            for name, value in heard.items():
                self._values[name] = {"MetricName": name, "Value": value, "Timestamp": now}
                curve = self._curves.setdefault(name, [])
                if len(curve) < _LONGEST_CURVE:
                    curve.append(value)
        return heard

    def told(self) -> list[dict[str, Any]]:
        """As DescribeTrainingJob tells them."""
        with self._lock:
            return list(self._values.values())

    def curve(self, name: str) -> list[float]:
        """The values of one metric in the order in which they were said."""
        with self._lock:
            return list(self._curves.get(name, []))


def _compiled(definition: Request) -> re.Pattern[str]:
    try:
        pattern = re.compile(definition["Regex"])
    except re.error as error:
        raise invalid(f"Regex of metric {definition['Name']}: {error}") from error
    if not pattern.groups:
        raise invalid(f"Regex of metric {definition['Name']} has no group that holds the value.")
    return pattern


def _number(match: re.Match[str] | None) -> float | None:
    try:
        value = float(match[1]) if match is not None else math.nan
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None
