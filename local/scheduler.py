"""EventBridge Scheduler: one-shot, rate and cron schedules in groups."""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock
from typing import Any, Protocol
from uuid import uuid4

from local import expressions
from local.clock import Clock
from local.cloud import Account
from local.errors import AwsError
from local.recipients import InvokesFunctions, is_final
from local.seams import SendsMessages
from local.timers import Timers

Request = dict[str, Any]
_DEFAULT = "default"
_RETRIES = 3
_RETRY_AFTER = 2.0
log = logging.getLogger("local.scheduler")
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


class TakesEvents(Protocol):
    """What the scheduler needs of EventBridge."""

    def handle(self, action: str, request: Request) -> Request: ...


@dataclass(frozen=True)
class Schedule:
    """A schedule as it was last written."""

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
    def once(self) -> bool:
        return expressions.at(self.settings["ScheduleExpression"]) is not None

    @property
    def retries(self) -> int:
        policy = self.settings["Target"].get("RetryPolicy", {})
        return int(policy.get("MaximumRetryAttempts", _RETRIES))

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


class Scheduler:
    """Fires schedules at their (scaled) time and delivers to Lambda, SQS or a bus."""

    def __init__(
        self,
        account: Account,
        clock: Clock,
        lambdas: InvokesFunctions,
        queues: SendsMessages,
        bus: TakesEvents,
    ) -> None:
        self._account = account
        self._clock = clock
        self._lambdas = lambdas
        self._queues = queues
        self._bus = bus
        self._lock = Lock()
        self._groups: dict[str, dict[str, Schedule]] = {_DEFAULT: {}}
        self._made: dict[str, datetime] = {_DEFAULT: clock.now()}
        self._tags: dict[str, list[dict[str, str]]] = {}
        self._timers = Timers("scheduler")
        self._actions: Mapping[str, Callable[[Request], Request]] = {
            "CreateSchedule": self._create,
            "UpdateSchedule": self._update,
            "GetSchedule": lambda request: self._find(request).described(),
            "DeleteSchedule": self._delete,
            "ListSchedules": self._list,
            "CreateScheduleGroup": self._create_group,
            "GetScheduleGroup": self._get_group,
            "DeleteScheduleGroup": self._delete_group,
            "ListScheduleGroups": self._list_groups,
            "TagResource": self._tag,
            "UntagResource": self._untag,
            "ListTagsForResource": lambda r: {"Tags": self._tags.get(r["ResourceArn"], [])},
        }

    def handle(self, action: str, request: Request) -> Request:
        """Answer one API call; raises AwsError."""
        if action not in self._actions:
            raise AwsError("UnknownOperationException", f"scheduler:{action} is not emulated", 501)
        return self._actions[action](request)

    def start(self) -> None:
        self._timers.start()

    def stop(self) -> None:
        self._timers.stop()

    def fire_due(self) -> int:
        """Fire whatever is due now, for callers that keep the time themselves."""
        return self._timers.fire_due()

    def _create(self, request: Request) -> Request:
        name, group = str(request["Name"]), str(request.get("GroupName", _DEFAULT))
        token = request.get("ClientToken")
        with self._lock:
            schedules = self._group(group)
            before = schedules.get(name)
            if before is not None and (token is None or before.token != token):
                raise AwsError("ConflictException", f"Schedule {name} already exists.", 409)
            if before is not None:
                return {"ScheduleArn": before.arn}
            schedule = self._made_from(request, name=name, group=group, created=self._clock.now())
            schedules[name] = schedule
        self._arm(schedule, schedule.created)
        return {"ScheduleArn": schedule.arn}

    def _update(self, request: Request) -> Request:
        before = self._find(request)
        after = self._made_from(
            request, name=before.name, group=before.group, created=before.created
        )
        with self._lock:
            self._group(before.group)[before.name] = after
        self._arm(after, after.modified)
        return {"ScheduleArn": after.arn}

    def _made_from(self, request: Request, *, name: str, group: str, created: datetime) -> Schedule:
        expressions.check(request["ScheduleExpression"])
        if request["FlexibleTimeWindow"].get("Mode") not in {"OFF", "FLEXIBLE"}:
            raise AwsError("ValidationException", "FlexibleTimeWindow Mode must be OFF or FLEXIBLE")
        return Schedule(
            name=name,
            group=group,
            arn=self._account.arn("scheduler", f"schedule/{group}/{name}"),
            settings={key: request[key] for key in _KEPT if key in request},
            state=request.get("State", "ENABLED"),
            token=request.get("ClientToken"),
            created=created,
            modified=self._clock.now(),
            generation=str(uuid4()),
        )

    def _arm(self, schedule: Schedule, now: datetime) -> None:
        due = self._due(schedule, now)
        if due is None:
            return
        wait = max(0.0, (due - now).total_seconds())
        self._timers.after(self._clock.scaled(wait), lambda: self._fire(schedule, due))

    def _due(self, schedule: Schedule, now: datetime) -> datetime | None:
        """When it fires next; a one-shot in the past fires at once."""
        expression = schedule.settings["ScheduleExpression"]
        zone = schedule.settings.get("ScheduleExpressionTimezone", "UTC")
        every = expressions.rate(expression)
        if every is not None:
            return now + every
        once = expressions.at(expression, zone)
        return once if once is not None else expressions.next_cron(expression, now, zone)

    def _fire(self, schedule: Schedule, due: datetime) -> None:
        """One occurrence; the next one is armed whatever comes of this one."""
        if not self._is_current(schedule):
            return
        try:
            if schedule.state == "ENABLED":
                self._attempt(schedule, due, tries=0)
        finally:
            if not schedule.once:
                self._arm(schedule, self._clock.now())

    def _is_current(self, schedule: Schedule) -> bool:
        with self._lock:
            current = self._groups.get(schedule.group, {}).get(schedule.name)
        return current is not None and current.generation == schedule.generation

    def _attempt(self, schedule: Schedule, due: datetime, *, tries: int) -> None:
        try:
            self._deliver(schedule, due)
        except Exception as error:  # noqa: BLE001  # a fault of ours is retried like AWS's 5xx
            refusal = _refusal(error)
            if not is_final(refusal) and tries < schedule.retries:
                self._timers.after(
                    self._clock.scaled(_RETRY_AFTER),
                    lambda: self._try_again(schedule, due, tries=tries + 1),
                )
                return
            self._bury(schedule, refusal)
        self._complete(schedule)

    def _try_again(self, schedule: Schedule, due: datetime, *, tries: int) -> None:
        if self._is_current(schedule):
            self._attempt(schedule, due, tries=tries)

    def _complete(self, schedule: Schedule) -> None:
        if schedule.once and schedule.settings.get("ActionAfterCompletion") == "DELETE":
            with self._lock:
                self._groups.get(schedule.group, {}).pop(schedule.name, None)

    def _deliver(self, schedule: Schedule, due: datetime) -> None:
        target = schedule.settings["Target"]
        text = _filled(target.get("Input", ""), schedule, due)
        arn = str(target["Arn"])
        match arn.split(":")[2]:
            case "lambda":
                self._lambdas.invoke_async(arn, (text or "{}").encode())
            case "sqs":
                self._queues.send(arn, text, {})
            case "events":
                self._put_event(target, arn, text)
            case service:
                raise AwsError("NO_RESOURCE", f"target service {service} is not emulated")

    def _put_event(self, target: Mapping[str, Any], arn: str, text: str) -> None:
        parameters = target["EventBridgeParameters"]
        answer = self._bus.handle(
            "PutEvents",
            {
                "Entries": [
                    {
                        "EventBusName": arn,
                        "Source": parameters["Source"],
                        "DetailType": parameters["DetailType"],
                        "Detail": text,
                    }
                ]
            },
        )
        failed = answer["Entries"][0]
        if "ErrorCode" in failed:
            raise AwsError(failed["ErrorCode"], failed["ErrorMessage"])

    def _bury(self, schedule: Schedule, error: AwsError) -> None:
        queue = schedule.settings["Target"].get("DeadLetterConfig", {}).get("Arn")
        said = f"schedule {schedule.name}: {error.code}: {error.message}"
        if queue is None:
            log.error("%s; no dead-letter queue, the occurrence is gone", said)
            return
        attributes = {
            "ERROR_CODE": error.code,
            "ERROR_MESSAGE": error.message,
            "SCHEDULE_ARN": schedule.arn,
        }
        try:
            self._queues.send(queue, json.dumps(schedule.settings["Target"]), attributes)
        except Exception:  # in AWS too it is gone when its dead-letter queue is
            log.exception("%s; it could not be sent to %s, the occurrence is gone", said, queue)
        else:
            log.warning("%s; sent to %s", said, queue)

    def _delete(self, request: Request) -> Request:
        schedule = self._find(request)
        with self._lock:
            self._group(schedule.group).pop(schedule.name, None)
        return {}

    def _find(self, request: Request) -> Schedule:
        name, group = str(request["Name"]), str(request.get("GroupName", _DEFAULT))
        with self._lock:
            schedule = self._group(group).get(name)
        if schedule is None:
            raise AwsError("ResourceNotFoundException", f"Schedule {name} does not exist.", 404)
        return schedule

    def _list(self, request: Request) -> Request:
        wanted, prefix = request.get("GroupName"), request.get("NamePrefix", "")
        with self._lock:
            found = [
                schedule
                for group, schedules in self._groups.items()
                for schedule in schedules.values()
                if wanted in {None, group} and schedule.name.startswith(prefix)
            ]
        keys = ("Name", "GroupName", "Arn", "State", "CreationDate", "LastModificationDate")
        told = [{k: v for k, v in s.described().items() if k in keys} for s in found]
        targets = [{"Arn": s.settings["Target"]["Arn"]} for s in found]
        return {"Schedules": [a | {"Target": t} for a, t in zip(told, targets, strict=True)]}

    def _group(self, name: str) -> dict[str, Schedule]:
        if name not in self._groups:
            raise AwsError(
                "ResourceNotFoundException", f"Schedule group {name} does not exist.", 404
            )
        return self._groups[name]

    def _create_group(self, request: Request) -> Request:
        name = str(request["Name"])
        with self._lock:
            if name in self._groups:
                raise AwsError("ConflictException", f"Schedule group {name} already exists.", 409)
            self._groups[name] = {}
            self._made[name] = self._clock.now()
        arn = self._group_arn(name)
        self._tags[arn] = list(request.get("Tags", []))
        return {"ScheduleGroupArn": arn}

    def _get_group(self, request: Request) -> Request:
        name = str(request["Name"])
        with self._lock:
            self._group(name)
        return self._told_group(name)

    def _told_group(self, name: str) -> Request:
        made = self._made[name].astimezone(UTC)
        return {
            "Name": name,
            "Arn": self._group_arn(name),
            "State": "ACTIVE",
            "CreationDate": made,
            "LastModificationDate": made,
        }

    def _delete_group(self, request: Request) -> Request:
        name = str(request["Name"])
        with self._lock:
            self._group(name)
            if name == _DEFAULT:
                raise AwsError("ValidationException", "The default group cannot be deleted.")
            del self._groups[name]
        return {}

    def _list_groups(self, request: Request) -> Request:
        prefix = request.get("NamePrefix", "")
        names = [name for name in self._groups if name.startswith(prefix)]
        return {"ScheduleGroups": [self._told_group(name) for name in names]}

    def _group_arn(self, name: str) -> str:
        return self._account.arn("scheduler", f"schedule-group/{name}")

    def _tag(self, request: Request) -> Request:
        old = {t["Key"]: t for t in self._tags.get(request["ResourceArn"], [])}
        new = {t["Key"]: t for t in request["Tags"]}
        self._tags[request["ResourceArn"]] = list((old | new).values())
        return {}

    def _untag(self, request: Request) -> Request:
        kept = self._tags.get(request["ResourceArn"], [])
        self._tags[request["ResourceArn"]] = [t for t in kept if t["Key"] not in request["TagKeys"]]
        return {}


def _refusal(error: Exception) -> AwsError:
    if isinstance(error, AwsError):
        return error
    log.error("a delivery broke", exc_info=error)
    return AwsError("InternalFailure", f"{type(error).__name__}: {error}", 500)


def _filled(text: str, schedule: Schedule, due: datetime) -> str:
    values = {
        "<aws.scheduler.schedule-arn>": schedule.arn,
        "<aws.scheduler.scheduled-time>": due.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "<aws.scheduler.execution-id>": str(uuid4()),
        "<aws.scheduler.attempt-number>": "1",
    }
    for place, value in values.items():
        text = text.replace(place, value)
    return text
