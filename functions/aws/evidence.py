"""What CloudWatch knows of a variant's traffic."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from functions.endpoint import Minute, Traffic
from functions.names import Names

if TYPE_CHECKING:
    from types_boto3_cloudwatch.client import CloudWatchClient
    from types_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef

_NAMESPACE = "AWS/SageMaker"
_PERIOD = 60
_MICROSECONDS = 1e6
_COUNTS = (
    ("requests", "Invocations", "Sum"),
    ("errors", "Invocation5XXErrors", "Sum"),
    ("refused", "Invocation4XXErrors", "Sum"),
)
_LATENCY = "ModelLatency"


class TrafficMetrics:
    """Reads what a variant answered."""

    def __init__(self, client: "CloudWatchClient", names: Names) -> None:
        self._client = client
        self._names = names

    def read(
        self,
        model: str,
        *,
        variant: str,
        since: datetime,
        until: datetime,
        slower_than: float | None = None,
    ) -> Traffic:
        """What a variant answered, by minute; answers slower than so many seconds are counted."""
        statistics = [*_COUNTS, ("latency_p99", _LATENCY, "p99")]
        if slower_than is not None:
            slow = f"TC({slower_than * _MICROSECONDS:.0f}:)"
            statistics.append(("slower", _LATENCY, slow))
        endpoint = self._names.endpoint(model)
        answer = self._client.get_metric_data(
            MetricDataQueries=[
                self._query(*each, endpoint=endpoint, variant=variant) for each in statistics
            ],
            StartTime=since,
            EndTime=until,
        )
        return Traffic(tuple(_minutes(answer["MetricDataResults"])))

    def _query(
        self, id_: str, metric: str, stat: str, *, endpoint: str, variant: str
    ) -> "MetricDataQueryTypeDef":
        return {
            "Id": id_,
            "MetricStat": {
                "Metric": {
                    "Namespace": _NAMESPACE,
                    "MetricName": metric,
                    "Dimensions": [
                        {"Name": "EndpointName", "Value": endpoint},
                        {"Name": "VariantName", "Value": variant},
                    ],
                },
                "Period": _PERIOD,
                "Stat": stat,
            },
        }


def _minutes(results: list[Any]) -> Iterator[Minute]:
    """The series of the statistics, put together by time."""
    found: dict[datetime, dict[str, Any]] = defaultdict(dict)
    for result in results:
        for at, value in zip(result["Timestamps"], result["Values"], strict=True):
            latency = result["Id"] == "latency_p99"
            found[at][result["Id"]] = value / _MICROSECONDS if latency else round(value)
    for at, values in sorted(found.items()):
        yield Minute(at, **values)
