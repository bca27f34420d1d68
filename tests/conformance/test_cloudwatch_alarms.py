"""Alarms: what they accept, when they ring, what they say and whom they tell."""

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.conformance.target import Target, refusal
from tests.fakes.embedded_aws import eventually


class Alarms:
    """The alarms of one test, with a namespace of their own."""

    def __init__(self, aws: Target) -> None:
        self.aws = aws
        self.cloudwatch = aws.client("cloudwatch")
        self.space = aws.name("checks")
        self._names: list[str] = []

    def put(self, **more: Any) -> str:
        request = {
            "AlarmName": self.aws.name("alarm"),
            "Namespace": self.space,
            "MetricName": "Errors",
            "Statistic": "Sum",
            "Period": 60,
            "EvaluationPeriods": 1,
            "Threshold": 1.0,
            "ComparisonOperator": "GreaterThanThreshold",
            **more,
        }
        request = {key: value for key, value in request.items() if value is not None}
        self.cloudwatch.put_metric_alarm(**request)
        self._names.append(request["AlarmName"])
        return str(request["AlarmName"])

    def computed(self, expression: str, **more: Any) -> str:
        """An alarm on metric math over `m1` (Errors) and `m2` (Requests)."""
        simple = dict.fromkeys(("Namespace", "MetricName", "Statistic", "Period"))
        told = {"Id": "e1", "Expression": expression, "ReturnData": True}
        return self.put(**simple, Metrics=[self.metric("m1"), self.metric("m2"), told], **more)

    def metric(self, id_: str) -> dict[str, Any]:
        names = {"m1": "Errors", "m2": "Requests"}
        metric = {"Namespace": self.space, "MetricName": names[id_]}
        stat = {"Metric": metric, "Period": 60, "Stat": "Sum"}
        return {"Id": id_, "MetricStat": stat, "ReturnData": False}

    def composite(self, rule: str, **more: Any) -> str:
        name = self.aws.name("composite")
        self.cloudwatch.put_composite_alarm(AlarmName=name, AlarmRule=rule, **more)
        self._names.insert(0, name)
        return name

    def set(self, name: str, state: str) -> None:
        self.cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="a check")

    def still(self, state: str) -> str:
        """An alarm that keeps the state it is put into: it ignores that there are no data."""
        name = self.put(TreatMissingData="ignore", MetricName=f"None{uuid.uuid4().hex}")
        if state != "INSUFFICIENT_DATA":
            self.set(name, state)
        return name

    def told(self, name: str) -> dict[str, Any]:
        types = ["MetricAlarm", "CompositeAlarm"]
        found = self.cloudwatch.describe_alarms(AlarmNames=[name], AlarmTypes=types)
        (alarm,) = found["MetricAlarms"] + found["CompositeAlarms"]
        return dict(alarm)

    def becomes(self, name: str, state: str) -> dict[str, Any]:
        eventually(lambda: self.told(name)["StateValue"] == state)
        return self.told(name)

    def send(self, name: str, *values: float) -> None:
        """Values of now."""
        data = [{"MetricName": name, "Values": list(values), "Timestamp": datetime.now(UTC)}]
        self.cloudwatch.put_metric_data(Namespace=self.space, MetricData=data)

    def history(self, name: str, **more: Any) -> list[dict[str, Any]]:
        types = ["MetricAlarm", "CompositeAlarm"]
        found = self.cloudwatch.describe_alarm_history(AlarmName=name, AlarmTypes=types, **more)
        return list(found["AlarmHistoryItems"])

    def close(self) -> None:
        for name in self._names:
            self.cloudwatch.delete_alarms(AlarmNames=[name])


@pytest.fixture
def alarms(aws: Target) -> Iterator[Alarms]:
    made = Alarms(aws)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("fields", "code", "text"),
    [
        ({"Period": 45}, "ValidationError", "multiple of 60"),
        ({"Statistic": None}, "ValidationError", "Exactly one of Statistic and ExtendedStatistic"),
        ({"ExtendedStatistic": "p99"}, "ValidationError", "Exactly one of Statistic"),
        ({"DatapointsToAlarm": 2}, "ValidationError", "DatapointsToAlarm"),
        ({"TreatMissingData": "guess"}, "ValidationError", "TreatMissingData"),
        ({"EvaluationPeriods": 1441}, "ValidationError", "across more than a day"),
        ({"ComparisonOperator": "About"}, "ValidationError", "comparisonOperator"),
        ({"Threshold": None}, "ValidationError", "Threshold"),
        ({"MetricName": None}, "ValidationError", "MetricName"),
        ({"AlarmActions": ["ring"]}, "ValidationError", "Invalid arn syntax: ring"),
        ({"ComparisonOperator": "LessThanLowerThreshold"}, "ValidationError", "anomaly"),
    ],
)
def test_an_alarm_that_cannot_be_evaluated_is_refused(
    alarms: Alarms, fields: dict[str, Any], code: str, text: str
) -> None:
    found, said = refusal(alarms.put, **fields)

    assert found == code
    assert text.lower() in said.lower()


