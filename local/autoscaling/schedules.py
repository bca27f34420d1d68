"""Scheduled actions: new bounds for a target at a time, once or again and again."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from local import expressions
from local.autoscaling.activities import Activities
from local.autoscaling.capacity import CapacityError
from local.autoscaling.records import (
    DIMENSION,
    NAMESPACE,
    Records,
    Request,
    invalid,
    missing,
    page,
    told_place,
)
from local.autoscaling.scaler import Scaler
from local.autoscaling.targets import Targets
from local.clock import Clock
from local.cloud import Account
from local.errors import AwsError
from local.timers import Timers

_MEMBERS = ("Schedule", "Timezone", "ScalableTargetAction")
_BOUNDS = ("StartTime", "EndTime")


class ScheduledActions:
    """By resource id and name; when one fires next is kept with it."""

    def __init__(
        self,
        account: Account,
        clock: Clock,
        targets: Targets,
        scaler: Scaler,
        activities: Activities,
        timers: Timers,
    ) -> None:
        self._account = account
        self._clock = clock
        self._targets = targets
        self._scaler = scaler
        self._activities = activities
        self._timers = timers
        self._records = Records(account.store.shelf("autoscaling.schedules"))
        self.operations: Mapping[str, Callable[[Request], Request]] = {
            "PutScheduledAction": self._put,
            "DeleteScheduledAction": self._delete,
            "DescribeScheduledActions": self._describe,
        }

    def start(self) -> None:
        for record in self._records.all():
            self._set_timer(record)

    def forget(self, resource: str) -> None:
        """Those of a target that is gone."""
        for record in self._records.all():
            if record["told"]["ResourceId"] == resource:
                self._records.drop(_key(record["told"]))

    def _put(self, request: Request) -> Request:
        self._targets.find(request)
        known = self._records.get(_key(request))
        told = known["told"] if known is not None else self._made(request)
        told = {k: v for k, v in told.items() if k not in _BOUNDS}
        told |= {m: request[m] for m in (*_MEMBERS, *_BOUNDS) if m in request}
        _check(told)
        self._arm(told, _first(told, self._clock.now()), self._clock.now())
        return {}

    def _made(self, request: Request) -> Request:
        name = request["ScheduledActionName"]
        place = f"resource/{NAMESPACE}/{request['ResourceId']}:scheduledActionName/{name}"
        return {
            "ScheduledActionName": name,
            "ScheduledActionARN": self._account.arn(
                "autoscaling", f"scheduledAction:{uuid4()}:{place}"
            ),
            "ServiceNamespace": NAMESPACE,
            "ResourceId": request["ResourceId"],
            "ScalableDimension": DIMENSION,
            "CreationTime": self._clock.now(),
        }

    def _arm(self, told: Request, due: datetime | None, since: datetime) -> None:
        """Keep when it fires next; with a time scale that is sooner than it is due."""
        now = self._clock.now()
        wait = (due - max(since, now)).total_seconds() if due is not None else 0.0
        fires = due and now + timedelta(seconds=self._clock.scaled(max(0.0, wait)))
        record = {"told": told, "due": due, "fires": fires, "turn": str(uuid4())}
        self._records.put(_key(told), record)
        self._set_timer(record)

    def _set_timer(self, record: Request) -> None:
        if record["fires"] is not None:
            wait = (record["fires"] - self._clock.now()).total_seconds()
            self._timers.after(max(0.0, wait), lambda: self._fire(record))

    def _fire(self, record: Request) -> None:
        """Nothing happens to an action that was changed or deleted meanwhile."""
        told = record["told"]
        current = self._records.get(_key(told))
        if current is None or current["turn"] != record["turn"]:
            return
        self._arm(told, _after(told, record["due"], self._clock.now()), record["due"])
        if not self._targets.suspended(told["ResourceId"], "ScheduledScaling"):
            self._apply(told)

    def _apply(self, told: Request) -> None:
        resource, action = told["ResourceId"], told["ScalableTargetAction"]
        cause = f"scheduled action name {told['ScheduledActionName']} was triggered"
        kinds = {"MinCapacity": "min", "MaxCapacity": "max"}
        parts = [f"{kind} capacity to {action[m]}" for m, kind in kinds.items() if m in action]
        bounds = " and ".join(parts)
        status, said = "Successful", f"Successfully set {bounds}"
        try:
            self._targets.put({"ResourceId": resource, **action})
        except AwsError as error:
            status, said = "Failed", f"Failed to set {bounds}. Reason: {error.message}"
        self._activities.over(resource, f"Setting {bounds}", cause, status, said)
        with suppress(CapacityError):  # SageMaker does not answer; an alarm may ask later
            self._scaler.bring_within(resource)

    def _delete(self, request: Request) -> Request:
        self._targets.find(request)
        if self._records.get(_key(request)) is None:
            name = request["ScheduledActionName"]
            place = f"{told_place(request)}, scheduled action name: {name}"
            raise missing(f"No scheduled action found for {place}")
        self._records.drop(_key(request))
        return {}

    def _describe(self, request: Request) -> Request:
        names = request.get("ScheduledActionNames")
        found = [
            told
            for told in (record["told"] for record in self._records.all())
            if request["ServiceNamespace"] == NAMESPACE
            and request.get("ResourceId") in {None, told["ResourceId"]}
            and request.get("ScalableDimension", DIMENSION) == DIMENSION
            and (not names or told["ScheduledActionName"] in names)
        ]
        return page("ScheduledActions", found, request)


def _key(request: Request) -> str:
    return f"{request['ResourceId']} {request['ScheduledActionName']}"


def _check(told: Request) -> None:
    for member in ("Schedule", "ScalableTargetAction"):
        if member not in told:
            raise invalid(f"{member} must be specified for a new scheduled action")
    expressions.check(told["Schedule"])
    if not {"MinCapacity", "MaxCapacity"} & told["ScalableTargetAction"].keys():
        raise invalid("ScalableTargetAction needs a MinCapacity or a MaxCapacity")
    try:
        ZoneInfo(told.get("Timezone", "UTC"))
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise invalid(f"Timezone {told['Timezone']} is not known") from error
    start, end = told.get("StartTime"), told.get("EndTime")
    if start is not None and end is not None and start >= end:
        raise invalid("The start time must be before the end time")


def _first(told: Request, now: datetime) -> datetime | None:
    """None for a moment that has passed."""
    since = max(now, told.get("StartTime", now))
    zone = told.get("Timezone", "UTC")
    if (once := expressions.at(told["Schedule"], zone)) is not None:
        return once if once >= now else None
    every = expressions.rate(told["Schedule"])
    if every is not None:
        return _before_end(told, told.get("StartTime", now + every))
    return _before_end(told, expressions.next_cron(told["Schedule"], since, zone))


def _after(told: Request, due: datetime, now: datetime) -> datetime | None:
    if expressions.at(told["Schedule"]) is not None:
        return None
    every = expressions.rate(told["Schedule"])
    if every is not None:
        return _before_end(told, max(due, now - every) + every)
    zone = told.get("Timezone", "UTC")
    return _before_end(told, expressions.next_cron(told["Schedule"], max(due, now), zone))


def _before_end(told: Request, due: datetime | None) -> datetime | None:
    end = told.get("EndTime")
    return None if due is None or (end is not None and due > end) else due
