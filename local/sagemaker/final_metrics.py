"""What a training job's output says by its metric definitions: the last value of each."""

import math
import re
from collections.abc import Sequence
from datetime import datetime
from threading import Lock
from typing import Any

from local.sagemaker.parts import Request, invalid


class FinalMetrics:
    """One value per metric, however much a job says."""

    def __init__(self, definitions: Sequence[Request]) -> None:
        """Raises SageMaker's error for an expression that cannot find a value."""
        self._patterns = {each["Name"]: _compiled(each) for each in definitions}
        self._values: dict[str, dict[str, Any]] = {}
        self._lock = Lock()

    def hear(self, line: str, now: datetime) -> None:
        for name, pattern in self._patterns.items():
            value = _number(pattern.search(line))
            if value is not None:
                with self._lock:
                    self._values[name] = {"MetricName": name, "Value": value, "Timestamp": now}

    def told(self) -> list[dict[str, Any]]:
        """As DescribeTrainingJob tells them."""
        with self._lock:
            return list(self._values.values())


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
