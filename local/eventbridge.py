"""EventBridge: buses, rules, schedules on rules, and delivery to their targets."""

import json
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Lock
from typing import Any

from local import expressions
from local.clock import Clock
from local.cloud import Account
from local.delivery import Deliverer, Delivery, InvokesFunctions
from local.errors import AwsError
from local.patterns import parse_pattern
from local.rules import Rule, rule_from
from local.seams import SendsMessages
from local.targets import Event
from local.timers import Timers

Request = dict[str, Any]
_THREADS = 16
_LARGEST_ENTRY = 1_048_576
_MOST_ENTRIES = 10


class EventBus:
    """Every bus of the account; `default` is there from the start."""

    def __init__(
        self, account: Account, clock: Clock, lambdas: InvokesFunctions, queues: SendsMessages
    ) -> None:
        self._account = account
        self._clock = clock
        self._lock = Lock()
        self._buses: dict[str, dict[str, Rule]] = {"default": {}}
        self._policies: dict[str, dict[str, Any]] = {}
        self._tags: dict[str, dict[str, str]] = {}
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="deliver")
        self._timers = Timers("events")
        self._deliverer = Deliverer(
            clock, lambdas, queues, self, pool=self._pool, timers=self._timers
        )
        self._actions: Mapping[str, Callable[[Request], Request]] = {
            "PutEvents": self._put_events,
            "PutRule": self._put_rule,
            "DeleteRule": self._delete_rule,
            "DescribeRule": lambda request: self._rule(request).described(),
            "ListRules": self._list_rules,
            "EnableRule": lambda request: self._set_state(request, "ENABLED"),
            "DisableRule": lambda request: self._set_state(request, "DISABLED"),
            "PutTargets": self._put_targets,
            "RemoveTargets": self._remove_targets,
            "ListTargetsByRule": self._list_targets,
            "ListRuleNamesByTarget": self._list_rule_names,
            "CreateEventBus": self._create_bus,
            "DeleteEventBus": self._delete_bus,
            "DescribeEventBus": self._describe_bus,
            "UpdateEventBus": self._describe_bus,
            "ListEventBuses": self._list_buses,
            "PutPermission": self._put_permission,
            "RemovePermission": self._remove_permission,
            "TestEventPattern": self._test_pattern,
            "TagResource": self._tag,
            "UntagResource": self._untag,
            "ListTagsForResource": self._list_tags,
        }

    def handle(self, action: str, request: Request) -> Request:
        """Answer one API call; raises AwsError."""
        if action not in self._actions:
            raise AwsError("UnknownOperationException", f"events:{action} is not emulated", 501)
        return self._actions[action](request)

    def start(self) -> None:
        self._timers.start()

    def stop(self) -> None:
        self._timers.stop()
        self._pool.shutdown(wait=False, cancel_futures=True)

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
        event = self._event(source, detail_type, dict(detail), list(resources), time)
        self.pass_on(bus, event)
        return str(event["id"])

    def pass_on(self, bus: str, event: Event) -> None:
        """Match an event against a bus's rules and deliver it."""
        with self._lock:
            rules = [rule for rule in self._buses.get(bus, {}).values() if rule.matches(event)]
        for rule in rules:
            self._wake(rule, event)

    def _wake(self, rule: Rule, event: Event) -> None:
        for target in list(rule.targets.values()):
            self._deliverer.deliver(
                Delivery(target, event, rule.name, rule.arn, born=time.monotonic())
            )

    def _event(
        self,
        source: str,
        detail_type: str,
        detail: Mapping[str, Any],
        resources: list[str],
        at: datetime | None,
    ) -> Event:
        moment = (at or self._clock.now()).astimezone(UTC)
        return {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": detail_type,
            "source": source,
            "account": self._account.id,
            "time": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": self._account.region,
            "resources": resources,
            "detail": detail,
        }

    # -- events -----------------------------------------------------------------------------

    def _put_events(self, request: Request) -> Request:
        entries = request.get("Entries", [])
        if not 1 <= len(entries) <= _MOST_ENTRIES:
            raise AwsError(
                "ValidationException",
                f"1 validation error detected: Value at 'entries' failed to satisfy constraint:"
                f" Member must have length between 1 and {_MOST_ENTRIES}",
            )
        answers = [self._put_entry(entry) for entry in entries]
        failed = sum("ErrorCode" in answer for answer in answers)
        return {"FailedEntryCount": failed, "Entries": answers}

    def _put_entry(self, entry: Mapping[str, Any]) -> dict[str, str]:
        try:
            detail = _checked_detail(entry)
        except AwsError as error:
            return {"ErrorCode": error.code, "ErrorMessage": error.message}
        bus = str(entry.get("EventBusName", "default")).rsplit("/", 1)[-1]
        event = self._event(
            entry["Source"],
            entry["DetailType"],
            detail,
            list(entry.get("Resources", [])),
            entry.get("Time"),
        )
        self.pass_on(bus, event)
        return {"EventId": str(event["id"])}

    def _test_pattern(self, request: Request) -> Request:
        try:
            event = json.loads(request["Event"])
        except ValueError as error:
            raise AwsError("ValidationException", "Parameter Event is not valid.") from error
        return {"Result": parse_pattern(request["EventPattern"]).matches(event)}

    # -- rules ------------------------------------------------------------------------------

    def _put_rule(self, request: Request) -> Request:
        bus, name = _bus_name(request), str(request["Name"])
        path = name if bus == "default" else f"{bus}/{name}"
        arn = self._account.arn("events", f"rule/{path}")
        with self._lock:
            rules = self._rules(bus)
            rule = rule_from(request, arn=arn, bus=bus, before=rules.get(name))
            rules[name] = rule
        if request.get("Tags"):
            self._tag({"ResourceARN": arn, "Tags": request["Tags"]})
        self._arm(rule)
        return {"RuleArn": arn}

    def _arm(self, rule: Rule) -> None:
        """Set the timer of a rule's next firing; a rate shrinks with the time scale."""
        if rule.schedule is None:
            return
        every = expressions.rate(rule.schedule)
        if every is not None:
            wait = self._clock.scaled(every.total_seconds())
        else:
            now = self._clock.now()
            due = expressions.next_cron(rule.schedule, now)
            if due is None:
                return
            wait = (due - now).total_seconds()
        generation = rule.generation
        self._timers.after(wait, lambda: self._fire(rule, generation))

    def _fire(self, rule: Rule, generation: int) -> None:
        with self._lock:
            current = self._buses["default"].get(rule.name)
        if current is not rule or rule.generation != generation:
            return
        if rule.enabled:
            self._wake(rule, self._event("aws.events", "Scheduled Event", {}, [rule.arn], None))
        self._arm(rule)

    def _delete_rule(self, request: Request) -> Request:
        with self._lock:
            rules = self._rules(_bus_name(request))
            rule = rules.get(str(request["Name"]))
            if rule is not None and rule.targets:
                raise AwsError("ValidationException", "Rule can't be deleted since it has targets.")
            rules.pop(str(request["Name"]), None)
        return {}

    def _list_rules(self, request: Request) -> Request:
        prefix = request.get("NamePrefix", "")
        with self._lock:
            rules = list(self._rules(_bus_name(request)).values())
        return {"Rules": [rule.described() for rule in rules if rule.name.startswith(prefix)]}

    def _set_state(self, request: Request, state: str) -> Request:
        self._rule(request).state = state
        return {}

    def _put_targets(self, request: Request) -> Request:
        rule = self._rule({**request, "Name": request["Rule"]})
        rule.put_targets(request["Targets"])
        return {"FailedEntryCount": 0, "FailedEntries": []}

    def _remove_targets(self, request: Request) -> Request:
        rule = self._rule({**request, "Name": request["Rule"]})
        rule.targets = {k: v for k, v in rule.targets.items() if k not in request["Ids"]}
        return {"FailedEntryCount": 0, "FailedEntries": []}

    def _list_targets(self, request: Request) -> Request:
        rule = self._rule({**request, "Name": request["Rule"]})
        return {"Targets": list(rule.targets.values())}

    def _list_rule_names(self, request: Request) -> Request:
        with self._lock:
            rules = list(self._rules(_bus_name(request)).values())
        arn = request["TargetArn"]
        named = [r.name for r in rules if any(t["Arn"] == arn for t in r.targets.values())]
        return {"RuleNames": named}

    def _rule(self, request: Request) -> Rule:
        bus, name = _bus_name(request), str(request["Name"])
        with self._lock:
            rule = self._rules(bus).get(name)
        if rule is None:
            raise AwsError(
                "ResourceNotFoundException",
                f"Rule {name} does not exist on EventBus {bus}.",
            )
        return rule

    def _rules(self, bus: str) -> dict[str, Rule]:
        if bus not in self._buses:
            raise AwsError("ResourceNotFoundException", f"Event bus {bus} does not exist.")
        return self._buses[bus]

    # -- buses ------------------------------------------------------------------------------

    def _create_bus(self, request: Request) -> Request:
        name = str(request["Name"])
        with self._lock:
            if name in self._buses:
                raise AwsError(
                    "ResourceAlreadyExistsException", f"Event bus {name} already exists."
                )
            self._buses[name] = {}
        arn = self._bus_arn(name)
        self._tag({"ResourceARN": arn, "Tags": request.get("Tags", [])})
        return {"EventBusArn": arn}

    def _delete_bus(self, request: Request) -> Request:
        name = str(request["Name"])
        if name == "default":
            raise AwsError("ValidationException", "Cannot delete event bus default.")
        with self._lock:
            if self._buses.get(name):
                raise AwsError("ValidationException", f"Event bus {name} has rules.")
            self._buses.pop(name, None)
        return {}

    def _describe_bus(self, request: Request) -> Request:
        name = str(request.get("Name", "default")).rsplit("/", 1)[-1]
        with self._lock:
            self._rules(name)
        told: Request = {"Name": name, "Arn": self._bus_arn(name)}
        if name in self._policies:
            statements = list(self._policies[name].values())
            told["Policy"] = json.dumps({"Version": "2012-10-17", "Statement": statements})
        return told

    def _list_buses(self, request: Request) -> Request:
        prefix = request.get("NamePrefix", "")
        with self._lock:
            names = [name for name in self._buses if name.startswith(prefix)]
        return {"EventBuses": [{"Name": n, "Arn": self._bus_arn(n)} for n in names]}

    def _put_permission(self, request: Request) -> Request:
        bus = str(request.get("EventBusName", "default"))
        if "Policy" in request:
            statements = json.loads(request["Policy"])["Statement"]
            self._policies[bus] = {s.get("Sid", str(i)): s for i, s in enumerate(statements)}
        else:
            sid = str(request["StatementId"])
            self._policies.setdefault(bus, {})[sid] = {
                "Sid": sid,
                "Effect": "Allow",
                "Principal": request["Principal"],
                "Action": request["Action"],
                "Resource": self._bus_arn(bus),
            }
        return {}

    def _remove_permission(self, request: Request) -> Request:
        bus = str(request.get("EventBusName", "default"))
        if request.get("RemoveAllPermissions"):
            self._policies.pop(bus, None)
        else:
            self._policies.get(bus, {}).pop(str(request.get("StatementId")), None)
        return {}

    def _bus_arn(self, name: str) -> str:
        return self._account.arn("events", f"event-bus/{name}")

    # -- tags -------------------------------------------------------------------------------

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


def _bus_name(request: Request) -> str:
    return str(request.get("EventBusName", "default")).rsplit("/", 1)[-1]


def _checked_detail(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """The parsed detail of a PutEvents entry; raises AwsError with AWS's codes."""
    for key in ("Source", "DetailType", "Detail"):
        if not entry.get(key):
            raise AwsError(
                "InvalidArgument",
                f"Parameter {key} is not valid. Reason: {key} is a required argument.",
            )
    if str(entry["Source"]).startswith("aws."):
        raise AwsError("NotAuthorizedForSourceException", "Not authorized for the source.")
    if sum(len(str(value).encode()) for value in entry.values()) > _LARGEST_ENTRY:
        raise AwsError("EntrySizeExceeded", "Total size of the entry exceeded the limit")
    try:
        detail = json.loads(entry["Detail"])
    except ValueError as error:
        raise AwsError("MalformedDetail", "Detail is malformed.") from error
    if not isinstance(detail, dict):
        raise AwsError("MalformedDetail", "Detail is malformed.")
    return detail
