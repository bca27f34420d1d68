"""CloudWatch metrics: every sample kept as it came, the newest hundred thousand of a series."""

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from local.clock import Clock
from local.cloud import Account
from local.errors import not_there
from local.metric_data import check_data, expanded
from local.metric_queries import MetricQueries
from local.metric_statistics import check, statistic
from local.metric_store import RETENTION, Key, MetricStore, Sample
from local.timers import Timers

Request = dict[str, Any]
_FLUSH_SECONDS = 1.0
_SWEEP_SECONDS = 3600.0


class Metrics:
    """Series by namespace, name and dimensions.

    Samples keep their exact time: a Get call may ask for any period of a second or more, where
    AWS offers no less than its storage resolution. What PutMetricData brought is kept before it
    is answered; what services here `put` is written each second, so a crash may lose a second.
    """

    def __init__(self, account: Account, clock: Clock) -> None:
        self._account = account
        self._clock = clock
        self._kept = MetricStore(account.store)
        self._timers = Timers("metrics")
        self.queries = MetricQueries(self.points)
        self.operations: Mapping[str, Callable[[Request], Request]] = {
            "PutMetricData": self._put_data,
            "GetMetricData": self.queries.get_data,
            "GetMetricStatistics": self._get_statistics,
            "ListMetrics": self._list,
        }

    def handle(self, action: str, request: Request) -> Request:
        """Answer one API call; raises AwsError."""
        if action not in self.operations:
            raise not_there("cloudwatch", action)
        return self.operations[action](request)

    def start(self) -> None:
        self._timers.start()
        self._flush()
        self._sweep()

    def stop(self) -> None:
        self._timers.stop()
        self._kept.flush()

    def _flush(self) -> None:
        self._kept.flush()
        self._timers.after(_FLUSH_SECONDS, self._flush)

    def _sweep(self) -> None:
        self._kept.forget(self._clock.now() - RETENTION)
        self._timers.after(_SWEEP_SECONDS, self._sweep)

    def put(
        self,
        namespace: str,
        name: str,
        dimensions: Mapping[str, str],
        value: float,
        *,
        unit: str = "None",
        at: datetime | None = None,
    ) -> None:
        """Record one sample, now or `at` a time."""
        self._add(_key(namespace, name, dimensions), [value], unit, at)

    def values(
        self,
        namespace: str,
        name: str,
        dimensions: Mapping[str, str],
        start: datetime,
        end: datetime,
    ) -> list[Sample]:
        """Samples of one series with start ≤ time < end, in order of time."""
        return self._kept.between(_key(namespace, name, dimensions), start, end)

    def _add(self, key: Key, values: Iterable[float], unit: str, at: datetime | None) -> None:
        self._kept.add(key, values, unit, (at or self._clock.now()).astimezone(UTC))

    def _put_data(self, request: Request) -> Request:
        namespace, data = request["Namespace"], request.get("MetricData", [])
        check_data(namespace, data, self._clock.now())
        for datum in data:
            key = _key(namespace, datum["MetricName"], _dimensions(datum))
            self._add(key, expanded(datum), datum.get("Unit", "None"), datum.get("Timestamp"))
        self._kept.flush()
        return {}

    def points(
        self,
        series: tuple[str, str, Mapping[str, str]],
        *,
        name: str,
        period: timedelta,
        start: datetime,
        end: datetime,
    ) -> list[Sample]:
        """One statistic per period from `start`; periods without samples have no point."""
        check(name)
        buckets: dict[int, list[float]] = {}
        for at, value in self.values(*series, start, end):
            buckets.setdefault(math.floor((at - start) / period), []).append(value)
        return [(start + i * period, statistic(name, vs)) for i, vs in sorted(buckets.items())]

    def _get_statistics(self, request: Request) -> Request:
        names = [*request.get("Statistics", []), *request.get("ExtendedStatistics", [])]
        series = (request["Namespace"], request["MetricName"], _dimensions(request))
        period = timedelta(seconds=request["Period"])
        found: dict[datetime, Request] = {}
        for name in names:
            for at, value in self.points(
                series, name=name, period=period, start=request["StartTime"], end=request["EndTime"]
            ):
                point = found.setdefault(at, {"Timestamp": at, "Unit": self._unit(series)})
                if name in request.get("Statistics", []):
                    point[name] = value
                else:
                    point.setdefault("ExtendedStatistics", {})[name] = value
        return {"Label": request["MetricName"], "Datapoints": list(found.values())}

    def _unit(self, series: tuple[str, str, Mapping[str, str]]) -> str:
        return self._kept.unit(_key(*series))

    def _list(self, request: Request) -> Request:
        asked = {(d["Name"], d.get("Value")) for d in request.get("Dimensions", [])}
        return {
            "Metrics": [_told(key) for key in self._kept.known() if _wanted(key, request, asked)]
        }


def _wanted(key: Key, request: Request, asked: set[tuple[str, str | None]]) -> bool:
    namespace, name, dimensions = key
    has = dict(dimensions)
    return (
        request.get("Namespace") in {None, namespace}
        and request.get("MetricName") in {None, name}
        and all(n in has and v in {None, has[n]} for n, v in asked)
    )


def _told(key: Key) -> Request:
    namespace, name, dimensions = key
    pairs = [{"Name": n, "Value": v} for n, v in sorted(dimensions)]
    return {"Namespace": namespace, "MetricName": name, "Dimensions": pairs}


def _key(namespace: str, name: str, dimensions: Mapping[str, str]) -> Key:
    return namespace, name, frozenset(dimensions.items())


def _dimensions(of: Mapping[str, Any]) -> dict[str, str]:
    return {d["Name"]: d["Value"] for d in of.get("Dimensions", [])}
