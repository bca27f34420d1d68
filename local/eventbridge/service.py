"""EventBridge's API, and the one way that every event takes: `pass_on`."""

import json
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from local.clock import Clock
from local.cloud import Account
from local.errors import AwsError, not_there
from local.event_tags import Tags
from local.eventbridge.archives import Archives
from local.eventbridge.buses import Buses, bus_name
from local.eventbridge.delayed import Delayed
from local.eventbridge.delivery import Deliverer
from local.eventbridge.entries import check_entries, checked_detail
from local.eventbridge.inputs import Event
from local.eventbridge.owed import Accepted, Delivery, Owed
from local.eventbridge.replays import Replays
from local.eventbridge.rule import Rule
from local.eventbridge.rules import Rules
from local.patterns import parse_pattern
from local.recipients import InvokesFunctions, Recipients
from local.retries import Jitter, some_jitter
from local.seams import Disturbs, SendsMessages
from local.timers import Timers

Request = dict[str, Any]
_NEEDED = ("id", "account", "source", "time", "region", "resources", "detail-type")


class Undisturbed:
    """Every event passes at once, one time."""

    def events(self, event: Event) -> Sequence[tuple[float, Event]]:
        return ((0.0, event),)


class EventBus:
    """Every bus of the account; an event that was taken is delivered even after a `kill -9`."""

    def __init__(
        self,
        account: Account,
        clock: Clock,
        lambdas: InvokesFunctions,
        queues: SendsMessages,
        *,
        disturb: Disturbs | None = None,
        jitter: Jitter = some_jitter,
    ) -> None:
        self._account = account
        self._clock = clock
        self._disturb = disturb or Undisturbed()
        self._store = account.store
        self._timers = Timers("events")
        self._tags = Tags(account.store, "events.tags", self._exists)
        self._buses = Buses(account, clock, self._tags, lambda bus: self._rules.any_on(bus))
        self._rules = Rules(account, clock, self._buses, self._tags, self._timers, self._tick)
        self._archives = Archives(account, clock, self._buses)
        self._replays = Replays(account, clock, self._archives, self._timers, self.pass_on)
        self._owed = Owed(account.store)
        self._delayed = Delayed(account.store, clock, self._timers, self._route)
        self._deliverer = Deliverer(
            clock,
            Recipients(account, lambdas, queues),
            self,
            self._owed,
            timers=self._timers,
            jitter=jitter,
        )
        self.operations: Mapping[str, Callable[[Request], Request]] = {
            "PutEvents": self._put_events,
            "TestEventPattern": self._test_pattern,
            "TagResource": lambda r: self._tags.tag(r["ResourceARN"], r["Tags"]),
            "UntagResource": lambda r: self._tags.untag(r["ResourceARN"], r["TagKeys"]),
            "ListTagsForResource": lambda r: self._tags.list(r["ResourceARN"]),
            **self._buses.operations,
            **self._rules.operations,
            **self._archives.operations,
            **self._replays.operations,
        }

    def handle(self, action: str, request: Request) -> Request:
        """Answer one API call; raises AwsError."""
        if action not in self.operations:
            raise not_there("events", action)
        return self.operations[action](request)

    def start(self) -> None:
        self._deliverer.start()
        self._delayed.start()
        self._rules.start()
        self._replays.start()
        self._timers.start()

    def stop(self) -> None:
        self._timers.stop()
        self._deliverer.stop()

    def emit(
        self,
        *,
        source: str,
        detail_type: str,
        detail: Mapping[str, Any],
        resources: Sequence[str] = (),
        bus: str = "default",
        time: datetime | None = None,
    ) -> str:
        """Send an event of AWS's own; its id."""
        event = self._event(source, detail_type, detail, resources, time)
        self.pass_on(bus, event)
        return str(event["id"])

    def pass_on(self, bus: str, event: Event, *, only: Collection[str] = ()) -> None:
        """Take an event, for the rules named in `only` if any are; kept when this returns."""
        for delay, each in self._disturb.events(event):
            if delay > 0:
                self._delayed.keep(delay, bus, each, only)
            else:
                self._route(bus, each, only)

    def forward(self, bus: str, event: Event) -> None:
        """From one bus to another; raises AwsError when that is not there."""
        self._buses.find(bus)
        self.pass_on(bus, event)

    def _route(self, bus: str, event: Event, only: Collection[str]) -> None:
        """Archived and owed are one: an event is kept whole or was never taken."""
        archives = self._archives.taking(bus, event)
        rules = self._rules.matching(bus, event, only)
        with self._store.together():
            self._archives.add(archives, event)
            accepted = self._accepted(rules, event)
        self._deliverer.deliver(accepted)

    def _tick(self, rule: Rule) -> None:
        event = self._event("aws.events", "Scheduled Event", {}, [rule.arn], None)
        self._deliverer.deliver(self._accepted([rule], event))

    def _accepted(self, rules: Iterable[Rule], event: Event) -> Accepted:
        owed = [Delivery(t, rule.name, rule.arn) for rule in rules for t in rule.targets.values()]
        return self._owed.accept(event, _stamp(self._clock.now()), owed)

    def _event(
        self,
        source: str,
        detail_type: str,
        detail: Mapping[str, Any],
        resources: Sequence[str],
        at: datetime | None,
    ) -> Event:
        return {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": detail_type,
            "source": source,
            "account": self._account.id,
            "time": _stamp(at or self._clock.now()),
            "region": self._account.region,
            "resources": list(resources),
            "detail": dict(detail),
        }

    def _put_events(self, request: Request) -> Request:
        entries = request.get("Entries", [])
        check_entries(entries)
        answers = [self._put_entry(entry) for entry in entries]
        failed = sum("ErrorCode" in answer for answer in answers)
        return {"FailedEntryCount": failed, "Entries": answers}

    def _put_entry(self, entry: Mapping[str, Any]) -> dict[str, str]:
        try:
            detail = checked_detail(entry)
        except AwsError as error:
            return {"ErrorCode": error.code, "ErrorMessage": error.message}
        return {
            "EventId": self.emit(
                source=entry["Source"],
                detail_type=entry["DetailType"],
                detail=detail,
                resources=entry.get("Resources") or [],
                bus=bus_name(entry.get("EventBusName")),
                time=entry.get("Time"),
            )
        }

    def _test_pattern(self, request: Request) -> Request:
        try:
            event = json.loads(request["Event"])
        except ValueError:
            event = None
        if not isinstance(event, dict) or any(key not in event for key in _NEEDED):
            raise AwsError("ValidationException", "Parameter Event is not valid.")
        return {"Result": parse_pattern(request["EventPattern"]).matches(event)}

    def _exists(self, arn: str) -> bool:
        return self._buses.has(arn) or self._rules.has(arn)


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
