"""What CloudWatch knows of a variant's traffic."""

from datetime import datetime
from statistics import median
from typing import TYPE_CHECKING

from functions.endpoint import Traffic
from functions.names import Names

if TYPE_CHECKING:
    from types_boto3_cloudwatch.client import CloudWatchClient
    from types_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef

_NAMESPACE = "AWS/SageMaker"
_PERIOD = 60
_MICROSECONDS = 1e6
_STATISTICS = (
    ("requests", "Invocations", "Sum"),
    ("errors", "Invocation5XXErrors", "Sum"),
    ("latency", "ModelLatency", "p99"),
)


class TrafficMetrics:
    """Reads what a variant answered."""

    def __init__(self, client: "CloudWatchClient", names: Names) -> None:
        self._client = client
        self._names = names

    def read(self, model: str, *, variant: str, since: datetime, until: datetime) -> Traffic:
        """Requests, errors and the typical (median) minute's p99 latency of a variant.

        One slow answer makes a slow minute where there is little traffic; only half of the
        minutes make a slow variant.
        """
        answer = self._client.get_metric_data(
            MetricDataQueries=[
                self._query(
                    id_, metric, stat, endpoint=self._names.endpoint(model), variant=variant
                )
                for id_, metric, stat in _STATISTICS
            ],
            StartTime=since,
            EndTime=until,
        )
        seen = {result["Id"]: result["Values"] for result in answer["MetricDataResults"]}
        slow = seen.get("latency", [])
        return Traffic(
            requests=round(sum(seen.get("requests", []))),
            errors=round(sum(seen.get("errors", []))),
            latency_p99=median(slow) / _MICROSECONDS if slow else None,
        )

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
