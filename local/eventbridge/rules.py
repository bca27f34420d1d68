"""The rules of every bus: kept, matched, armed by their schedules, and told."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Protocol

from local import expressions
from local.clock import Clock
from local.cloud import Account
from local.errors import AwsError
from local.event_tags import Tags
from local.eventbridge.buses import Buses, bus_name
from local.eventbridge.inputs import Event
from local.eventbridge.rule import Rule, rule_from
from local.pages import named, page
from local.timers import Timers

Request = dict[str, Any]


class Fires(Protocol):
    """Who is told that a rule's time has come."""

    def __call__(self, rule: Rule) -> None: ...


class Rules:
    """Every change is kept before it is answered."""

    def __init__(
        self, account: Account, clock: Clock, buses: Buses, tags: Tags, timers: Timers, fires: Fires
    ) -> None:
        self._account = account
        self._clock = clock
        self._buses = buses
        self._tags = tags
        self._timers = timers
        self._fires = fires
        self._lock = account.store.lock
        self._shelf = account.store.shelf("events.rules")
        self._due = account.store.shelf("events.rules.due")
        self._rules: dict[tuple[str, str], Rule] = {}
        for record in self._shelf.all().values():
            rule = Rule.read(record)
            self._rules[rule.bus, rule.name] = rule
        self.operations = {
            "PutRule": self._put_rule,
            "DeleteRule": self._delete_rule,
            "DescribeRule": lambda request: self._find(request).described(),
            "ListRules": self._list_rules,
            "EnableRule": lambda request: self._set_state(request, "ENABLED"),
            "DisableRule": lambda request: self._set_state(request, "DISABLED"),
            "PutTargets": self._put_targets,
            "RemoveTargets": self._remove_targets,
            "ListTargetsByRule": self._list_targets,
            "ListRuleNamesByTarget": self._list_rule_names,
        }

    def start(self) -> None:
        """Take up the schedules; what fell due meanwhile fires at once."""
        for rule in self._of_bus("default"):
            due = self._due.get(rule.name)
            if rule.schedule and due is not None:
                self._arm_at(rule, due)

    def matching(self, bus: str, event: Event, only: Collection[str] = ()) -> list[Rule]:
        """The rules an event wakes; of those named in `only`, if any are."""
        wanted = [rule for rule in self._of_bus(bus) if not only or rule.arn in only]
        return [rule for rule in wanted if rule.matches(event)]

    def has(self, arn: str) -> bool:
        with self._lock:
            return any(rule.arn == arn for rule in self._rules.values())

    def any_on(self, bus: str) -> bool:
        return bool(self._of_bus(bus))

    def _of_bus(self, bus: str) -> list[Rule]:
        return [rule for rule in list(self._rules.values()) if rule.bus == bus]

    def _put_rule(self, request: Request) -> Request:
        bus, name = bus_name(request.get("EventBusName")), str(request["Name"])
        self._buses.find(bus)
        arn = self._account.arn("events", f"rule/{name if bus == 'default' else f'{bus}/{name}'}")
        with self._account.store.together():
            before = self._rules.get((bus, name))
            rule = rule_from(request, arn=arn, bus=bus, before=before)
            if before is None:
                self._tags.put(arn, request.get("Tags") or [])
            self._keep(rule)
            self._rules[bus, name] = rule
            self._arm(rule)
        return {"RuleArn": arn}

    def _keep(self, rule: Rule) -> None:
        self._shelf.put(f"{rule.bus}|{rule.name}", rule.record())

    def _arm(self, rule: Rule) -> None:
        """Set the timer of a rule's next firing; a rate shrinks with the time scale."""
        due = self._next(rule)
        if due is not None:
            self._due.put(rule.name, due)
            self._arm_at(rule, due)

    def _arm_at(self, rule: Rule, due: datetime) -> None:
        wait = max(0.0, (due - self._clock.now()).total_seconds())
        self._timers.after(wait, lambda: self._fire(rule))

    def _next(self, rule: Rule) -> datetime | None:
        if rule.schedule is None:
            return None
        now = self._clock.now()
        every = expressions.rate(rule.schedule)
        if every is None:
            return expressions.next_cron(rule.schedule, now)
        return now + timedelta(seconds=self._clock.scaled(every.total_seconds()))

    def _fire(self, rule: Rule) -> None:
        with self._lock:
            current = self._rules.get((rule.bus, rule.name))
        if current is not rule:
            return
        try:
            if rule.enabled:
                self._fires(rule)
        finally:
            self._arm(rule)

    def _delete_rule(self, request: Request) -> Request:
        bus, name = bus_name(request.get("EventBusName")), str(request["Name"])
        self._buses.find(bus)
        with self._lock:
            rule = self._rules.get((bus, name))
            if rule is None:
                return {}
            if rule.targets:
                raise AwsError("ValidationException", "Rule can't be deleted since it has targets.")
            self._shelf.drop(f"{bus}|{name}")
            self._due.drop(name)
            self._tags.forget(rule.arn)
            del self._rules[bus, name]
        return {}

    def _list_rules(self, request: Request) -> Request:
        bus, wanted = bus_name(request.get("EventBusName")), named(request.get("NamePrefix"))
        self._buses.find(bus)
        rules = sorted(self._of_bus(bus), key=lambda rule: rule.name)
        return page("Rules", [r.described() for r in rules if wanted(r.name)], request)

    def _set_state(self, request: Request, state: str) -> Request:
        rule = self._find(request)
        with self._lock:
            rule.state = state
            self._keep(rule)
        return {}

    def _put_targets(self, request: Request) -> Request:
        rule = self._find({**request, "Name": request["Rule"]})
        with self._lock:
            rule.put_targets(request["Targets"])
            self._keep(rule)
        return {"FailedEntryCount": 0, "FailedEntries": []}

    def _remove_targets(self, request: Request) -> Request:
        rule = self._find({**request, "Name": request["Rule"]})
        with self._lock:
            gone = [_no_target(name) for name in request["Ids"] if name not in rule.targets]
            rule.targets = {k: v for k, v in rule.targets.items() if k not in request["Ids"]}
            self._keep(rule)
        return {"FailedEntryCount": len(gone), "FailedEntries": gone}

    def _list_targets(self, request: Request) -> Request:
        rule = self._find({**request, "Name": request["Rule"]})
        return page("Targets", list(rule.targets.values()), request)

    def _list_rule_names(self, request: Request) -> Request:
        bus, arn = bus_name(request.get("EventBusName")), request["TargetArn"]
        self._buses.find(bus)
        rules = [r for r in self._of_bus(bus) if any(t["Arn"] == arn for t in r.targets.values())]
        return page("RuleNames", sorted(rule.name for rule in rules), request)

    def _find(self, request: Request) -> Rule:
        bus, name = bus_name(request.get("EventBusName")), str(request["Name"])
        self._buses.find(bus)
        with self._lock:
            rule = self._rules.get((bus, name))
        if rule is None:
            message = f"Rule {name} does not exist on EventBus {bus}."
            raise AwsError("ResourceNotFoundException", message)
        return rule


def _no_target(identifier: str) -> dict[str, str]:
    return {
        "TargetId": identifier,
        "ErrorCode": "ResourceNotFoundException",
        "ErrorMessage": f"Rule does not have a target with id {identifier}.",
    }
