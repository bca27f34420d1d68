"""CloudWatch alarms that evaluate and act: windows slide, so bad data counts once it is there."""

import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import RLock
from typing import Any, Protocol

from local import alarm_actions, alarm_rules
from local.alarm import Alarm, State, restored
from local.alarm_actions import AlarmActions
from local.alarm_evaluation import Evaluation, of_composite
from local.alarm_history import AlarmHistory
from local.alarm_requests import check_composite, check_metric_alarm
from local.alarm_texts import detail
from local.clock import Clock
from local.cloud import Account
from local.errors import AwsError, not_there
from local.metrics import Metrics
from local.record_pages import record_page
from local.resource_tags import ResourceTags
from local.timers import Timers

Request = dict[str, Any]
_LONGEST_WAIT = 10.0
_SHORTEST_WAIT = 0.05
_REPEATED = 60.0
_NOT_SETTINGS = frozenset({"AlarmName", "ActionsEnabled", "Tags"})
_OF_MEMBERS = {"MetricAlarm": "MetricAlarms", "CompositeAlarm": "CompositeAlarms"}


class EmitsEvents(Protocol):
    """What alarms need of EventBridge."""

    def emit(
        self, *, source: str, detail_type: str, detail: Mapping[str, Any], resources: Sequence[str]
    ) -> str: ...


