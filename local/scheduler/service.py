"""Scheduler's API, and the timers of its schedules."""

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from local.clock import Clock
from local.cloud import Account
from local.errors import AwsError, not_there
from local.event_tags import Tags
from local.pages import named, page
from local.recipients import InvokesFunctions, Recipients
from local.retries import Jitter, some_jitter
from local.scheduler.groups import DEFAULT, Groups
from local.scheduler.invocations import Invocations, TakesEvents
from local.scheduler.schedule import Schedule, settings_of
from local.seams import SendsMessages
from local.timers import Timers

Request = dict[str, Any]


class Scheduler:
    """Fires schedules at their (scaled) time; what fell due while it was away fires at the start.

    `within` chooses a moment in a flexible window of so many seconds.
    """

    def __init__(
        self,
        account: Account,
        clock: Clock,
        lambdas: InvokesFunctions,
        queues: SendsMessages,
        bus: TakesEvents,
        *,
        jitter: Jitter = some_jitter,
        within: Callable[[float], float] = lambda window: random.uniform(0, window),
    ) -> None:
        self._account = account
        self._clock = clock
        self._within = within
        self._store = account.store
        self._lock = account.store.lock
        self._shelf = account.store.shelf("scheduler.schedules")
        self._due = account.store.shelf("scheduler.due")
        self._timers = Timers("scheduler")
        self._tags = Tags(account.store, "scheduler.tags", lambda arn: self._groups.has(arn))
        self._groups = Groups(account, clock, self._tags)
        self._invocations = Invocations(
            account.store,
            clock,
            Recipients(account, lambdas, queues),
            bus,
            timers=self._timers,
            jitter=jitter,
        )
        kept = self._shelf.all()
        self._schedules = {key: Schedule(**record) for key, record in kept.items()}
        self.operations: Mapping[str, Callable[[Request], Request]] = {
            "CreateSchedule": self._create,
            "UpdateSchedule": self._update,
            "GetSchedule": lambda request: self._find(request).described(),
            "DeleteSchedule": self._delete,
            "ListSchedules": self._list,
            "CreateScheduleGroup": self._groups.create,
            "GetScheduleGroup": self._groups.get,
            "DeleteScheduleGroup": self._delete_group,
            "ListScheduleGroups": self._groups.list,
            "TagResource": lambda r: self._tags.tag(r["ResourceArn"], r["Tags"]),
            "UntagResource": lambda r: self._tags.untag(r["ResourceArn"], r["TagKeys"]),
            "ListTagsForResource": lambda r: self._tags.list(r["ResourceArn"]),
        }

    def handle(self, action: str, request: Request) -> Request:
        """Answer one API call; raises AwsError."""
        if action not in self.operations:
            raise not_there("scheduler", action)
        return self.operations[action](request)

    def start(self) -> None:
        self._invocations.start()
        for key, record in self._due.all().items():
            if key in self._schedules:
                self._set_timer(self._schedules[key], record["due"], record["fires"])
        self._timers.start()

    def stop(self) -> None:
        self._timers.stop()
        self._invocations.stop()

    def fire_due(self) -> int:
        """Fire whatever is due now, for callers that keep the time themselves."""
        return self._timers.fire_due()

    def _create(self, request: Request) -> Request:
        schedule = self._made_from(request, created=self._clock.now())
        with self._store.together():
            self._groups.check(schedule.group)
            before = self._schedules.get(schedule.key)
            if before is None:
                self._keep(schedule)
                self._arm(schedule, schedule.first(schedule.created))
            elif schedule.token is None or before.token != schedule.token:
                message = f"Schedule {schedule.name} already exists."
                raise AwsError("ConflictException", message, 409)
        return {"ScheduleArn": schedule.arn}

    def _update(self, request: Request) -> Request:
        before = self._find(request)
        after = self._made_from(request, created=before.created)
        with self._store.together():
            self._keep(replace(after, token=before.token))
            self._arm(after, after.first(after.modified))
        return {"ScheduleArn": after.arn}

    def _made_from(self, request: Request, *, created: datetime) -> Schedule:
        name, group = str(request["Name"]), str(request.get("GroupName") or DEFAULT)
        return Schedule(
            name=name,
            group=group,
            arn=self._account.arn("scheduler", f"schedule/{group}/{name}"),
            settings=settings_of(request),
            state=request.get("State", "ENABLED"),
            token=request.get("ClientToken"),
            created=created,
            modified=self._clock.now(),
            generation=str(uuid4()),
        )

    def _keep(self, schedule: Schedule) -> None:
        self._shelf.put(schedule.key, vars(schedule))
        self._schedules[schedule.key] = schedule

    def _arm(self, schedule: Schedule, due: datetime | None, since: datetime | None = None) -> None:
        """Keep when it fires next; with a time scale an occurrence `since` may lie ahead of now."""
        if due is None:
            self._complete(schedule)
            return
        now = self._clock.now()
        begun = max(since, now) if since else now
        wait = (due - begun).total_seconds() + self._within(schedule.window)
        fires = now + timedelta(seconds=self._clock.scaled(max(0.0, wait)))
        with self._lock:
            if self._is_current(schedule):
                self._due.put(schedule.key, {"due": due, "fires": fires})
        self._set_timer(schedule, due, fires)

    def _set_timer(self, schedule: Schedule, due: datetime, fires: datetime) -> None:
        wait = max(0.0, (fires - self._clock.now()).total_seconds())
        self._timers.after(wait, lambda: self._fire(schedule, due))

    def _fire(self, schedule: Schedule, due: datetime) -> None:
        """One occurrence; it is owed and the next one is known before it is tried."""
        if not self._is_current(schedule):
            return
        invocation = None
        with self._store.together():
            if schedule.state == "ENABLED":
                invocation = self._invocations.owe(schedule.arn, schedule.target, due)
            self._go_on(schedule, due)
        if invocation is not None:
            self._invocations.attempt(invocation)

    def _go_on(self, schedule: Schedule, due: datetime) -> None:
        if schedule.once:
            self._complete(schedule)
        else:
            self._arm(schedule, schedule.after(due, self._clock.now()), since=due)

    def _is_current(self, schedule: Schedule) -> bool:
        current = self._schedules.get(schedule.key)
        return current is not None and current.generation == schedule.generation

    def _complete(self, schedule: Schedule) -> None:
        """It fires no more."""
        with self._lock:
            if not self._is_current(schedule):
                return
            self._due.drop(schedule.key)
            if schedule.deletes_itself and schedule.state == "ENABLED":
                self._forget(schedule)

    def _forget(self, schedule: Schedule) -> None:
        self._shelf.drop(schedule.key)
        self._due.drop(schedule.key)
        self._schedules.pop(schedule.key, None)

    def _delete(self, request: Request) -> Request:
        schedule = self._find(request)
        with self._lock:
            self._forget(schedule)
        return {}

    def _find(self, request: Request) -> Schedule:
        name, group = str(request["Name"]), str(request.get("GroupName") or DEFAULT)
        self._groups.check(group)
        schedule = self._schedules.get(f"{group}/{name}")
        if schedule is None:
            raise AwsError("ResourceNotFoundException", f"Schedule {name} does not exist.", 404)
        return schedule

    def _list(self, request: Request) -> Request:
        group, state = request.get("GroupName"), request.get("State")
        wanted = named(request.get("NamePrefix"))
        if group is not None:
            self._groups.check(group)
        with self._lock:
            schedules = [self._schedules[key] for key in sorted(self._schedules)]
        found = [
            schedule.summary()
            for schedule in schedules
            if group in {None, schedule.group}
            and state in {None, schedule.state}
            and wanted(schedule.name)
        ]
        return page("Schedules", found, request, limit="MaxResults")

    def _delete_group(self, request: Request) -> Request:
        name = str(request["Name"])
        with self._store.together():
            self._groups.delete(name)
            for schedule in [s for s in self._schedules.values() if s.group == name]:
                self._forget(schedule)
        return {}
