"""CloudWatch alarms that evaluate: windows slide, so bad data counts as soon as it is there."""

import json
import operator
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, Protocol

from local.clock import Clock
from local.cloud import Account
from local.errors import AwsError
from local.metric_statistics import check
from local.metrics import Metrics, Sample
from local.missing_data import Rule, state
from local.timers import Timers

Request = dict[str, Any]
_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
_SAID = {
    "GreaterThanThreshold": "greater than",
    "GreaterThanOrEqualToThreshold": "greater than or equal to",
    "LessThanThreshold": "less than",
    "LessThanOrEqualToThreshold": "less than or equal to",
}
_LONGEST_WAIT = 10.0
_SHORTEST_WAIT = 0.05
_HISTORY = 200


class EmitsEvents(Protocol):
    """What alarms need of EventBridge."""

    def emit(
        self, *, source: str, detail_type: str, detail: Mapping[str, Any], resources: Sequence[str]
    ) -> str: ...


@dataclass(frozen=True)
class State:
    """OK, ALARM or INSUFFICIENT_DATA, since when and why."""

    value: str
    reason: str
    reason_data: str
    since: datetime

    def told(self) -> dict[str, str]:
        return {
            "value": self.value,
            "reason": self.reason,
            "reasonData": self.reason_data,
            "timestamp": _stamp(self.since),
        }


@dataclass(frozen=True)
class Alarm:
    """An alarm on one metric."""

    name: str
    arn: str
    settings: Mapping[str, Any]
    state: State
    updated: datetime
    actions_enabled: bool = True
    history: deque[Request] = field(default_factory=lambda: deque(maxlen=_HISTORY))

    @property
    def dimensions(self) -> dict[str, str]:
        return {d["Name"]: d["Value"] for d in self.settings.get("Dimensions", [])}

    @property
    def statistic(self) -> str:
        return str(self.settings.get("Statistic") or self.settings["ExtendedStatistic"])

    @property
    def period(self) -> timedelta:
        return timedelta(seconds=self.settings["Period"])

    @property
    def rule(self) -> Rule:
        evaluated = int(self.settings["EvaluationPeriods"])
        return Rule(
            needed=min(int(self.settings.get("DatapointsToAlarm", evaluated)), evaluated),
            evaluated=evaluated,
            treat_missing=self.settings.get("TreatMissingData", "missing"),
        )

    def breaches(self, value: float) -> bool:
        compare = _COMPARE[self.settings["ComparisonOperator"]]
        return compare(value, float(self.settings["Threshold"]))

    def described(self) -> Request:
        return {
            "AlarmName": self.name,
            "AlarmArn": self.arn,
            "ActionsEnabled": self.actions_enabled,
            "StateValue": self.state.value,
            "StateReason": self.state.reason,
            "StateReasonData": self.state.reason_data,
            "StateUpdatedTimestamp": self.state.since,
            "StateTransitionedTimestamp": self.state.since,
            "AlarmConfigurationUpdatedTimestamp": self.updated,
            **self.settings,
        }


