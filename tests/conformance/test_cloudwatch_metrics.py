"""Metrics: what PutMetricData takes, what the Get calls answer, and dashboards."""

import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.conformance.target import Target, refusal
from tests.fakes.embedded_aws import eventually


@pytest.mark.parametrize(
    ("namespace", "datum", "code"),
    [
        ("AWS/Mine", {"Value": 1.0}, "InvalidParameterValue"),
        ("checks", {"Value": math.inf}, "InvalidParameterValue"),
        ("checks", {"Value": math.nan}, "InvalidParameterValue"),
        ("checks", {"Value": 2.0**361}, "InvalidParameterValue"),
        ("checks", {}, "MissingParameter"),
        ("checks", {"Values": [1.0, 2.0], "Counts": [1.0]}, "InvalidParameterValue"),
        ("checks", {"Values": [1.0] * 151}, "InvalidParameterValue"),
        ("checks", {"Value": 1.0, "Values": [1.0]}, "InvalidParameterCombination"),
        ("checks", {"Value": 1.0, "Timestamp": -15}, "InvalidParameterValue"),
        ("checks", {"Value": 1.0, "Timestamp": 1}, "InvalidParameterValue"),
    ],
)
def test_data_beyond_the_limits_are_refused(
    aws: Target, namespace: str, datum: dict[str, Any], code: str
) -> None:
    if "Timestamp" in datum:
        datum = {**datum, "Timestamp": datetime.now(UTC) + timedelta(days=datum["Timestamp"])}
    put = aws.client("cloudwatch").put_metric_data

    found, _ = refusal(put, Namespace=namespace, MetricData=[{"MetricName": "m", **datum}])

    assert found == code


@pytest.mark.embedded
@pytest.mark.parametrize(
    ("datum", "expected"),
    [
        ({"Value": 3.0}, (1, 3, 3, 3)),
        ({"Values": [1.0, 5.0]}, (2, 6, 1, 5)),
        ({"Values": [1.0, 5.0], "Counts": [3.0, 1.0]}, (4, 8, 1, 5)),
        (
            {
                "StatisticValues": {
                    "SampleCount": 4.0,
                    "Sum": 10.0,
                    "Minimum": 1.0,
                    "Maximum": 4.0,
                }
            },
            (4, 10, 1, 4),
        ),
    ],
)
def test_every_form_of_a_datum_counts(
    aws: Target, datum: dict[str, Any], expected: tuple[float, ...]
) -> None:
    cloudwatch, space, now = aws.client("cloudwatch"), aws.name("checks"), datetime.now(UTC)
    data = [{"MetricName": "m", "Timestamp": now, "Unit": "Count", **datum}]
    cloudwatch.put_metric_data(Namespace=space, MetricData=data)

    (point,) = cloudwatch.get_metric_statistics(
        Namespace=space,
        MetricName="m",
        StartTime=now - timedelta(minutes=5),
        EndTime=now + timedelta(minutes=5),
        Period=3600,
        Statistics=["SampleCount", "Sum", "Minimum", "Maximum"],
    )["Datapoints"]

    told = tuple(point[s] for s in ("SampleCount", "Sum", "Minimum", "Maximum"))
    assert told == expected
    assert point["Unit"] == "Count"


@pytest.mark.embedded
def test_expressions_are_computed_from_metrics_that_are_not_returned(aws: Target) -> None:
    cloudwatch, space, now = aws.client("cloudwatch"), aws.name("checks"), datetime.now(UTC)
    for name, value in (("Errors", 2.0), ("Requests", 10.0)):
        data = [{"MetricName": name, "Value": value, "Timestamp": now}]
        cloudwatch.put_metric_data(Namespace=space, MetricData=data)
    queries: list[dict[str, Any]] = [
        {
            "Id": f"m{number}",
            "MetricStat": {
                "Metric": {"Namespace": space, "MetricName": name},
                "Period": 60,
                "Stat": "Sum",
            },
            "ReturnData": False,
        }
        for number, name in enumerate(("Errors", "Requests"))
    ]

    (result,) = cloudwatch.get_metric_data(
        MetricDataQueries=[*queries, {"Id": "rate", "Expression": "100 * m0 / m1"}],
        StartTime=now - timedelta(minutes=5),
        EndTime=now + timedelta(minutes=5),
    )["MetricDataResults"]

    assert (result["Id"], result["Label"], result["Values"]) == ("rate", "rate", [20.0])


@pytest.mark.parametrize(
    "queries",
    [
        [{"Id": "A", "Expression": "1"}],
        [{"Id": "a", "Expression": "1"}, {"Id": "a", "Expression": "2"}],
        [{"Id": "a", "Expression": "b + 1"}],
        [{"Id": "a", "Expression": "a + 1"}],
        [{"Id": "a", "Expression": "1 +"}],
        [{"Id": "a"}],
    ],
)
def test_queries_that_make_no_sense_are_refused(aws: Target, queries: list[dict[str, Any]]) -> None:
    now = datetime.now(UTC)

    code, _ = refusal(
        aws.client("cloudwatch").get_metric_data,
        MetricDataQueries=queries,
        StartTime=now - timedelta(minutes=5),
        EndTime=now,
    )

    assert code == "ValidationError"


def test_the_end_comes_after_the_start(aws: Target) -> None:
    now = datetime.now(UTC)

    code, _ = refusal(
        aws.client("cloudwatch").get_metric_data,
        MetricDataQueries=[{"Id": "a", "Expression": "TIME_SERIES(1)", "Period": 60}],
        StartTime=now,
        EndTime=now,
    )

    assert code == "ValidationError"


