"""CloudWatch's embedded metric format: metrics inside log lines."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True)
class EmbeddedMetric:
    namespace: str
    name: str
    dimensions: Mapping[str, str]
    value: float
    unit: str
    at: datetime


def embedded_metrics(line: str) -> Iterator[EmbeddedMetric]:
    """Every value that a log line publishes; nothing for an ordinary line."""
    if '"_aws"' not in line or "CloudWatchMetrics" not in line:
        return
    try:
        document = json.loads(line)
        header = document["_aws"]
        at = datetime.fromtimestamp(int(header["Timestamp"]) / 1000, UTC)
        directives = list(header["CloudWatchMetrics"])
    except (ValueError, KeyError, TypeError):
        return
    for directive in directives:
        yield from _of_directive(document, directive, at)


def _of_directive(
    document: Mapping[str, Any], directive: Mapping[str, Any], at: datetime
) -> Iterator[EmbeddedMetric]:
    for names in directive.get("Dimensions") or [[]]:
        dimensions = {name: str(document[name]) for name in names if name in document}
        for metric in directive.get("Metrics", []):
            given = document.get(metric.get("Name"))
            values = given if isinstance(given, list) else [given]
            for value in values:
                if isinstance(value, int | float) and not isinstance(value, bool):
                    yield EmbeddedMetric(
                        str(directive["Namespace"]),
                        str(metric["Name"]),
                        dimensions,
                        float(value),
                        str(metric.get("Unit", "None")),
                        at,
                    )