class Alarms:
    """Evaluates every alarm each ten scaled seconds, at most twenty times a real second."""

    def __init__(self, account: Account, clock: Clock, metrics: Metrics, bus: EmitsEvents) -> None:
        self._account = account
        self._clock = clock
        self._metrics = metrics
        self._bus = bus
        self._lock = Lock()
        self._alarms: dict[str, Alarm] = {}
        self._tags: dict[str, dict[str, str]] = {}
        self._timers = Timers("alarms")
        self._actions: Mapping[str, Callable[[Request], Request]] = {
            "PutMetricAlarm": self._put,
            "DescribeAlarms": self._describe,
            "DescribeAlarmsForMetric": self._describe_for_metric,
            "DeleteAlarms": self._delete,
            "SetAlarmState": self._set_state,
            "EnableAlarmActions": lambda r: self._enable(r, enabled=True),
            "DisableAlarmActions": lambda r: self._enable(r, enabled=False),
            "DescribeAlarmHistory": self._history,
            "TagResource": self._tag,
            "UntagResource": self._untag,
            "ListTagsForResource": self._list_tags,
        }

    def handle(self, action: str, request: Request) -> Request:
        """Answer one API call; raises AwsError."""
        if action not in self._actions:
            raise AwsError("InvalidAction", f"cloudwatch:{action} is not emulated", 501)
        return self._actions[action](request)

    def start(self) -> None:
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
            return _insufficient(alarm, now)
        return _crossed(alarm, value, points[-rule.evaluated :], now)

    def _change(self, alarm: Alarm, new: State) -> None:
        changed = replace(alarm, state=new)
        with self._lock:
            if self._alarms.get(alarm.name) is not alarm:
                return
            self._alarms[alarm.name] = changed
        alarm.history.append(
            {
                "AlarmName": alarm.name,
                "AlarmType": "MetricAlarm",
                "Timestamp": new.since,
                "HistoryItemType": "StateUpdate",
                "HistorySummary": f"Alarm updated from {alarm.state.value} to {new.value}",
                "HistoryData": json.dumps({"oldState": alarm.state.told(), "newState": new.told()}),
            }
        )
        self._bus.emit(
            source="aws.cloudwatch",
            detail_type="CloudWatch Alarm State Change",
            resources=[alarm.arn],
            detail=_detail(changed, alarm.state),
        )

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
                updated=now,
                actions_enabled=request.get("ActionsEnabled", True),
            )
            self._alarms[name] = alarm
        self._tag({"ResourceARN": alarm.arn, "Tags": request.get("Tags", [])})
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
                self._alarms.pop(name, None)
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
                    self._alarms[name] = replace(self._alarms[name], actions_enabled=enabled)
        return {}

    def _history(self, request: Request) -> Request:
        with self._lock:
            alarms = [a for n, a in self._alarms.items() if request.get("AlarmName") in {None, n}]
        items = sorted((i for a in alarms for i in a.history), key=lambda i: i["Timestamp"])
        return {"AlarmHistoryItems": items[::-1]}

    def _find(self, name: str) -> Alarm:
        with self._lock:
            alarm = self._alarms.get(name)
        if alarm is None:
            raise AwsError("ResourceNotFound", f"Alarm {name} does not exist", 404)
        return alarm

    def _tag(self, request: Request) -> Request:
        tags = self._tags.setdefault(request["ResourceARN"], {})
        tags.update({tag["Key"]: tag["Value"] for tag in request["Tags"]})
        return {}

    def _untag(self, request: Request) -> Request:
        for key in request["TagKeys"]:
            self._tags.get(request["ResourceARN"], {}).pop(key, None)
        return {}

    def _list_tags(self, request: Request) -> Request:
        tags = self._tags.get(request["ResourceARN"], {})
        return {"Tags": [{"Key": k, "Value": v} for k, v in tags.items()]}


def _check(request: Request) -> None:
    if "Metrics" in request or "MetricName" not in request:
        raise AwsError("ValidationError", "alarms on metric math are not emulated, use MetricName")
    if request["ComparisonOperator"] not in _COMPARE:
        raise AwsError(
            "ValidationError", f"comparison {request['ComparisonOperator']!r} is not emulated"
        )
    if not (request.get("Statistic") or request.get("ExtendedStatistic")):
        raise AwsError("ValidationError", "one of Statistic and ExtendedStatistic is required")
    check(str(request.get("Statistic") or request["ExtendedStatistic"]))


def _insufficient(alarm: Alarm, now: datetime) -> State:
    evaluated = alarm.rule.evaluated
    noun = "datapoint was" if evaluated == 1 else "datapoints were"
    reason = f"Insufficient Data: {evaluated} {noun} unknown."
    return State("INSUFFICIENT_DATA", reason, _reason_data(alarm, [], now), now)


def _crossed(alarm: Alarm, value: str, evaluated: Sequence[Sample], now: datetime) -> State:
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
    start = {"startDate": _stamp(evaluated[0][0])} if evaluated else {}
    return json.dumps(
        {
            "version": "1.0",
            "queryDate": _stamp(now),
            **start,
            "statistic": alarm.statistic,
            "period": alarm.settings["Period"],
            "recentDatapoints": [value for _, value in evaluated],
            "threshold": alarm.settings["Threshold"],
        }
    )


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"


def _detail(alarm: Alarm, before: State) -> dict[str, Any]:
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
