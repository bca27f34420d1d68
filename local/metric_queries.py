"""GetMetricData: metrics and metric math, one result per query that is to be returned."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from local.errors import AwsError
from local.math_syntax import names_in, parsed
from local.metric_math import Band, Math, Query, Series
from local.metric_store import Sample

Request = dict[str, Any]
_HISTORY = 500
"""So many periods before the first make the expectation of an anomaly band."""


class Points(Protocol):
    """One statistic of a series, per period from `start`."""

    def __call__(
        self,
        series: tuple[str, str, Mapping[str, str]],
        *,
        name: str,
        period: timedelta,
        start: datetime,
        end: datetime,
    ) -> list[Sample]: ...


@dataclass(frozen=True)
class Stretch:
    """Periods from `start`; `seconds` is what a period is called, also where time is scaled."""

    start: datetime
    periods: int
    period: timedelta
    seconds: float

    def at(self, number: int) -> datetime:
        return self.start + number * self.period

    @property
    def end(self) -> datetime:
        return self.at(self.periods)


class MetricQueries:
    def __init__(self, points: Points) -> None:
        self._points = points

    def math(self, queries: Sequence[Query], stretch: Stretch) -> Math:
        """What the queries compute over a stretch of time."""

        def fetch(stat: Query) -> Series:
            found = self._read(stat, stretch.start, stretch.end, stretch.period)
            return {round((at - stretch.start) / stretch.period): value for at, value in found}

        def history(stat: Query) -> list[float]:
            since = stretch.at(-_HISTORY)
            return [v for _, v in self._read(stat, since, stretch.start, stretch.period)]

        by_id = {query["Id"]: query for query in queries}
        return Math(by_id, stretch.periods, stretch.seconds, fetch, history)

    def get_data(self, request: Request) -> Request:
        queries = request["MetricDataQueries"]
        check_queries(queries)
        start, end = request["StartTime"], request["EndTime"]
        if start >= end:
            message = "The parameter StartTime must be less than the parameter EndTime."
            raise AwsError("ValidationError", message)
        newest_first = request.get("ScanBy", "TimestampDescending") == "TimestampDescending"
        results = [
            _result(query, label, points[::-1] if newest_first else points)
            for query in queries
            if query.get("ReturnData", True)
            for label, points in self._results(query, queries, start, end)
        ]
        return {"MetricDataResults": results, "Messages": []}

    def _results(
        self, query: Query, queries: Sequence[Query], start: datetime, end: datetime
    ) -> list[tuple[str, list[Sample]]]:
        seconds = period_of(query["Id"], queries)
        period = timedelta(seconds=seconds)
        stretch = Stretch(start, math.ceil((end - start) / period), period, seconds)
        found = self.math(queries, stretch).series(query["Id"])
        label = str(query.get("Label") or _label(query))
        named = (
            {f"{label} low": found.lower, f"{label} high": found.upper}
            if isinstance(found, Band)
            else {label: found}
        )
        return [
            (name, [(stretch.at(number), value) for number, value in sorted(series.items())])
            for name, series in named.items()
        ]

    def _read(self, stat: Query, start: datetime, end: datetime, period: timedelta) -> list[Sample]:
        metric = stat["Metric"]
        dimensions = {d["Name"]: d["Value"] for d in metric.get("Dimensions", [])}
        series = (metric["Namespace"], metric["MetricName"], dimensions)
        return self._points(series, name=stat["Stat"], period=period, start=start, end=end)


def period_of(id_: str, queries: Sequence[Query]) -> float:
    """The period of a query: its own, or the longest of what it is made of."""
    by_id = {query["Id"]: query for query in queries}
    wanted, seen, found = [id_], set[str](), [0.0]
    while wanted:
        query = by_id.get(current := wanted.pop(), {})
        if current in seen:
            continue
        seen.add(current)
        found.append(float(query.get("MetricStat", query).get("Period", 0)))
        if "Expression" in query:
            wanted += _made_of(str(query["Expression"]), by_id)
    return max(found) or 60.0


def _made_of(expression: str, queries: Mapping[str, Query]) -> list[str]:
    if "METRICS(" in expression:
        return list(queries)
    return list(names_in(parsed(expression)))


def check_queries(queries: Sequence[Query]) -> None:
    """Raise ValidationError for queries that cannot be told apart or say nothing."""
    ids = [query["Id"] for query in queries]
    for id_ in ids:
        if ids.count(id_) > 1:
            raise AwsError("ValidationError", f"The values for parameter Id are not unique: {id_}")
        if not (id_[:1].islower() and id_.replace("_", "a").isalnum()):
            pattern = "^[a-z][a-zA-Z0-9_]*$"
            message = f"The value {id_} for parameter Id is not matching the pattern {pattern}."
            raise AwsError("ValidationError", message)
    for query in queries:
        if ("MetricStat" in query) == ("Expression" in query):
            message = f"Exactly one of MetricStat and Expression is required for {query['Id']}"
            raise AwsError("ValidationError", message)


def _label(query: Query) -> str:
    if "MetricStat" in query:
        return str(query["MetricStat"]["Metric"]["MetricName"])
    return str(query["Id"])


def _result(query: Query, label: str, points: Sequence[Sample]) -> Request:
    return {
        "Id": query["Id"],
        "Label": label,
        "Timestamps": [at for at, _ in points],
        "Values": [value for _, value in points],
        "StatusCode": "Complete",
    }