@pytest.mark.embedded
def test_a_queue_s_depth_is_a_metric(aws: Target) -> None:
    sqs, cloudwatch, name = aws.client("sqs"), aws.client("cloudwatch"), aws.name()
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    sqs.send_message(QueueUrl=queue, MessageBody="x")
    now = datetime.now(UTC)

    def deepest() -> float:
        points = cloudwatch.get_metric_statistics(
            Namespace="AWS/SQS",
            MetricName="ApproximateNumberOfMessagesVisible",
            Dimensions=[{"Name": "QueueName", "Value": name}],
            StartTime=now - timedelta(minutes=5),
            EndTime=now + timedelta(minutes=5),
            Period=3600,
            Statistics=["Maximum"],
        )["Datapoints"]
        return max((float(point["Maximum"]) for point in points), default=0.0)

    assert eventually(deepest) == 1.0
    sqs.delete_queue(QueueUrl=queue)


def test_a_dashboard_is_what_was_put(aws: Target) -> None:
    cloudwatch, name = aws.client("cloudwatch"), aws.name()
    widget = {"type": "text", "x": 0, "y": 0, "width": 1, "height": 1}
    body = json.dumps({"widgets": [{**widget, "properties": {"markdown": "hello"}}]})

    cloudwatch.put_dashboard(DashboardName=name, DashboardBody=body)

    assert json.loads(cloudwatch.get_dashboard(DashboardName=name)["DashboardBody"]) == json.loads(
        body
    )
    listed = cloudwatch.list_dashboards(DashboardNamePrefix=name)["DashboardEntries"]
    assert [entry["DashboardName"] for entry in listed] == [name]
    cloudwatch.delete_dashboards(DashboardNames=[name])


@pytest.mark.parametrize("body", ["{", "[]", '{"widgets": 5}', '{"widgets": [{"type": "cake"}]}'])
def test_a_dashboard_that_cannot_be_shown_is_refused(aws: Target, body: str) -> None:
    put = aws.client("cloudwatch").put_dashboard

    code, _ = refusal(put, DashboardName=aws.name(), DashboardBody=body)

    assert code == "InvalidParameterInput"


def test_a_dashboard_that_is_not_there_is_not_found(aws: Target) -> None:
    cloudwatch = aws.client("cloudwatch")

    for call, request in (
        (cloudwatch.get_dashboard, {"DashboardName": "nobody-at-all"}),
        (cloudwatch.delete_dashboards, {"DashboardNames": ["nobody-at-all"]}),
    ):
        assert refusal(call, **request)[0] == "ResourceNotFound"


@pytest.mark.parametrize("action", ["put_insight_rule", "list_metric_streams"])
@pytest.mark.embedded
def test_what_is_not_there_says_so(aws: Target, action: str) -> None:
    requests: dict[str, dict[str, Any]] = {
        "put_insight_rule": {"RuleName": "r", "RuleDefinition": "{}"},
        "list_metric_streams": {},
    }

    code, _ = refusal(getattr(aws.client("cloudwatch"), action), **requests[action])

    assert code == "NotImplemented"


@pytest.mark.embedded  # an account lists a metric minutes later
def test_many_data_arrive_compressed(aws: Target) -> None:
    """boto3 compresses a request of more than ten kilobytes."""
    cloudwatch, space = aws.client("cloudwatch"), aws.name("space")
    data = [{"MetricName": f"metric-{n}", "Value": 1.0} for n in range(500)]

    cloudwatch.put_metric_data(Namespace=space, MetricData=data)

    pages = cloudwatch.get_paginator("list_metrics").paginate(Namespace=space)
    assert len([metric for page in pages for metric in page["Metrics"]]) == len(data)


@pytest.mark.embedded
@pytest.mark.parametrize(
    ("statistic", "expected"),
    [
        ("p90", 9.0),
        ("TC(8:)", 2.0),
        ("TC(:8)", 8.0),
        ("TC(2:8)", 6.0),
        ("TS(8:)", 19.0),
        ("TM(8:)", 9.5),
        ("TM(10%:90%)", 5.5),
        ("tm90", 5.0),
        ("wm80", 5.2),
        ("PR(:3)", 30.0),
        ("PR(3:)", 70.0),
        ("IQM", 5.5),
    ],
)
def test_an_extended_statistic_cuts_above_its_lower_and_with_its_upper_bound(
    aws: Target, statistic: str, expected: float
) -> None:
    cloudwatch, space, now = aws.client("cloudwatch"), aws.name("cuts"), datetime.now(UTC)
    values = [float(n) for n in range(1, 11)]
    data = [{"MetricName": "m", "Timestamp": now, "Values": values}]
    cloudwatch.put_metric_data(Namespace=space, MetricData=data)
    metric = {"Namespace": space, "MetricName": "m"}

    (result,) = cloudwatch.get_metric_data(
        MetricDataQueries=[
            {"Id": "q", "MetricStat": {"Metric": metric, "Period": 3600, "Stat": statistic}}
        ],
        StartTime=now - timedelta(minutes=5),
        EndTime=now + timedelta(minutes=5),
    )["MetricDataResults"]

    assert result["Values"] == [pytest.approx(expected)]


@pytest.mark.parametrize("statistic", ["p101", "TC", "TC(:)", "TC(1:50%)", "PR(10%:90%)", "Median"])
def test_a_statistic_that_is_none_is_refused(aws: Target, statistic: str) -> None:
    metric, now = {"Namespace": "checks", "MetricName": "m"}, datetime.now(UTC)

    code, _ = refusal(
        aws.client("cloudwatch").get_metric_data,
        MetricDataQueries=[
            {"Id": "q", "MetricStat": {"Metric": metric, "Period": 60, "Stat": statistic}}
        ],
        StartTime=now - timedelta(minutes=5),
        EndTime=now,
    )

    assert code == "ValidationError"
