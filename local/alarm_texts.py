"""What CloudWatch says of an alarm's state: the reason, its data, and the event's detail."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from local.alarm import Alarm, State, stamp
from local.metric_store import Sample

_SAID = {
    "GreaterThanThreshold": "greater than",
    "GreaterThanOrEqualToThreshold": "greater than or equal to",
    "LessThanThreshold": "less than",
    "LessThanOrEqualToThreshold": "less than or equal to",
    "GreaterThanUpperThreshold": "greater than the upper bound of",
    "LessThanLowerThreshold": "less than the lower bound of",
    "LessThanLowerOrGreaterThanUpperThreshold": "outside",
}


def insufficient(alarm: Alarm, now: datetime) -> State:
    evaluated = alarm.rule.evaluated
    noun = "datapoint was" if evaluated == 1 else "datapoints were"
    reason = f"Insufficient Data: {evaluated} {noun} unknown."
    return State("INSUFFICIENT_DATA", reason, _reason_data(alarm, [], now), now)


def crossed(
    alarm: Alarm,
    value: str,
    evaluated: Sequence[Sample],
    telling: Collection[datetime],
    now: datetime,
) -> State:
    """`telling` are the times of the datapoints that are as the state says."""
    threshold = alarm.settings.get("Threshold")
    told = [p for p in evaluated if p[0] in telling] or evaluated
    limit = "the band" if threshold is None else f"the threshold ({float(threshold)})"
    listed = ", ".join(f"{v} ({at:%d/%m/%y %H:%M:%S})" for at, v in told)
    was = "was" if value == "ALARM" else "was not"
    reason = (
        f"Threshold Crossed: {len(told)} out of the last {alarm.rule.evaluated} datapoints"
        f" [{listed}] {was} {_SAID[alarm.settings['ComparisonOperator']]}"
        f" {limit}."
    )
    return State(value, reason, _reason_data(alarm, evaluated, now), now)


def _reason_data(alarm: Alarm, evaluated: Sequence[Sample], now: datetime) -> str:
    start = {"startDate": stamp(evaluated[0][0])} if evaluated else {}
    return json.dumps(
        {
            "version": "1.0",
            "queryDate": stamp(now),
            **start,
            **({"statistic": alarm.statistic} if alarm.statistic else {}),
            "period": int(alarm.period.total_seconds()),
            "recentDatapoints": [value for _, value in evaluated],
            "threshold": alarm.settings.get("Threshold"),
        }
    )


def composed(alarm: Alarm, value: str, children: Sequence[Alarm], now: datetime) -> State:
    """A composite alarm's state names the alarm that changed last."""
    if not children:
        return State(value, "The alarm rule is constant", "", now)
    last = max(children, key=lambda child: child.state.since)
    moment = f"{last.state.since:%A %d %B, %Y %H:%M:%S} UTC"
    reason = f"{last.arn} transitioned to {last.state.value} at {moment}"
    told = {"value": last.state.value, "timestamp": stamp(last.state.since)}
    data = {"triggeringAlarms": [{"arn": last.arn, "state": told}]}
    return State(value, reason, json.dumps(data), now)


def detail(alarm: Alarm, before: State) -> dict[str, Any]:
    """What the event of a change says."""
    configuration: dict[str, Any] = (
        {"alarmRule": alarm.settings["AlarmRule"]}
        if alarm.composite
        else {"metrics": _metrics(alarm)}
    )
    if alarm.settings.get("AlarmDescription"):
        configuration["description"] = alarm.settings["AlarmDescription"]
    return {
        "alarmName": alarm.name,
        "state": alarm.state.told(),
        "previousState": before.told(),
        "configuration": configuration,
    }


def _metrics(alarm: Alarm) -> list[dict[str, Any]]:
    if "Metrics" in alarm.settings:
        return [_query(query) for query in alarm.settings["Metrics"]]
    metric = {
        "namespace": alarm.settings["Namespace"],
        "name": alarm.settings["MetricName"],
        "dimensions": alarm.dimensions,
    }
    stat = {"metric": metric, "period": alarm.settings["Period"], "stat": alarm.statistic}
    return [{"id": "m1", "metricStat": stat, "returnData": True}]


def _query(query: Mapping[str, Any]) -> dict[str, Any]:
    told = {"id": query["Id"], "returnData": query.get("ReturnData", True)}
    if "Label" in query:
        told["label"] = query["Label"]
    if "MetricStat" not in query:
        return {**told, "expression": query["Expression"]}
    stat, metric = query["MetricStat"], query["MetricStat"]["Metric"]
    named = {
        "namespace": metric["Namespace"],
        "name": metric["MetricName"],
        "dimensions": {d["Name"]: d["Value"] for d in metric.get("Dimensions", [])},
    }
    return {**told, "metricStat": {"metric": named, "period": stat["Period"], "stat": stat["Stat"]}}
