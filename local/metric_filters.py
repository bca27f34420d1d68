"""Metric filters: log events that match a pattern become metrics."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from local.clock import Clock
from local.errors import AwsError
from local.filter_patterns import compiled, named_value
from local.log_pages import page
from local.log_store import Group, Request
from local.seams import PutsMetrics


@dataclass(frozen=True)
class MetricFilters:
    """They belong to their group and are kept with it."""

    clock: Clock
    metrics: PutsMetrics
    group: Callable[[str], Group]
    keep: Callable[[Group], None]

    def operations(self) -> dict[str, Callable[[Request], Request | None]]:
        return {
            "PutMetricFilter": self._put,
            "DescribeMetricFilters": self._describe,
            "DeleteMetricFilter": self._delete,
            "TestMetricFilter": _test,
        }

    def apply(self, group: Group, timestamp: int, message: str) -> None:
        at = datetime.fromtimestamp(timestamp / 1000, UTC)
        for each in group.filters.values():
            found = compiled(each["filterPattern"]).match(message)
            if found is not None:
                for transformation in each["metricTransformations"]:
                    self._publish(transformation, partial(named_value, message, found), at)

    def _publish(
        self, how: Mapping[str, Any], named: Callable[[str], str | None], at: datetime
    ) -> None:
        wanted = str(how["metricValue"])
        value = _number(named(wanted) if wanted.startswith("$") else wanted)
        if value is None:
            return
        dimensions = {name: named(key) for name, key in (how.get("dimensions") or {}).items()}
        self.metrics.put(
            how["metricNamespace"],
            how["metricName"],
            {name: text for name, text in dimensions.items() if text},
            value,
            unit=how.get("unit") or "None",
            at=at,
        )

    def _put(self, request: Request) -> None:
        group = self.group(request["logGroupName"])
        compiled(request["filterPattern"])
        group.filters[request["filterName"]] = {
            "filterName": request["filterName"],
            "filterPattern": request["filterPattern"],
            "metricTransformations": request["metricTransformations"],
            "creationTime": int(self.clock.now().timestamp() * 1000),
            "logGroupName": group.name,
        }
        self.keep(group)

    def _describe(self, request: Request) -> Request:
        prefix = request.get("filterNamePrefix") or ""
        filters = self.group(request["logGroupName"]).filters
        found = [each for name, each in sorted(filters.items()) if name.startswith(prefix)]
        return page("metricFilters", found, request, dict)

    def _delete(self, request: Request) -> None:
        group = self.group(request["logGroupName"])
        if group.filters.pop(request["filterName"], None) is None:
            message = "The specified metric filter does not exist."
            raise AwsError("ResourceNotFoundException", message)
        self.keep(group)


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None


def _test(request: Request) -> Request:
    pattern = compiled(request["filterPattern"])
    matches = [
        {"eventNumber": number, "eventMessage": message, "extractedValues": found}
        for number, message in enumerate(request["logEventMessages"], 1)
        if (found := pattern.match(message)) is not None
    ]
    return {"matches": matches}