def test_a_new_alarm_is_unchecked_until_it_has_been_evaluated(alarms: Alarms) -> None:
    name = alarms.put(TreatMissingData="ignore")

    told = alarms.told(name)

    assert told["StateValue"] == "INSUFFICIENT_DATA"
    assert told["StateReason"] == "Unchecked: Initial alarm creation"


@pytest.mark.embedded
@pytest.mark.parametrize(
    ("comparison", "value", "state"),
    [
        ("GreaterThanThreshold", 2.0, "ALARM"),
        ("GreaterThanThreshold", 1.0, "OK"),
        ("GreaterThanOrEqualToThreshold", 1.0, "ALARM"),
        ("LessThanThreshold", 0.5, "ALARM"),
        ("LessThanThreshold", 1.0, "OK"),
        ("LessThanOrEqualToThreshold", 1.0, "ALARM"),
    ],
)
def test_a_comparison_decides(alarms: Alarms, comparison: str, value: float, state: str) -> None:
    name = alarms.put(ComparisonOperator=comparison, Period=3600, EvaluationPeriods=1)

    alarms.send("Errors", value)

    reason = alarms.becomes(name, state)["StateReason"]
    assert reason.startswith("Threshold Crossed: 1 out of the last 1 datapoints [")


@pytest.mark.embedded
@pytest.mark.parametrize(
    ("treat", "state"),
    [("breaching", "ALARM"), ("notBreaching", "OK"), ("missing", "INSUFFICIENT_DATA")],
)
def test_missing_data_is_what_the_alarm_says(alarms: Alarms, treat: str, state: str) -> None:
    name = alarms.put(TreatMissingData=treat)

    assert alarms.becomes(name, state)["StateValue"] == state


@pytest.mark.embedded
@pytest.mark.parametrize(
    ("rule", "state"),
    [
        ("ALARM({bad})", "ALARM"),
        ("ALARM({good})", "OK"),
        ("OK({good})", "ALARM"),
        ("INSUFFICIENT_DATA({none})", "ALARM"),
        ('ALARM("{bad}")', "ALARM"),
        ("NOT ALARM({bad})", "OK"),
        ("NOT (ALARM({bad}) AND ALARM({good}))", "ALARM"),
        ("ALARM({bad}) AND ALARM({good})", "OK"),
        ("ALARM({bad}) AND OK({good})", "ALARM"),
        ("ALARM({bad}) OR ALARM({good})", "ALARM"),
        ("ALARM({bad}) OR ALARM({good}) AND ALARM({good})", "ALARM"),
        ("(ALARM({bad}) OR ALARM({good})) AND ALARM({good})", "OK"),
        ("NOT NOT ALARM({bad})", "ALARM"),
        ("TRUE", "ALARM"),
        ("FALSE", "OK"),
        ("ALARM({bad}) AND NOT FALSE", "ALARM"),
    ],
)
def test_a_rule_joins_the_states_of_alarms(alarms: Alarms, rule: str, state: str) -> None:
    names = {
        "bad": alarms.still("ALARM"),
        "good": alarms.still("OK"),
        "none": alarms.still("INSUFFICIENT_DATA"),
    }

    name = alarms.composite(rule.format(**names))

    assert alarms.becomes(name, state)["AlarmRule"] == rule.format(**names)


@pytest.mark.parametrize(
    "rule",
    ["ALARM(", "ALARM()", "ALARM(a", "AND", "TRUE FALSE", "RINGS(a)", "(TRUE", "NOT", "TRUE OR"],
)
def test_a_rule_that_cannot_be_read_is_refused(alarms: Alarms, rule: str) -> None:
    assert refusal(alarms.composite, rule=rule)[0] == "ValidationError"


def test_a_rule_cannot_name_an_alarm_that_is_not_there(alarms: Alarms) -> None:
    code, text = refusal(alarms.composite, rule="ALARM(nobody-at-all)")

    assert code == "ValidationError"
    assert "nobody-at-all" in text


def test_an_alarm_that_a_rule_names_cannot_be_deleted(alarms: Alarms) -> None:
    child = alarms.still("OK")
    parent = alarms.composite(f"ALARM({child})")

    code, text = refusal(alarms.cloudwatch.delete_alarms, AlarmNames=[child])

    assert code == "ValidationError"
    assert parent in text


