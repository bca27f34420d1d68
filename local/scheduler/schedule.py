"""A schedule as it was last written, and what a request for one may say."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from local import expressions
from local.errors import AwsError
from local.eventbridge.rule import check_retry
from local.recipients import check_arn, service_of

Request = dict[str, Any]
UNIVERSAL = re.compile(r"arn:aws:scheduler:::aws-sdk:([a-z0-9]+):([A-Za-z0-9]+)")
_READS = ("get", "describe", "list", "poll", "receive", "search", "scan", "query", "select")
_KEPT = (
    "ScheduleExpression",
    "ScheduleExpressionTimezone",
    "FlexibleTimeWindow",
    "Target",
    "ActionAfterCompletion",
    "Description",
    "StartDate",
    "EndDate",
    "KmsKeyArn",
)
_ALSO = frozenset({"events", "scheduler"})
_LONGEST_WINDOW = 1440


@dataclass(frozen=True)
class Schedule:
    """`generation` changes with every write, so that an old timer knows that it is old."""

    name: str
    group: str
    arn: str
    settings: Mapping[str, Any]
    state: str
    token: str | None
    created: datetime
    modified: datetime
    generation: str

    @property
    def key(self) -> str:
        return f"{self.group}/{self.name}"

    @property
    def target(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.settings["Target"]
        return found

    @property
    def once(self) -> bool:
        return expressions.at(self.settings["ScheduleExpression"]) is not None

    @property
    def deletes_itself(self) -> bool:
        return str(self.settings["ActionAfterCompletion"]) == "DELETE"

    @property
    def window(self) -> float:
        """Seconds within which it may fire."""
        return 60.0 * float(self.settings["FlexibleTimeWindow"].get("MaximumWindowInMinutes", 0))

    def first(self, now: datetime) -> datetime | None:
        """When it fires first; a one-shot of the past and a rate without a start: now."""
        expression, zone = self._expression
        start = self.settings.get("StartDate")
        once = expressions.at(expression, zone)
        if once is not None:
            return once
        if expressions.rate(expression) is not None:
            return self._before_end(max(now, start) if start else now)
        since = max(now, start - timedelta(minutes=1)) if start else now
        return self._before_end(expressions.next_cron(expression, since, zone))

    def after(self, due: datetime, now: datetime) -> datetime | None:
        """The occurrence after `due`, later than `now`; None when there is none any more."""
        expression, zone = self._expression
        every = expressions.rate(expression)
        if every is None:
            since = max(due, now)
            return self._before_end(expressions.next_cron(expression, since, zone))
        return self._before_end(max(due, now - every) + every)

    @property
    def _expression(self) -> tuple[str, str]:
        return self.settings["ScheduleExpression"], self.settings["ScheduleExpressionTimezone"]

    def _before_end(self, due: datetime | None) -> datetime | None:
        end = self.settings.get("EndDate")
        return None if due is None or (end is not None and due > end) else due

    def described(self) -> Request:
        return {
            "Name": self.name,
            "GroupName": self.group,
            "Arn": self.arn,
            "State": self.state,
            "CreationDate": self.created,
            "LastModificationDate": self.modified,
            **self.settings,
        }

    def summary(self) -> Request:
        keys = ("Name", "GroupName", "Arn", "State", "CreationDate", "LastModificationDate")
        told = self.described()
        return {key: told[key] for key in keys} | {"Target": {"Arn": self.target["Arn"]}}


def settings_of(request: Request) -> Request:
    """What is kept of a request; raises AwsError for what AWS refuses."""
    expressions.check(request["ScheduleExpression"])
    settings = {key: request[key] for key in _KEPT if request.get(key) is not None}
    settings.setdefault("ScheduleExpressionTimezone", "UTC")
    settings.setdefault("ActionAfterCompletion", "NONE")
    _check_zone(settings["ScheduleExpressionTimezone"])
    _check_window(settings["FlexibleTimeWindow"])
    _check_target(settings["Target"])
    start, end = settings.get("StartDate"), settings.get("EndDate")
    if start is not None and end is not None and start >= end:
        raise _refused("The EndDate must come after the StartDate.")
    if request.get("State", "ENABLED") not in {"ENABLED", "DISABLED"}:
        raise _not_in("state", request["State"], "ENABLED, DISABLED")
    if settings["ActionAfterCompletion"] not in {"NONE", "DELETE"}:
        raise _not_in("actionAfterCompletion", settings["ActionAfterCompletion"], "NONE, DELETE")
    return settings


def _check_zone(zone: str) -> None:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        message = f"Invalid Schedule Expression Timezone. Provided timezone {zone} is not valid."
        raise _refused(message) from error


def _check_window(window: Mapping[str, Any]) -> None:
    mode, most = window.get("Mode"), window.get("MaximumWindowInMinutes")
    if mode not in {"OFF", "FLEXIBLE"}:
        raise _not_in("flexibleTimeWindow.mode", mode, "OFF, FLEXIBLE")
    if mode == "FLEXIBLE" and (most is None or not 1 <= int(most) <= _LONGEST_WINDOW):
        raise _refused(
            "FlexibleTimeWindow of Mode FLEXIBLE needs MaximumWindowInMinutes of 1 to"
            f" {_LONGEST_WINDOW}."
        )
    if mode == "OFF" and most is not None:
        raise _refused("MaximumWindowInMinutes must not be set when Mode is OFF.")


def _check_target(target: Mapping[str, Any]) -> None:
    arn = str(target["Arn"])
    check_arn(arn, also=_ALSO)
    if service_of(arn) == "scheduler":
        _check_universal(arn)
    if service_of(arn) == "events" and "EventBridgeParameters" not in target:
        raise _refused("EventBridgeParameters must be set for a target that is an event bus.")
    if arn.endswith(".fifo") and "MessageGroupId" not in target.get("SqsParameters", {}):
        raise _refused("SqsParameters.MessageGroupId must be set for a FIFO queue.")
    check_retry(target.get("RetryPolicy", {}))


def _check_universal(arn: str) -> None:
    match = UNIVERSAL.fullmatch(arn)
    if match is None or match[2].startswith(_READS):
        raise _refused(f"{arn} is not a valid universal target.")


def _not_in(path: str, value: Any, allowed: str) -> AwsError:
    return _refused(
        f"1 validation error detected: Value '{value}' at '{path}' failed to satisfy constraint:"
        f" Member must satisfy enum value set: [{allowed}]"
    )


def _refused(message: str) -> AwsError:
    return AwsError("ValidationException", message)
