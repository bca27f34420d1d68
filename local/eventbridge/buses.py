"""Event buses and who may put events on them; `default` is there from the start."""

import json
from collections.abc import Callable
from typing import Any

from local.clock import Clock
from local.cloud import Account
from local.errors import AwsError
from local.event_tags import Tags
from local.pages import named, page

Request = dict[str, Any]
DEFAULT = "default"
_SETTINGS = ("Description", "KmsKeyIdentifier", "DeadLetterConfig", "LogConfig")


def bus_name(name_or_arn: Any) -> str:
    return str(name_or_arn or DEFAULT).rpartition("event-bus/")[2]


class Buses:
    """Every change is kept before it is answered."""

    def __init__(
        self, account: Account, clock: Clock, tags: Tags, in_use: Callable[[str], bool]
    ) -> None:
        self._account = account
        self._clock = clock
        self._tags = tags
        self._in_use = in_use
        self._lock = account.store.lock
        self._shelf = account.store.shelf("events.buses")
        self._buses: dict[str, Request] = {DEFAULT: {}} | self._shelf.all()
        self.operations = {
            "CreateEventBus": self._create,
            "DeleteEventBus": self._delete,
            "DescribeEventBus": self._describe,
            "UpdateEventBus": self._update,
            "ListEventBuses": self._list,
            "PutPermission": self._put_permission,
            "RemovePermission": self._remove_permission,
        }

    def find(self, name: str) -> Request:
        """What is kept of a bus; raises AwsError when there is none."""
        with self._lock:
            if name not in self._buses:
                message = f"Event bus {name} does not exist."
                raise AwsError("ResourceNotFoundException", message)
            return self._buses[name]

    def has(self, arn: str) -> bool:
        with self._lock:
            return bus_name(arn) in self._buses and arn == self.arn(bus_name(arn))

    def arn(self, name: str) -> str:
        return self._account.arn("events", f"event-bus/{name}")

    def _keep(self, name: str, bus: Request) -> None:
        with self._lock:
            bus["LastModifiedTime"] = self._clock.now()
            self._shelf.put(name, bus)
            self._buses[name] = bus

    def _create(self, request: Request) -> Request:
        name = str(request["Name"])
        if "/" in name and "EventSourceName" not in request:
            raise AwsError("ValidationException", "Event bus name must not contain '/'.")
        settings = {key: request[key] for key in _SETTINGS if request.get(key)}
        with self._lock:
            if name in self._buses:
                message = f"Event bus {name} already exists."
                raise AwsError("ResourceAlreadyExistsException", message)
            self._keep(name, {**settings, "CreationTime": self._clock.now()})
            self._tags.put(self.arn(name), request.get("Tags") or [])
        return {"EventBusArn": self.arn(name), **settings}

    def _delete(self, request: Request) -> Request:
        name = bus_name(request["Name"])
        if name == DEFAULT:
            raise AwsError("ValidationException", f"Cannot delete event bus {DEFAULT}.")
        with self._lock:
            if self._in_use(name):
                message = "Event bus can't be deleted since it has rules."
                raise AwsError("ValidationException", message)
            self._shelf.drop(name)
            self._tags.forget(self.arn(name))
            self._buses.pop(name, None)
        return {}

    def _describe(self, request: Request) -> Request:
        return self._told(bus_name(request.get("Name")))

    def _told(self, name: str) -> Request:
        bus = dict(self.find(name))
        statements = list(bus.pop("Statements", {}).values())
        if statements:
            bus["Policy"] = json.dumps({"Version": "2012-10-17", "Statement": statements})
        return {"Name": name, "Arn": self.arn(name), **bus}

    def _update(self, request: Request) -> Request:
        name = bus_name(request.get("Name"))
        changes = {key: request[key] for key in _SETTINGS if key in request}
        self._keep(name, {**self.find(name), **changes})
        return {"Arn": self.arn(name), "Name": name, **changes}

    def _list(self, request: Request) -> Request:
        wanted = named(request.get("NamePrefix"))
        with self._lock:
            names = sorted(name for name in self._buses if wanted(name))
        keys = ("Name", "Arn", "Description", "Policy", "CreationTime", "LastModifiedTime")
        told = [{k: v for k, v in self._told(name).items() if k in keys} for name in names]
        return page("EventBuses", told, request)

    def _put_permission(self, request: Request) -> Request:
        name = bus_name(request.get("EventBusName"))
        bus = self.find(name)
        if request.get("Policy"):
            statements = _statements(str(request["Policy"]))
        else:
            one = self._statement(name, request)
            statements = {**bus.get("Statements", {}), one["Sid"]: one}
        self._keep(name, {**bus, "Statements": statements})
        return {}

    def _statement(self, name: str, request: Request) -> Request:
        for parameter in ("StatementId", "Action", "Principal"):
            if not request.get(parameter):
                message = f"Parameter {parameter} must be specified."
                raise AwsError("ValidationException", message)
        principal = str(request["Principal"])
        statement: Request = {
            "Sid": str(request["StatementId"]),
            "Effect": "Allow",
            "Principal": "*" if principal == "*" else {"AWS": f"arn:aws:iam::{principal}:root"},
            "Action": request["Action"],
            "Resource": self.arn(name),
        }
        condition = request.get("Condition")
        if condition:
            statement["Condition"] = {condition["Type"]: {condition["Key"]: condition["Value"]}}
        return statement

    def _remove_permission(self, request: Request) -> Request:
        name = bus_name(request.get("EventBusName"))
        bus = self.find(name)
        statements = dict(bus.get("Statements", {}))
        if request.get("RemoveAllPermissions"):
            statements = {}
        elif statements.pop(str(request.get("StatementId")), None) is None:
            what = "Statement with the provided id does not exist."
            what = what if bus.get("Statements") else "EventBus does not have a policy."
            raise AwsError("ResourceNotFoundException", what)
        self._keep(name, {**bus, "Statements": statements})
        return {}


def _statements(policy: str) -> dict[str, Request]:
    try:
        found = json.loads(policy)["Statement"]
    except (ValueError, KeyError, TypeError) as error:
        raise AwsError("ValidationException", "Policy is not valid.") from error
    listed = found if isinstance(found, list) else [found]
    return {str(each.get("Sid", number)): each for number, each in enumerate(listed)}
