"""What CloudWatch knows outlasts the process that knew it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.alarms import Alarms
from local.clock import Clock
from local.cloud import Account
from local.cloudwatch import CloudWatch
from local.metric_store import MetricStore
from local.metrics import Metrics
from local.store import Store

ALARM = {
    "AlarmName": "errors",
    "Namespace": "app",
    "MetricName": "Errors",
    "Statistic": "Sum",
    "Period": 60,
    "EvaluationPeriods": 1,
    "Threshold": 1.0,
    "ComparisonOperator": "GreaterThanThreshold",
    "Tags": [{"Key": "team", "Value": "blue"}],
}
KEY = ("app", "Errors", frozenset({("Variant", "green")}))


@dataclass
class Told:
    events: list[Mapping[str, Any]] = field(default_factory=list)
    deaf: bool = False

    def emit(
        self, *, source: str, detail_type: str, detail: Mapping[str, Any], resources: Sequence[str]
    ) -> str:
        if self.deaf:
            raise ConnectionError("the process ends here")
        self.events.append(detail)
        return "id"


@dataclass
class Life:
    """One process's CloudWatch over what the one before it left."""

    store: Store
    told: Told = field(default_factory=Told)

    def __post_init__(self) -> None:
        account, clock = Account("http://127.0.0.1:1", store=self.store), Clock()
        self.metrics = Metrics(account, clock)
        self.alarms = Alarms(account, clock, self.metrics, self.told)
        self._api = CloudWatch(account, clock, self.metrics, self.alarms)

    def __call__(self, action: str, **request: Any) -> dict[str, Any]:
        return self._api.handle(action, request)

    def alarm(self) -> dict[str, Any]:
        found: dict[str, Any] = self("DescribeAlarms")["MetricAlarms"][0]
        return found


@pytest.fixture
def store() -> Store:
    return Store()


def test_an_alarm_is_in_the_state_it_was_in_with_its_history_and_tags(store: Store) -> None:
    before = Life(store)
    before("PutMetricAlarm", **ALARM)
    before("SetAlarmState", AlarmName="errors", StateValue="ALARM", StateReason="a test")
    before("DisableAlarmActions", AlarmNames=["errors"])

    after = Life(store)

    assert after.alarm() == before.alarm()
    assert after.alarm()["StateReason"] == "a test"
    assert not after.alarm()["ActionsEnabled"]
    assert after("DescribeAlarmHistory") == before("DescribeAlarmHistory")
    assert after("ListTagsForResource", ResourceARN=after.alarm()["AlarmArn"])["Tags"] == [
        {"Key": "team", "Value": "blue"}
    ]


def test_a_deleted_alarm_stays_deleted(store: Store) -> None:
    before = Life(store)
    before("PutMetricAlarm", **ALARM)
    before("DeleteAlarms", AlarmNames=["errors"])

    assert Life(store)("DescribeAlarms")["MetricAlarms"] == []


def test_a_change_that_nobody_heard_of_is_told_by_the_next_process(store: Store) -> None:
    before = Life(store, Told(deaf=True))
    before("PutMetricAlarm", **ALARM)
    with pytest.raises(ConnectionError):
        before("SetAlarmState", AlarmName="errors", StateValue="ALARM", StateReason="a test")

    after = Life(store)
    after.alarms.start()
    after.alarms.stop()

    first = after.told.events[0]
    assert first["state"]["value"] == "ALARM"
    assert first["previousState"]["value"] == "INSUFFICIENT_DATA"


def test_a_dashboard_is_there_again(store: Store) -> None:
    Life(store)("PutDashboard", DashboardName="wall", DashboardBody='{"widgets": []}')

    assert Life(store)("GetDashboard", DashboardName="wall")["DashboardBody"] == '{"widgets": []}'


def test_data_that_was_accepted_is_there_when_the_process_dies_at_once(store: Store) -> None:
    now = datetime.now(UTC)
    datum = {"MetricName": "Errors", "Value": 3.0, "Unit": "Count", "Timestamp": now}
    Life(store)("PutMetricData", Namespace="app", MetricData=[datum])

    after = Life(store)

    minute = timedelta(minutes=1)
    asked = {"Period": 60, "StartTime": now - minute, "EndTime": now + minute}
    (point,) = after(
        "GetMetricStatistics", Namespace="app", MetricName="Errors", Statistics=["Sum"], **asked
    )["Datapoints"]
    assert (point["Sum"], point["Unit"]) == (3.0, "Count")


def test_what_services_measure_is_kept_when_they_stop_in_order(store: Store) -> None:
    before = Life(store)
    before.metrics.start()
    before.metrics.put("app", "Errors", {}, 1)
    before.metrics.stop()

    assert Life(store)("ListMetrics")["Metrics"] == [
        {"Namespace": "app", "MetricName": "Errors", "Dimensions": []}
    ]


def test_old_samples_go_and_the_series_with_its_last_one(store: Store) -> None:
    now = datetime.now(UTC)
    kept = MetricStore(store)
    kept.add(KEY, [1.0], "Count", now - timedelta(days=16))
    kept.forget(now - timedelta(days=15))

    assert kept.known() == MetricStore(store).known() == []


def test_a_series_that_is_written_to_outlasts_its_old_samples(store: Store) -> None:
    now = datetime.now(UTC)
    kept = MetricStore(store)
    kept.add(KEY, [1.0], "Count", now - timedelta(days=16))
    kept.add(KEY, [2.0], "Count", now)
    kept.forget(now - timedelta(days=15))

    found = MetricStore(store).between(KEY, now - timedelta(days=20), now + timedelta(1))
    assert found == [(now, 2.0)]


def test_the_newest_samples_of_a_full_series_are_kept(store: Store) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    kept = MetricStore(store, most=10, slack=2)
    for second in range(30):
        kept.add(KEY, [float(second)], "None", start + timedelta(seconds=second))
    kept.flush()

    later = start + timedelta(hours=1)
    found = [value for _, value in MetricStore(store).between(KEY, start, later)]
    assert found[-10:] == [float(second) for second in range(20, 30)]
    assert len(found) <= 12
