"""CloudWatch."""

from collections.abc import Mapping

from local.fidelity import EXACT, Fidelity, partial

_MATH = (
    "metric math knows arithmetic, comparisons, ABS, AVG, CEIL, DIFF, FILL, FLOOR, IF, MAX,"
    " METRICS, METRIC_COUNT, MIN, PERIOD, RATE, RUNNING_SUM, STDDEV, SUM, TIME_SERIES and"
    " ANOMALY_DETECTION_BAND (mean and standard deviations of the last 500 periods, no seasons);"
    " all of an expression has the longest of its periods"
)
_STATISTICS = "percents of trimmed statistics cut whole ranks, and percentiles take one"

OPERATIONS: Mapping[str, Fidelity] = {
    "DeleteAlarms": partial("names that are not there are passed over; the text is our own"),
    "DeleteDashboards": EXACT,
    "DescribeAlarmHistory": partial("the newest 100 items of an alarm, however old"),
    "DescribeAlarms": partial("`ChildrenOfAlarmName` and `ParentsOfAlarmName` are passed over"),
    "DescribeAlarmsForMetric": EXACT,
    "DisableAlarmActions": EXACT,
    "EnableAlarmActions": EXACT,
    "GetDashboard": EXACT,
    "GetMetricData": partial(
        f"{_MATH}; {_STATISTICS}; one page; periods begin with `StartTime`; no unit is asked for"
    ),
    "GetMetricStatistics": partial(f"{_STATISTICS}; no unit is asked for"),
    "ListDashboards": partial("one page"),
    "ListMetrics": partial("one page; a series is told at once, and for 15 days"),
    "ListTagsForResource": partial("of alarms"),
    "PutCompositeAlarm": partial(
        "no AT_LEAST; `ActionsSuppressor` suppresses while it is in ALARM, its two periods are"
        " not waited for"
    ),
    "PutDashboard": partial("a widget is not looked into beyond its type"),
    "PutMetricAlarm": partial(
        "actions are SNS, Lambda and scaling policies (permissions are not asked for); windows end"
        f" now and slide, and shrink with the time scale; {_MATH}"
    ),
    "PutMetricData": partial(
        "samples are kept one by one for 15 days, 100,000 of a series; a statistic set becomes"
        " samples that it may stand for"
    ),
    "SetAlarmState": EXACT,
    "TagResource": partial("of alarms"),
    "UntagResource": partial("of alarms"),
}