def test_a_rule_cannot_come_back_to_its_own_alarm(alarms: Alarms) -> None:
    first = alarms.composite("TRUE")
    second = alarms.composite(f"ALARM({first})")

    code, _ = refusal(
        alarms.cloudwatch.put_composite_alarm, AlarmName=first, AlarmRule=f"OK({second})"
    )

    assert code == "ValidationError"
    alarms.cloudwatch.delete_alarms(AlarmNames=[second])


def test_composite_alarms_are_told_only_when_asked_for(alarms: Alarms) -> None:
    name = alarms.composite("FALSE")

    told = alarms.cloudwatch.describe_alarms(AlarmNames=[name])

    assert told["MetricAlarms"] == []
    assert told.get("CompositeAlarms", []) == []
    assert alarms.told(name)["AlarmName"] == name


@pytest.mark.embedded
@pytest.mark.parametrize(
    ("expression", "state"),
    [
        ("m1 / m2", "OK"),
        ("100 * m1 / m2", "ALARM"),
        ("IF(m2 > 5, m1, 0)", "ALARM"),
        ("IF(m2 > 50, m1, 0)", "OK"),
        ("SUM(METRICS())", "ALARM"),
        ("MIN(METRICS()) - m1", "OK"),
    ],
)
def test_metric_math_decides(alarms: Alarms, expression: str, state: str) -> None:
    alarms.send("Errors", 2.0)
    alarms.send("Requests", 10.0)
    long = [
        {**alarms.metric(id_), "MetricStat": {**alarms.metric(id_)["MetricStat"], "Period": 3600}}
        for id_ in ("m1", "m2")
    ]
    simple = dict.fromkeys(("Namespace", "MetricName", "Statistic", "Period"))
    told = {"Id": "e1", "Expression": expression, "ReturnData": True}

    name = alarms.put(**simple, Metrics=[*long, told])

    assert alarms.becomes(name, state)["Metrics"][-1]["Expression"] == expression


@pytest.mark.parametrize(
    ("metrics", "text"),
    [
        ([{"Id": "e1", "Expression": "m1 +"}], "m1 +"),
        ([{"Id": "E1", "Expression": "1"}], "E1"),
        ([{"Id": "e1", "Expression": "1"}, {"Id": "e2", "Expression": "2"}], "return data"),
        ([{"Id": "e1"}], "e1"),
    ],
)
def test_queries_that_decide_nothing_are_refused(
    alarms: Alarms, metrics: list[dict[str, Any]], text: str
) -> None:
    simple = dict.fromkeys(("Namespace", "MetricName", "Statistic", "Period"))

    code, said = refusal(alarms.put, **simple, Metrics=metrics)

    assert code == "ValidationError"
    assert text in said


@pytest.fixture
def topic(aws: Target) -> Iterator[tuple[str, str]]:
    """A topic, and a queue that hears it."""
    name, sns, sqs = aws.name("ring"), aws.client("sns"), aws.client("sqs")
    arn = sns.create_topic(Name=name)["TopicArn"]
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    queue_arn = f"arn:aws:sqs:{aws.region}:{aws.account}:{name}"
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue_arn)
    yield arn, queue
    sns.delete_topic(TopicArn=arn)
    sqs.delete_queue(QueueUrl=queue)


def heard(aws: Target, queue: str) -> dict[str, Any]:
    sqs = aws.client("sqs")

    def look() -> list[dict[str, Any]]:
        return list(sqs.receive_message(QueueUrl=queue).get("Messages", []))

    body: dict[str, Any] = json.loads(eventually(look)[0]["Body"])
    return body


@pytest.mark.embedded
def test_an_alarm_publishes_the_documented_message(
    aws: Target, alarms: Alarms, topic: tuple[str, str]
) -> None:
    arn, queue = topic
    name = alarms.put(TreatMissingData="ignore", AlarmActions=[arn], AlarmDescription="why")

    alarms.set(name, "ALARM")

    told = heard(aws, queue)
    assert told["Subject"] == f'ALARM: "{name}" in US East (N. Virginia)'
    message = json.loads(told["Message"])
    assert (message["OldStateValue"], message["NewStateValue"]) == ("INSUFFICIENT_DATA", "ALARM")
    assert message["Trigger"]["Statistic"] == "SUM"
    assert set(message) == {
        "AWSAccountId",
        "AlarmActions",
        "AlarmArn",
        "AlarmConfigurationUpdatedTimestamp",
        "AlarmDescription",
        "AlarmName",
        "InsufficientDataActions",
        "NewStateReason",
        "NewStateValue",
        "OKActions",
        "OldStateValue",
        "Region",
        "StateChangeTime",
        "Trigger",
    }


