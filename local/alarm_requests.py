"""What PutMetricAlarm and PutCompositeAlarm accept."""

from collections.abc import Callable
from typing import Any

from local import alarm_actions, alarm_rules
from local.alarm import BANDS, COMPARE
from local.errors import AwsError, not_there
from local.math_syntax import parsed
from local.metric_queries import check_queries
from local.metric_statistics import check

Request = dict[str, Any]
_TREATMENTS = frozenset({"breaching", "notBreaching", "ignore", "missing"})
_ONE_METRIC = ("MetricName", "Namespace", "Period", "Dimensions", "Statistic", "ExtendedStatistic")
_ACTIONS = ("AlarmActions", "OKActions", "InsufficientDataActions")
_MOST_QUERIES = 10
_HOUR = 3600
_DAY = 86_400


def check_metric_alarm(request: Request) -> None:
    """Raise AwsError for an alarm that cannot be evaluated."""
    _check_actions(request)
    if "Metrics" in request:
        _check_math(request)
    else:
        _check_metric(request)
    _check_rule(request)


def check_composite(request: Request, exists: Callable[[str], bool]) -> None:
    _check_actions(request)
    rule = alarm_rules.parsed(request["AlarmRule"])
    missing = [name for name in rule.alarms if not exists(name)]
    if missing:
        message = (
            f"Could not save the composite alarm as alarms [{', '.join(missing)}] in the alarm"
            " rule do not exist"
        )
        raise AwsError("ValidationError", message)


def _check_metric(request: Request) -> None:
    for member in ("MetricName", "Namespace", "Period"):
        if request.get(member) is None:
            raise _invalid(f"The parameter {member} is required for an alarm on one metric")
    if bool(request.get("Statistic")) == bool(request.get("ExtendedStatistic")):
        raise _invalid("Exactly one of Statistic and ExtendedStatistic must be specified")
    check(str(request.get("Statistic") or request["ExtendedStatistic"]))
    if request["ComparisonOperator"] in BANDS:
        raise _invalid("An anomaly detection comparison needs Metrics and ThresholdMetricId")
    _check_period(int(request["Period"]))


def _check_period(period: int) -> None:
    if period not in {10, 20, 30} and (period < 60 or period % 60):
        raise _invalid("Period must be 10, 20, 30 or a multiple of 60")


def _check_math(request: Request) -> None:
    queries = request["Metrics"]
    both = [member for member in _ONE_METRIC if member in request]
    if both:
        raise _invalid(f"Metrics and {both[0]} must not be specified together")
    if len(queries) > _MOST_QUERIES:
        raise not_there("cloudwatch", f"an alarm of more than {_MOST_QUERIES} metric queries")
    check_queries(queries)
    for query in queries:
        if "Expression" in query:
            parsed(query["Expression"])
    threshold = request.get("ThresholdMetricId")
    if (threshold is None) == (request["ComparisonOperator"] in BANDS):
        raise _invalid("ThresholdMetricId goes with a comparison of anomaly detection")
    if threshold is not None and threshold not in {query["Id"] for query in queries}:
        raise _invalid(f"ThresholdMetricId {threshold} is not among Metrics")
    told = [q["Id"] for q in queries if q.get("ReturnData", True) and q["Id"] != threshold]
    if len(told) != 1:
        raise _invalid("Exactly one element of the metrics list should return data")


def _check_rule(request: Request) -> None:
    if request["ComparisonOperator"] not in {*COMPARE, *BANDS}:
        raise _invalid(f"ComparisonOperator {request['ComparisonOperator']} is not known")
    if request.get("ThresholdMetricId") is None and "Threshold" not in request:
        raise _invalid("The parameter Threshold is required")
    evaluated = int(request["EvaluationPeriods"])
    if not 1 <= int(request.get("DatapointsToAlarm", evaluated)) <= evaluated:
        message = "DatapointsToAlarm must be less than or equal to EvaluationPeriods"
        raise _invalid(message)
    treatment = request.get("TreatMissingData", "missing")
    if treatment not in _TREATMENTS:
        raise _invalid(f"The value {treatment} is unsupported for parameter TreatMissingData.")
    period = int(request.get("Period", 0))
    longest, said = (7 * _DAY, "7 days") if period >= _HOUR else (_DAY, "a day")
    if evaluated * period > longest:
        raise _invalid(
            f"Metrics cannot be checked across more than {said}"
            f" (EvaluationPeriods * Period must be <= {longest})."
        )


def _check_actions(request: Request) -> None:
    for member in _ACTIONS:
        alarm_actions.checked(request.get(member, []))


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationError", message)
