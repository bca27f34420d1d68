"""CloudWatch alarms that evaluate: windows slide, so bad data counts as soon as it is there."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from threading import RLock
from typing import Any, Protocol

from local.alarm import COMPARE, Alarm, State, restored
from local.alarm_history import AlarmHistory
from local.alarm_texts import crossed, detail, insufficient
from local.clock import Clock
from local.cloud import Account
from local.errors import AwsError, not_there
from local.metric_statistics import check
from local.metrics import Metrics
from local.missing_data import state
from local.resource_tags import ResourceTags
from local.timers import Timers

Request = dict[str, Any]
_LONGEST_WAIT = 10.0
_SHORTEST_WAIT = 0.05


class EmitsEvents(Protocol):
    """What alarms need of EventBridge."""

    def emit(
        self, *, source: str, detail_type: str, detail: Mapping[str, Any], resources: Sequence[str]
    ) -> str: ...


class Alarms:
    """Evaluates every alarm each ten scaled seconds, at most twenty times a real second."""

    def __init__(self, account: Account, clock: Clock, metrics: Metrics, bus: EmitsEvents) -> None:
        self._account = account
        self._clock = clock
        self._metrics = metrics
        self._bus = bus
        self._lock = RLock()
        self._shelf = account.store.shelf("alarms")
        self._alarms = {name: restored(kept) for name, kept in self._shelf.all().items()}
        self._told = AlarmHistory(account.store)
        self._tags = ResourceTags(account.store.shelf("cloudwatch.tags"), self._exists)
        self._timers = Timers("alarms")
        self.operations: Mapping[str, Callable[[Request], Request]] = {
            "PutMetricAlarm": self._put,
            "DescribeAlarms": self._describe,
            "DescribeAlarmsForMetric": self._describe_for_metric,
            "DeleteAlarms": self._delete,
            "SetAlarmState": self._set_state,
            "EnableAlarmActions": lambda r: self._enable(r, enabled=True),
            "DisableAlarmActions": lambda r: self._enable(r, enabled=False),
            "DescribeAlarmHistory": self._history,
            **self._tags.operations(),
        }

    def handle(self, action: str, request: Request) -> Request:
        """Answer one API call; raises AwsError."""
        if action not in self.operations:
            raise not_there("cloudwatch", action)
        return self.operations[action](request)

    def start(self) -> None:
        for alarm in list(self._alarms.values()):
            if alarm.owed is not None:
                self._tell(alarm, alarm.owed)
        self._timers.start()
        self._tick()

    def stop(self) -> None:
        self._timers.stop()

    def _tick(self) -> None:
        self.evaluate(self._clock.now())
        wait = max(_SHORTEST_WAIT, self._clock.scaled(_LONGEST_WAIT))
        self._timers.after(wait, self._tick)

    def evaluate(self, now: datetime) -> None:
        """Bring every alarm to the state its metric asks for."""
        with self._lock:
            alarms = list(self._alarms.values())
        for alarm in alarms:
            found = self._evaluated(alarm, now)
            if found is not None and found.value != alarm.state.value:
                self._change(alarm, found)

    def _evaluated(self, alarm: Alarm, now: datetime) -> State | None:
        """The state by the windows that end now; None keeps the present one."""
        period = timedelta(seconds=self._clock.scaled(alarm.period.total_seconds()))
        rule = alarm.rule
        start = now - rule.looked_at * period
        series = (alarm.settings["Namespace"], alarm.settings["MetricName"], alarm.dimensions)
        points = self._metrics.points(
            series, name=alarm.statistic, period=period, start=start, end=now
        )
        breaching = {round((at - start) / period): alarm.breaches(v) for at, v in points}
        value = state(rule, [breaching.get(i) for i in range(rule.looked_at)])
        if value is None:
            return None
        if value == "INSUFFICIENT_DATA":
            return insufficient(alarm, now)
        return crossed(alarm, value, points[-rule.evaluated :], now)

    def _change(self, alarm: Alarm, new: State) -> None:
        """The change is kept before anybody hears of it, and told again after a crash."""
        changed = replace(alarm, state=new, owed=alarm.state)
        with self._lock:
            if self._alarms.get(alarm.name) is not alarm:
                return
            with self._account.store.together():
                self._keep(changed)
                self._told.changed(alarm.state, changed)
        self._tell(changed, alarm.state)

    def _tell(self, alarm: Alarm, before: State) -> None:
        self._bus.emit(
            source="aws.cloudwatch",
            detail_type="CloudWatch Alarm State Change",
            resources=[alarm.arn],
            detail=detail(alarm, before),
        )
        with self._lock:
            if self._alarms.get(alarm.name) is alarm:
                self._keep(replace(alarm, owed=None))

    def _keep(self, alarm: Alarm) -> None:
        self._shelf.put(alarm.name, alarm.kept())
        self._alarms[alarm.name] = alarm

    def _exists(self, arn: str) -> bool:
        return any(alarm.arn == arn for alarm in list(self._alarms.values()))

    # -- API --------------------------------------------------------------------------------

    def _put(self, request: Request) -> Request:
        _check(request)
        name = str(request["AlarmName"])
        now = self._clock.now()
        settings = {
            k: v for k, v in request.items() if k not in {"AlarmName", "ActionsEnabled", "Tags"}
        }
        with self._lock:
            before = self._alarms.get(name)
            fresh = State("INSUFFICIENT_DATA", "Unchecked: Initial alarm creation", "", now)
            alarm = Alarm(
                name=name,
                arn=self._account.arn("cloudwatch", f"alarm:{name}"),
                settings=settings,
                state=before.state if before else fresh,
                owed=before.owed if before else None,
                updated=now,
                actions_enabled=request.get("ActionsEnabled", True),
            )
            self._keep(alarm)
            self._tags.set(alarm.arn, request.get("Tags", []))
        return {}

    def _describe(self, request: Request) -> Request:
        names, prefix = request.get("AlarmNames"), request.get("AlarmNamePrefix", "")
        wanted = request.get("StateValue")
        with self._lock:
            found = [
                alarm.described()
                for alarm in self._alarms.values()
                if (not names or alarm.name in names)
                and alarm.name.startswith(prefix)
                and wanted in {None, alarm.state.value}
            ]
        return {"MetricAlarms": found, "CompositeAlarms": []}

    def _describe_for_metric(self, request: Request) -> Request:
        with self._lock:
            found = [
                a.described()
                for a in self._alarms.values()
                if a.settings["MetricName"] == request["MetricName"]
                and a.settings["Namespace"] == request["Namespace"]
            ]
        return {"MetricAlarms": found}

    def _delete(self, request: Request) -> Request:
        with self._lock:
            for name in request["AlarmNames"]:
                alarm = self._alarms.pop(name, None)
                if alarm is not None:
                    self._shelf.drop(name)
                    self._tags.forget(alarm.arn)
        return {}

    def _set_state(self, request: Request) -> Request:
        alarm = self._find(str(request["AlarmName"]))
        asked = State(
            request["StateValue"],
            request["StateReason"],
            request.get("StateReasonData", ""),
            self._clock.now(),
        )
        if asked.value != alarm.state.value:
            self._change(alarm, asked)
        return {}

    def _enable(self, request: Request, *, enabled: bool) -> Request:
        with self._lock:
            for name in request["AlarmNames"]:
                if name in self._alarms:
                    self._keep(replace(self._alarms[name], actions_enabled=enabled))
        return {}

    def _history(self, request: Request) -> Request:
        with self._lock:
            items = self._told.items(request.get("AlarmName"))
        return {"AlarmHistoryItems": sorted(items, key=lambda i: i["Timestamp"])[::-1]}

    def _find(self, name: str) -> Alarm:
        with self._lock:
            alarm = self._alarms.get(name)
        if alarm is None:
            raise AwsError("ResourceNotFound", f"Alarm {name} does not exist", 404)
        return alarm


def _check(request: Request) -> None:
    if "Metrics" in request or "MetricName" not in request:
        raise AwsError("ValidationError", "alarms on metric math are not emulated, use MetricName")
    if request["ComparisonOperator"] not in COMPARE:
        raise AwsError(
            "ValidationError", f"comparison {request['ComparisonOperator']!r} is not emulated"
        )
    if not (request.get("Statistic") or request.get("ExtendedStatistic")):
        raise AwsError("ValidationError", "one of Statistic and ExtendedStatistic is required")
    check(str(request.get("Statistic") or request["ExtendedStatistic"]))
