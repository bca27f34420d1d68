"""What CloudWatch says of an alarm's state: the reason, its data, and the event's detail."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from local.alarm import Alarm, State, stamp
from local.metric_store import Sample

_SAID = {
    "GreaterThanThreshold": "greater than",
    "GreaterThanOrEqualToThreshold": "greater than or equal to",
    "LessThanThreshold": "less than",
    "LessThanOrEqualToThreshold": "less than or equal to",
}


def insufficient(alarm: Alarm, now: datetime) -> State:
    evaluated = alarm.rule.evaluated
    noun = "datapoint was" if evaluated == 1 else "datapoints were"
    reason = f"Insufficient Data: {evaluated} {noun} unknown."
    return State("INSUFFICIENT_DATA", reason, _reason_data(alarm, [], now), now)


def crossed(alarm: Alarm, value: str, evaluated: Sequence[Sample], now: datetime) -> State:
    threshold = float(alarm.settings["Threshold"])
    told = [p for p in evaluated if alarm.breaches(p[1]) == (value == "ALARM")] or evaluated
    listed = ", ".join(f"{v} ({at:%d/%m/%y %H:%M:%S})" for at, v in told)
    was = "was" if value == "ALARM" else "was not"
    reason = (
        f"Threshold Crossed: {len(told)} out of the last {alarm.rule.evaluated} datapoints"
        f" [{listed}] {was} {_SAID[alarm.settings['ComparisonOperator']]}"
        f" the threshold ({threshold})."
    )
    return State(value, reason, _reason_data(alarm, evaluated, now), now)


def _reason_data(alarm: Alarm, evaluated: Sequence[Sample], now: datetime) -> str:
    start = {"startDate": stamp(evaluated[0][0])} if evaluated else {}
    return json.dumps(
        {
            "version": "1.0",
            "queryDate": stamp(now),
            **start,
            "statistic": alarm.statistic,
            "period": alarm.settings["Period"],
            "recentDatapoints": [value for _, value in evaluated],
            "threshold": alarm.settings["Threshold"],
        }
    )


def detail(alarm: Alarm, before: State) -> dict[str, Any]:
    metric = {
        "namespace": alarm.settings["Namespace"],
        "name": alarm.settings["MetricName"],
        "dimensions": alarm.dimensions,
    }
    stat = {"metric": metric, "period": alarm.settings["Period"], "stat": alarm.statistic}
    configuration: dict[str, Any] = {
        "metrics": [{"id": "m1", "metricStat": stat, "returnData": True}]
    }
    if alarm.settings.get("AlarmDescription"):
        configuration["description"] = alarm.settings["AlarmDescription"]
    return {
        "alarmName": alarm.name,
        "state": alarm.state.told(),
        "previousState": before.told(),
        "configuration": configuration,
    }