class Alarms:
    """Evaluates every alarm each ten scaled seconds, at most twenty times a real second.

    Whoever is to hear of a change hears of it at least once: what a process could not tell, the
    next one tells.
    """

    def __init__(
        self,
        account: Account,
        clock: Clock,
        metrics: Metrics,
        bus: EmitsEvents,
        lambdas: alarm_actions.InvokesFunctions | None = None,
        scaling: alarm_actions.ScalesTargets | None = None,
    ) -> None:
        self._account = account
        self._clock = clock
        self._bus = bus
        self._evaluation = Evaluation(clock, metrics)
        self._actions = AlarmActions(
            account, lambdas, scaling, lambda alarm: self._evaluation.latest(alarm, clock.now())
        )
        self._repeated: dict[str, datetime] = {}
        self._lock = RLock()
        self._shelf = account.store.shelf("alarms")
        self._alarms = {name: restored(kept) for name, kept in self._shelf.all().items()}
        self._told = AlarmHistory(account.store)
        self._tags = ResourceTags(account.store.shelf("cloudwatch.tags"), self._exists)
        self._timers = Timers("alarms")
        self._acting = Timers("alarm-actions")
        self.operations: Mapping[str, Callable[[Request], Request]] = {
            "PutMetricAlarm": self._put_metric,
            "PutCompositeAlarm": self._put_composite,
            "DescribeAlarms": self._describe,
            "DescribeAlarmsForMetric": self._describe_for_metric,
            "DeleteAlarms": self._delete,
            "SetAlarmState": self._set_state,
            "EnableAlarmActions": partial(self._enable, enabled=True),
            "DisableAlarmActions": partial(self._enable, enabled=False),
            "DescribeAlarmHistory": self._history,
            **self._tags.operations(),
        }

    def handle(self, action: str, request: Request) -> Request:
        """Answer one API call; raises AwsError."""
        if action not in self.operations:
            raise not_there("cloudwatch", action)
        return self.operations[action](request)

    def start(self) -> None:
        self._acting.start()
        for alarm in list(self._alarms.values()):
            if alarm.owed is not None:
                self._tell(alarm, alarm.owed)
        self._timers.start()
        self._tick()

    def stop(self) -> None:
        self._timers.stop()
        self._acting.stop()

    def _tick(self) -> None:
        now = self._clock.now()
        self.evaluate(now)
        self._repeat(now)
        wait = max(_SHORTEST_WAIT, self._clock.scaled(_LONGEST_WAIT))
        self._timers.after(wait, self._tick)

    def evaluate(self, now: datetime) -> None:
        """Bring every alarm to the state that it ought to be in; those of alarms come last."""
        for alarm in self._all():
            if not alarm.composite:
                self._become(alarm, self._evaluation.of_metric(alarm, now))
        composites = [alarm.name for alarm in self._all() if alarm.composite]
        for _ in composites:  # as deep as they may be stacked
            changed = [self._settled(name, now) for name in composites]
            if not any(changed):
                return

    def _settled(self, name: str, now: datetime) -> bool:
        """Whether a composite alarm had to change."""
        alarm = self._alarms.get(name)
        if alarm is None:
            return False
        return self._become(alarm, of_composite(alarm, self._by_any_name(), now))

    def _become(self, alarm: Alarm, found: State | None) -> bool:
        if found is None or found.value == alarm.state.value:
            return False
        self._change(alarm, found)
        return True

    def _change(self, alarm: Alarm, new: State) -> None:
        """The change is kept before anybody hears of it."""
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
        actions = self._actions.of(alarm)
        if actions and not self._suppressed(alarm):
            self._acting.after(0.0, lambda: self._act(actions, alarm, before))
        else:
            self._everybody_heard(alarm)

    def _act(self, actions: Sequence[str], alarm: Alarm, before: State) -> None:
        for action in actions:
            try:
                self._actions.carry_out(action, alarm, before)
                summary, error = f"Successfully executed action {action}", None
            except AwsError as refusal:
                summary, error = f"Failed to execute action {action}", refusal.message
            data = {"actionState": "Failed" if error else "Succeeded", "error": error}
            data |= {"notificationResource": action, "stateUpdateTimestamp": str(alarm.state.since)}
            self._note(alarm, "Action", summary, data)
        self._everybody_heard(alarm)

    def _repeat(self, now: datetime) -> None:
        """A scaling action is carried out each minute while the state lasts."""
        pause = timedelta(seconds=self._clock.scaled(_REPEATED))
        for alarm in self._all():
            actions = self._actions.repeated(alarm)
            since = self._repeated.get(alarm.name, alarm.state.since)
            if actions and max(since, alarm.state.since) + pause <= now:
                self._repeated[alarm.name] = now
                self._acting.after(0.0, partial(self._again, actions, alarm))

    def _again(self, actions: Sequence[str], alarm: Alarm) -> None:
        for action in actions:
            with contextlib.suppress(AwsError):  # the history has it from the first time
                self._actions.carry_out(action, alarm, alarm.state)

    def _suppressed(self, alarm: Alarm) -> bool:
        suppressor = self._by_any_name().get(alarm.settings.get("ActionsSuppressor", ""))
        return suppressor is not None and suppressor.state.value == "ALARM"

    def _everybody_heard(self, alarm: Alarm) -> None:
        with self._lock:
            current = self._alarms.get(alarm.name)
            if current is not None and current.state == alarm.state:
                self._keep(replace(current, owed=None))

    def _note(self, alarm: Alarm, kind: str, summary: str, data: Request) -> None:
        with self._lock:
            self._told.add(alarm, kind, summary, data, now=self._clock.now())

    def _keep(self, alarm: Alarm) -> None:
        self._shelf.put(alarm.name, alarm.kept())
        self._alarms[alarm.name] = alarm

    def _all(self) -> list[Alarm]:
        with self._lock:
            return list(self._alarms.values())

    def _by_any_name(self) -> dict[str, Alarm]:
        alarms = self._all()
        return {alarm.name: alarm for alarm in alarms} | {alarm.arn: alarm for alarm in alarms}

    def _exists(self, arn: str) -> bool:
        return any(alarm.arn == arn for alarm in self._all())

    # -- API --------------------------------------------------------------------------------

    def _put_metric(self, request: Request) -> Request:
        check_metric_alarm(request)
        return self._put(request, composite=False)

    def _put_composite(self, request: Request) -> Request:
        known = self._by_any_name()
        check_composite(request, known.__contains__)
        self._check_cycle(str(request["AlarmName"]), request["AlarmRule"], known)
        return self._put(request, composite=True)

    def _put(self, request: Request, *, composite: bool) -> Request:
        name, now = str(request["AlarmName"]), self._clock.now()
        settings = {k: v for k, v in request.items() if k not in _NOT_SETTINGS}
        with self._lock:
            before = self._alarms.get(name)
            if before is not None and before.composite != composite:
                other = "composite" if before.composite else "metric"
                message = f"An alarm of this name is a {other} alarm already: {name}"
                raise AwsError("ValidationError", message)
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
            if before is None:
                self._tags.set(alarm.arn, request.get("Tags", []))
        done = "created" if before is None else "updated"
        self._note(alarm, "ConfigurationUpdate", f'Alarm "{name}" {done}', {"type": done[:6]})
        return {}

    def _check_cycle(self, name: str, rule: str, known: Mapping[str, Alarm]) -> None:
        waiting, seen = list(alarm_rules.parsed(rule).alarms), set[str]()
        while waiting:
            child = known.get(waiting.pop())
            if child is None or child.name in seen:
                continue
            if child.name == name:
                raise AwsError("ValidationError", f"Alarm {name} would depend on itself")
            seen.add(child.name)
            if child.composite:
                waiting += alarm_rules.parsed(child.settings["AlarmRule"]).alarms

    def _describe(self, request: Request) -> Request:
        names, prefix = request.get("AlarmNames"), request.get("AlarmNamePrefix", "")
        if names and prefix:
            message = "AlarmNames and AlarmNamePrefix cannot be specified together"
            raise AwsError("ValidationError", message)
        kinds = request.get("AlarmTypes") or ["MetricAlarm"]
        wanted, action = request.get("StateValue"), request.get("ActionPrefix", "")
        found = [
            alarm
            for alarm in sorted(self._all(), key=lambda alarm: alarm.name)
            if (not names or alarm.name in names)
            and alarm.name.startswith(prefix)
            and wanted in {None, alarm.state.value}
            and alarm.kind in kinds
            and (not action or alarm.acts_on(action))
        ]
        page, token = record_page(found, request)
        told = {
            member: [alarm.described() for alarm in page if alarm.kind == kind]
            for kind, member in _OF_MEMBERS.items()
        }
        return {**told, **token}

    def _describe_for_metric(self, request: Request) -> Request:
        asked = {d["Name"]: d["Value"] for d in request.get("Dimensions", [])}
        wanted = ("MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Period", "Unit")
        found = [
            alarm.described()
            for alarm in self._all()
            if "MetricName" in alarm.settings
            and all(alarm.settings.get(m) == request[m] for m in wanted if m in request)
            and alarm.dimensions == asked
        ]
        return {"MetricAlarms": found}

    def _delete(self, request: Request) -> Request:
        names = set(request["AlarmNames"])
        with self._lock:
            self._check_unused(names)
            for name in names & set(self._alarms):
                alarm = self._alarms.pop(name)
                self._shelf.drop(name)
                self._tags.forget(alarm.arn)
                self._note(alarm, "ConfigurationUpdate", f'Alarm "{name}" deleted', {})
        return {}

    def _check_unused(self, names: set[str]) -> None:
        """An alarm stays while a composite alarm that stays looks at it."""
        for alarm in self._all():
            if not alarm.composite or alarm.name in names:
                continue
            used = {each.rpartition(":alarm:")[2] for each in alarm.children}
            if used & names:
                message = (
                    f"Cannot delete {', '.join(sorted(used & names))} as there are composite"
                    f" alarm(s) depending on it: {alarm.name}"
                )
                raise AwsError("ValidationError", message)

    def _set_state(self, request: Request) -> Request:
        alarm = self._find(str(request["AlarmName"]))
        data = request.get("StateReasonData", "")
        if data:
            _check_json(data)
        now = self._clock.now()
        asked = State(request["StateValue"], request["StateReason"], data, now)
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
        since = request.get("StartDate", datetime.min.replace(tzinfo=UTC))
        until = request.get("EndDate", datetime.max.replace(tzinfo=UTC))
        kinds = request.get("AlarmTypes") or ["MetricAlarm"]
        with self._lock:
            items = self._told.items(request.get("AlarmName"))
        found = [
            item
            for item in items
            if since <= item["Timestamp"] <= until
            and item["AlarmType"] in kinds
            and request.get("HistoryItemType") in {None, item["HistoryItemType"]}
        ]
        oldest_first = request.get("ScanBy") == "TimestampAscending"
        found.sort(key=lambda item: item["Timestamp"])
        page, token = record_page(found if oldest_first else found[::-1], request)
        return {"AlarmHistoryItems": list(page), **token}

    def _find(self, name: str) -> Alarm:
        with self._lock:
            alarm = self._alarms.get(name)
        if alarm is None:
            raise AwsError("ResourceNotFound", f"Alarm {name} does not exist", 404)
        return alarm


def _check_json(data: str) -> None:
    try:
        json.loads(data)
    except ValueError as error:
        raise AwsError("InvalidFormat", "StateReasonData is not valid JSON") from error
