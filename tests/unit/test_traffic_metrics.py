"""What a variant's traffic is, by what CloudWatch answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from functions.aws.evidence import TrafficMetrics
from functions.endpoint import MINUTE, NO_TRAFFIC, Minute, Traffic
from functions.names import Names

if TYPE_CHECKING:
    from types_boto3_cloudwatch.client import CloudWatchClient

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


@dataclass
class FakeCloudWatch:
    """Answers GetMetricData with values by metric name, and keeps the requests."""

    values: Mapping[str, Sequence[float]]
    asked: list[dict[str, Any]] = field(default_factory=list)

    def get_metric_data(self, **request: Any) -> dict[str, Any]:
        self.asked.append(request)
        return {
            "MetricDataResults": [
                _series(q, self.values.get(_metric(q)["MetricName"], ()))
                for q in request["MetricDataQueries"]
            ]
        }


def _series(query: Mapping[str, Any], values: Sequence[float]) -> dict[str, Any]:
    """One value a minute, the newest first."""
    times = [NOON + i * MINUTE for i in range(len(values))]
    return {"Id": query["Id"], "Timestamps": times[::-1], "Values": list(values)[::-1]}


def _metric(query: Mapping[str, Any]) -> dict[str, Any]:
    metric: dict[str, Any] = query["MetricStat"]["Metric"]
    return metric


def read(cloudwatch: FakeCloudWatch, *, slower_than: float | None = None) -> Traffic:
    metrics = TrafficMetrics(cast("CloudWatchClient", cloudwatch), Names("sluice-dev"))
    return metrics.read(
        "digits",
        variant="green",
        since=NOON,
        until=NOON + timedelta(minutes=5),
        slower_than=slower_than,
    )


def test_requests_and_errors_are_sums_over_the_minutes() -> None:
    seen = read(FakeCloudWatch({"Invocations": [60, 58], "Invocation5XXErrors": [1, 0]}))

    assert (seen.requests, seen.errors, seen.latency_p99) == (118, 1, None)
    assert [each.requests for each in seen.minutes] == [60, 58]
    assert seen.since(NOON + MINUTE) == Traffic((Minute(NOON + MINUTE, 58),))


def test_one_slow_minute_does_not_make_a_slow_variant_and_half_of_them_do() -> None:
    once = read(FakeCloudWatch({"Invocations": [9], "ModelLatency": [9e3, 8e3, 900e3, 7e3, 9e3]}))
    often = read(FakeCloudWatch({"Invocations": [9], "ModelLatency": [800e3, 8e3, 900e3]}))

    assert once.latency_p99 == 0.009
    assert often.latency_p99 == 0.8


def test_silence_is_no_requests() -> None:
    assert read(FakeCloudWatch({})) == NO_TRAFFIC


def test_only_the_variant_in_the_stretch_of_time_is_asked_for() -> None:
    cloudwatch = FakeCloudWatch({})

    read(cloudwatch)

    (request,) = cloudwatch.asked
    assert (request["StartTime"], request["EndTime"]) == (NOON, NOON + timedelta(minutes=5))
    assert all(
        _metric(query)["Dimensions"]
        == [
            {"Name": "EndpointName", "Value": "sluice-dev-digits"},
            {"Name": "VariantName", "Value": "green"},
        ]
        for query in request["MetricDataQueries"]
    )


def test_slow_answers_are_counted_by_cloudwatch() -> None:
    cloudwatch = FakeCloudWatch({"Invocations": [40], "ModelLatency": [3]})

    seen = read(cloudwatch, slower_than=0.0125)

    assert seen.minutes[0].slower == 3
    assert [q["MetricStat"]["Stat"] for q in cloudwatch.asked[0]["MetricDataQueries"]] == [
        "Sum",
        "Sum",
        "Sum",
        "p99",
        "TC(12500:)",
    ]