@pytest.mark.embedded
def test_an_action_is_in_the_history(alarms: Alarms, topic: tuple[str, str]) -> None:
    name = alarms.put(TreatMissingData="ignore", OKActions=[topic[0]])
    alarms.set(name, "OK")

    found = eventually(lambda: alarms.history(name, HistoryItemType="Action"))

    assert found[0]["HistorySummary"] == f"Successfully executed action {topic[0]}"


@pytest.mark.embedded
def test_actions_that_are_switched_off_are_not_carried_out(
    aws: Target, alarms: Alarms, topic: tuple[str, str]
) -> None:
    silent = alarms.put(TreatMissingData="ignore", AlarmActions=[topic[0]])
    loud = alarms.put(TreatMissingData="ignore", AlarmActions=[topic[0]])
    alarms.cloudwatch.disable_alarm_actions(AlarmNames=[silent, loud])
    alarms.cloudwatch.enable_alarm_actions(AlarmNames=[loud])

    alarms.set(silent, "ALARM")
    alarms.set(loud, "ALARM")

    assert json.loads(heard(aws, topic[1])["Message"])["AlarmName"] == loud
    assert not alarms.told(silent)["ActionsEnabled"]


@pytest.mark.embedded
def test_an_action_that_fails_says_so_in_the_history(aws: Target, alarms: Alarms) -> None:
    nowhere = f"arn:aws:sns:{aws.region}:{aws.account}:nowhere"
    name = alarms.put(TreatMissingData="ignore", AlarmActions=[nowhere])
    alarms.set(name, "ALARM")

    found = eventually(lambda: alarms.history(name, HistoryItemType="Action"))

    assert found[0]["HistorySummary"] == f"Failed to execute action {nowhere}"


@pytest.mark.embedded
def test_a_composite_alarm_says_who_changed(alarms: Alarms) -> None:
    child = alarms.still("OK")
    name = alarms.composite(f"ALARM({child})")
    alarms.becomes(name, "OK")

    alarms.set(child, "ALARM")

    told = alarms.becomes(name, "ALARM")
    arn = alarms.told(child)["AlarmArn"]
    assert told["StateReason"].startswith(f"{arn} transitioned to ALARM at ")
    (trigger,) = json.loads(told["StateReasonData"])["triggeringAlarms"]
    assert (trigger["arn"], trigger["state"]["value"]) == (arn, "ALARM")


def test_the_history_tells_newest_first_what_happened(alarms: Alarms) -> None:
    name = alarms.still("OK")
    alarms.set(name, "ALARM")

    items = alarms.history(name)

    assert [item["HistoryItemType"] for item in items] == [
        "StateUpdate",
        "StateUpdate",
        "ConfigurationUpdate",
    ]
    assert items[0]["HistorySummary"] == "Alarm updated from OK to ALARM"
    data = json.loads(items[0]["HistoryData"])
    assert data["newState"]["stateValue"] == "ALARM"
    assert alarms.history(name, ScanBy="TimestampAscending") == items[::-1]


def test_alarms_are_told_in_pages(alarms: Alarms) -> None:
    prefix = alarms.aws.name("paged")
    names = [alarms.put(AlarmName=f"{prefix}-{number}") for number in range(5)]

    pages = alarms.cloudwatch.get_paginator("describe_alarms").paginate(
        AlarmNamePrefix=prefix, PaginationConfig={"PageSize": 2}
    )

    assert [[a["AlarmName"] for a in page["MetricAlarms"]] for page in pages] == [
        names[:2],
        names[2:4],
        names[4:],
    ]


def test_names_and_a_prefix_exclude_each_other(alarms: Alarms) -> None:
    ask = alarms.cloudwatch.describe_alarms

    assert refusal(ask, AlarmNames=["a"], AlarmNamePrefix="a")[0] == "ValidationError"


def test_the_state_of_an_alarm_that_is_not_there_cannot_be_set(alarms: Alarms) -> None:
    code, _ = refusal(alarms.set, name="nobody-at-all", state="OK")

    assert code == "ResourceNotFound"


def test_reason_data_is_json(alarms: Alarms) -> None:
    name = alarms.still("OK")

    code, _ = refusal(
        alarms.cloudwatch.set_alarm_state,
        AlarmName=name,
        StateValue="ALARM",
        StateReason="a check",
        StateReasonData="{",
    )

    assert code == "InvalidFormat"
