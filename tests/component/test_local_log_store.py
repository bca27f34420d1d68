"""CloudWatch Logs' memory: what outlasts the process, what is dropped, what becomes a metric."""

from pathlib import Path
from typing import Any

import pytest

from local.clock import Clock
from local.cloud import Account
from local.log_store import LogStore
from local.logs import Logs
from local.store import Store
from tests.fakes.embedded_aws import RecordedMetrics


def logs_over(store: Store, metrics: RecordedMetrics | None = None) -> Logs:
    account = Account("http://127.0.0.1:1", store=store)
    return Logs(account, Clock(), metrics or RecordedMetrics())


def messages(logs: Logs, group: str, **request: Any) -> list[str]:
    answer = logs.handle("FilterLogEvents", {"logGroupName": group, **request})
    return [each["message"] for each in answer["events"]]


def test_groups_streams_and_events_outlast_the_process(tmp_path: Path) -> None:
    before = logs_over(Store(tmp_path / "state.db"))
    before.handle("CreateLogGroup", {"logGroupName": "/kept", "tags": {"a": "b"}})
    before.handle("PutRetentionPolicy", {"logGroupName": "/kept", "retentionInDays": 7})
    before.write("/kept", "stream", ["one", "two"])

    after = logs_over(Store(tmp_path / "state.db"))
    after.write("/kept", "stream", ["three"])

    group = after.handle("DescribeLogGroups", {})["logGroups"][0]
    assert group["retentionInDays"] == 7
    assert after.handle("ListTagsLogGroup", {"logGroupName": "/kept"}) == {"tags": {"a": "b"}}
    assert messages(after, "/kept") == ["one", "two", "three"]


def test_what_was_deleted_stays_deleted(tmp_path: Path) -> None:
    before = logs_over(Store(tmp_path / "state.db"))
    before.write("/gone", "stream", ["secret"])
    before.write("/kept", "gone", ["secret"])
    before.handle("DeleteLogGroup", {"logGroupName": "/gone"})
    before.handle("DeleteLogStream", {"logGroupName": "/kept", "logStreamName": "gone"})

    after = logs_over(Store(tmp_path / "state.db"))
    after.write("/gone", "stream", ["new"])

    assert messages(after, "/gone") == ["new"]
    assert messages(after, "/kept") == []


def test_a_token_from_before_a_restart_goes_on_where_it_stood(tmp_path: Path) -> None:
    before = logs_over(Store(tmp_path / "state.db"))
    before.write("/kept", "s", ["a", "b", "c"])
    asked = {"logGroupName": "/kept", "logStreamName": "s", "startFromHead": True}
    token = before.handle("GetLogEvents", {**asked, "limit": 2})["nextForwardToken"]

    after = logs_over(Store(tmp_path / "state.db"))

    found = after.handle("GetLogEvents", {**asked, "nextToken": token})["events"]
    assert [each["message"] for each in found] == ["c"]


def test_the_oldest_events_of_a_group_go_when_there_are_too_many() -> None:
    store = LogStore(Store(), most=100)
    group = store.add_group("g", "arn", 0)
    stream = store.add_stream(group, "s", 0)

    for start in range(0, 1000, 10):
        store.append(group, stream, [(i, f"m{i}") for i in range(start, start + 10)], 0)

    kept = [event.message for event in store.events(group, (0, 10_000))]
    assert len(kept) <= 105
    assert kept[-1] == "m999"


def test_events_that_are_older_than_the_retention_leave_the_table() -> None:
    kept, day = Store(), 86_400_000
    store = LogStore(kept, most=20)
    group = store.add_group("g", "arn", 0)
    group.retention = 1
    stream = store.add_stream(group, "s", 0)

    store.append(group, stream, [(1, "old")], 1)
    store.append(group, stream, [(3 * day, "new")], 3 * day)

    assert kept.execute("SELECT message FROM log_events") == [("new",)]


def test_a_large_batch_is_appended_whole() -> None:
    store = LogStore(Store())
    group = store.add_group("g", "arn", 0)
    stream = store.add_stream(group, "s", 0)

    store.append(group, stream, [(i, f"m{i}") for i in range(5000)], 0)

    forwards = [event.message for event in store.events(stream, (0, 10_000))]
    backwards = [event.message for event in store.events(stream, (0, 10_000), newest=True)]
    assert forwards == [f"m{i}" for i in range(5000)]
    assert backwards == forwards[::-1]


@pytest.mark.parametrize(
    ("value", "expected"), [("1", [1.0, 1.0]), ("$.latency", [12.0]), ("$.missing", [])]
)
def test_a_metric_filter_turns_events_into_values(value: str, expected: list[float]) -> None:
    metrics = RecordedMetrics()
    logs = logs_over(Store(), metrics)
    logs.handle("CreateLogGroup", {"logGroupName": "/m"})
    how = {"metricName": "Late", "metricNamespace": "Here", "metricValue": value}
    logs.handle(
        "PutMetricFilter",
        {
            "logGroupName": "/m",
            "filterName": "late",
            "filterPattern": "{ $.late IS TRUE }",
            "metricTransformations": [how],
        },
    )

    logs.write("/m", "s", ['{"late": true, "latency": 12}', '{"late": false}', '{"late": true}'])

    assert metrics.seen == [("Here", "Late", {}, each) for each in expected]
