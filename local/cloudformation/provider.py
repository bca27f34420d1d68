"""What every resource type offers: create, update, delete."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from local.clock import Clock
from local.cloud import Account
from local.cloudformation.errors import found, validation
from local.cloudformation.template import Made

Properties = Mapping[str, Any]
Handle = Callable[[str, dict[str, Any]], dict[str, Any]]
MADE_NAME_SUFFIX = 12


@dataclass(frozen=True)
class Surroundings:
    """What the resource types may use: our services by name, moto's through boto3 clients."""

    account: Account
    clock: Clock
    services: Mapping[str, Handle]

    def call(self, service: str, action: str, /, **request: Any) -> dict[str, Any]:
        """One API call; members that are None are left out."""
        given = {name: value for name, value in request.items() if value is not None}
        return self.services[service](action, given)


@dataclass(frozen=True)
class Ask:
    """One resource of one stack, with its properties resolved."""

    stack_name: str
    stack_id: str
    logical_id: str
    properties: Properties
    token: str = ""
    """What ends a made-up name: the same again when an interrupted creation is repeated."""
    names: list[str] = field(default_factory=list, compare=False)
    """Given or made up: under these an interrupted creation has left something."""

    def get(self, name: str, default: Any = None) -> Any:
        return self.properties.get(name, default)

    def need(self, name: str) -> Any:
        if name not in self.properties:
            raise validation(f"{self.logical_id} lacks the required property {name}")
        return self.properties[name]

    def own_name(self, property_name: str) -> str:
        """The physical name that has to be given."""
        self.names.append(str(self.need(property_name)))
        return self.names[-1]

    def pick(self, *names: str) -> dict[str, Any]:
        return {name: self.properties[name] for name in names if name in self.properties}

    def name(self, property_name: str, *, most: int = 64, lower: bool = False) -> str:
        """The given physical name, or one made of stack, logical id and a random end."""
        if property_name and property_name in self.properties:
            self.names.append(str(self.properties[property_name]))
            return self.names[-1]
        ending = self.token
        stem = re.sub(r"[^A-Za-z0-9-]", "-", f"{self.stack_name}-{self.logical_id}")
        made = f"{stem[: most - MADE_NAME_SUFFIX - 1].rstrip('-')}-{ending}"
        told = made.lower() if lower else made
        self.names.append(told)
        return told


class Provider:
    """A resource type. `immutable` names the properties whose change means replacement."""

    immutable: frozenset[str] = frozenset()
    named_by: str = ""
    """The property by which a template may give its name."""

    def __init__(self, around: Surroundings) -> None:
        self.around = around

    def create(self, ask: Ask) -> Made:
        raise NotImplementedError

    def taken(self, ask: Ask) -> bool:
        """Whether something stands already under the name that the template gives."""
        own = ask.get(self.named_by)
        return own is not None and found(lambda: self.look(ask, str(own)))

    def look(self, ask: Ask, name: str) -> object:
        """What stands under this name; nothing, or an error that says so, if nothing does."""
        return None

    def leftover(self, name: str) -> Made:
        """What an interrupted creation under this name has left."""
        return Made(name)

    def update(self, ask: Ask, before: Properties, made: Made) -> Made:
        """Bring an existing resource from its old properties to those of `ask`."""
        raise NotImplementedError

    def delete(self, ask: Ask, made: Made) -> None:
        """Called once; a resource that is already gone is fine."""
        raise NotImplementedError


def tag_map(tags: Any) -> dict[str, str]:
    """CloudFormation's tags, a list of Key and Value or a map, as a map."""
    if isinstance(tags, Mapping):
        return {str(key): str(value) for key, value in tags.items()}
    return {str(each["Key"]): str(each["Value"]) for each in tags or []}


def tag_list(tags: Any) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tag_map(tags).items()]


def as_text(value: Any) -> str:
    """A value where the API wants a string: documents as JSON, booleans in small letters."""
    if isinstance(value, dict | list):
        return json.dumps(value)
    return str(value).lower() if isinstance(value, bool) else str(value)
