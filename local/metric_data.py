"""What PutMetricData takes: the samples of a datum, and the limits on it."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from local.errors import AwsError

MOST_DATA = 1000
MOST_VALUES = 150
_GREATEST = 2.0**360
_OLDEST = timedelta(days=14)
_NEWEST = timedelta(hours=2)
_MOST_EXPANDED = 10_000
_FORMS = ("Value", "Values", "StatisticValues")
Datum = Mapping[str, Any]


def check_data(namespace: str, data: Sequence[Datum], now: datetime) -> None:
    """Refuse everything when anything cannot be taken."""
    if namespace.startswith("AWS/"):
        raise _wrong(f"The value {namespace} for parameter Namespace is invalid.")
    if len(data) > MOST_DATA:
        message = f"The collection MetricData must not have a size greater than {MOST_DATA}."
        raise _wrong(message)
    for number, datum in enumerate(data, 1):
        where = f"MetricData.member.{number}"
        _check_form(where, datum)
        _check_time(where, datum, now)
        for value in _numbers(datum):
            _check_number(where, value)


def expanded(datum: Datum) -> Sequence[float]:
    """A value, values with counts, or samples that a statistic set may stand for."""
    if "Value" in datum:
        return [float(datum["Value"])]
    if "Values" in datum:
        counts = datum.get("Counts") or [1.0] * len(datum["Values"])
        pairs = zip(datum["Values"], counts, strict=True)
        return [float(value) for value, count in pairs for _ in range(int(count))]
    held = datum["StatisticValues"]
    count = min(int(held["SampleCount"]), _MOST_EXPANDED)
    return _spread(count, held["Sum"], held["Minimum"], held["Maximum"])


def _check_form(where: str, datum: Datum) -> None:
    given = [form for form in _FORMS if form in datum]
    if not given:
        raise AwsError("MissingParameter", f"The parameter {where}.Value is required.")
    if len(given) > 1:
        message = (
            f"The parameters {where}.{given[0]} and {where}.{given[1]} are mutually exclusive"
            " and you have specified both."
        )
        raise AwsError("InvalidParameterCombination", message)
    values, counts = datum.get("Values", []), datum.get("Counts")
    if len(values) > MOST_VALUES:
        message = f"The collection {where}.Values must not have a size greater than {MOST_VALUES}."
        raise _wrong(message)
    if counts is not None and len(counts) != len(values):
        raise _wrong(f"The collections {where}.Values and {where}.Counts must be of one size.")


def _check_time(where: str, datum: Datum, now: datetime) -> None:
    at = datum.get("Timestamp")
    if at is not None and not now - _OLDEST <= at <= now + _NEWEST:
        message = (
            f"The parameter {where}.Timestamp must specify a time no more than two weeks in the"
            " past and two hours in the future."
        )
        raise _wrong(message)


def _check_number(where: str, value: float) -> None:
    if not math.isfinite(value) or abs(value) > _GREATEST:
        raise _wrong(f"The value {value} for parameter {where}.Value is invalid.")


def _numbers(datum: Datum) -> list[float]:
    held = datum.get("StatisticValues", {}).values()
    single = [datum["Value"]] if "Value" in datum else []
    return [float(value) for value in (*single, *datum.get("Values", []), *held)]


def _wrong(message: str) -> AwsError:
    return AwsError("InvalidParameterValue", message)


def _spread(count: int, total: float, low: float, high: float) -> list[float]:
    """`count` samples with this sum, least and greatest value."""
    if count <= 2:
        return [low, high][:count] if count == 2 else [total] * count
    middle = (total - low - high) / (count - 2)
    return [low, *([middle] * (count - 2)), high]
