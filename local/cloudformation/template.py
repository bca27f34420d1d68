"""A template as a value, and what its intrinsic functions mean."""

import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from local.cloudformation.errors import validation
from local.cloudformation.template_yaml import load_yaml

_NO_VALUE = object()
_SUBSTITUTION = re.compile(r"\$\{([^}]*)\}")
_AZ_LETTERS = "abc"


@dataclass(frozen=True)
class Template:
    """The sections of a template that mean something here."""

    body: str
    resources: Mapping[str, dict[str, Any]]
    parameters: Mapping[str, dict[str, Any]]
    mappings: Mapping[str, Any]
    conditions: Mapping[str, Any]
    outputs: Mapping[str, dict[str, Any]]
    description: str = ""
    rules: Mapping[str, Any] = field(default_factory=dict)

    @staticmethod
    def parse(body: str) -> "Template":
        raw = _parsed(body)
        if not isinstance(raw, dict) or not raw.get("Resources"):
            raise validation("Template format error: At least one Resources member must be defined")
        return Template(
            body=body,
            resources=raw["Resources"],
            parameters=raw.get("Parameters") or {},
            mappings=raw.get("Mappings") or {},
            conditions=raw.get("Conditions") or {},
            outputs=raw.get("Outputs") or {},
            description=str(raw.get("Description") or ""),
            rules=raw.get("Rules") or {},
        )


def _parsed(body: str) -> Any:
    try:
        return json.loads(body) if body.lstrip().startswith("{") else load_yaml(body)
    except ValueError as error:
        raise validation(f"Template format error: {error}") from error


@dataclass(frozen=True)
class Made:
    """A resource that exists: what `Ref` and `Fn::GetAtt` answer."""

    physical_id: str
    attributes: Mapping[str, Any] = field(default_factory=dict)
    ref: str = ""

    @property
    def reference(self) -> str:
        return self.ref or self.physical_id


class Scope:
    """Resolves a template's values; resources come in as they are made."""

    def __init__(
        self,
        template: Template,
        parameters: Mapping[str, Any],
        pseudo: Mapping[str, Any],
        exports: Callable[[str], str],
        referenced: Callable[[str, Mapping[str, Any]], str] = lambda text, _: text,
    ) -> None:
        self.template = template
        self.made: dict[str, Made] = {}
        self.imported: set[str] = set()
        self._names = {**pseudo, **parameters}
        self._exports = exports
        self._referenced = referenced
        self._functions: dict[str, Callable[[Any], Any]] = {
            "Ref": self._ref,
            "Fn::GetAtt": self._get_att,
            "Fn::Sub": self._sub,
            "Fn::Join": lambda a: str(a[0]).join(_text(each) for each in self.resolve(a[1])),
            "Fn::If": self._if,
            "Fn::Select": lambda a: self.resolve(a[1])[int(self.resolve(a[0]))],
            "Fn::Split": lambda a: str(self.resolve(a[1])).split(a[0]),
            "Fn::ImportValue": self._import,
            "Fn::FindInMap": self._find_in_map,
            "Fn::Base64": lambda a: base64.b64encode(str(self.resolve(a)).encode()).decode(),
            "Fn::GetAZs": lambda _: [f"{self._names['AWS::Region']}{z}" for z in _AZ_LETTERS],
            "Fn::ToJsonString": lambda a: json.dumps(self.resolve(a)),
            "Fn::Length": lambda a: len(self.resolve(a)),
            "Fn::Equals": lambda a: self.resolve(a[0]) == self.resolve(a[1]),
            "Fn::Not": lambda a: not self._condition(a[0]),
            "Fn::And": lambda a: all(self._condition(each) for each in a),
            "Fn::Or": lambda a: any(self._condition(each) for each in a),
            "Condition": lambda a: self.holds(str(a)),
        }

    def resolve(self, node: Any) -> Any:
        """The value with every function applied; `AWS::NoValue` members are gone."""
        if isinstance(node, list):
            items = [self.resolve(each) for each in node]
            return [each for each in items if each is not _NO_VALUE]
        if not isinstance(node, dict):
            return self._dereferenced(node)
        if len(node) == 1:
            name, argument = next(iter(node.items()))
            function = self._functions.get(name)
            if function is not None and not (name == "Condition" and isinstance(argument, dict)):
                return self._dereferenced(function(argument))
        members = {key: self.resolve(value) for key, value in node.items()}
        return {key: value for key, value in members.items() if value is not _NO_VALUE}

    def _dereferenced(self, value: Any) -> Any:
        """Dynamic references in it, given or put together, replaced."""
        return self._referenced(value, self._names) if isinstance(value, str) else value

    def holds(self, condition: str) -> bool:
        """Whether a named condition is true."""
        if condition not in self.template.conditions:
            raise validation(f"Template format error: Unresolved condition {condition!r}")
        return self._condition(self.template.conditions[condition])

    def _condition(self, node: Any) -> bool:
        if isinstance(node, dict) and set(node) == {"Condition"}:
            return self.holds(str(node["Condition"]))
        return bool(self.resolve(node))

    def _ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return _NO_VALUE
        if name in self._names:
            return self._names[name]
        return self._resource(name).reference

    def _import(self, argument: Any) -> str:
        name = str(self.resolve(argument))
        self.imported.add(name)
        return self._exports(name)

    def _resource(self, name: str) -> Made:
        made = self.made.get(name)
        if made is None:
            raise validation(
                f"Template error: {name!r} is no parameter and no resource made so far"
            )
        return made

    def _get_att(self, argument: Any) -> Any:
        name, _, attribute = (
            argument.partition(".")
            if isinstance(argument, str)
            else (argument[0], "", str(self.resolve(argument[1])))
        )
        made = self._resource(name)
        if attribute not in made.attributes:
            known = ", ".join(sorted(made.attributes)) or "none"
            message = f"Template error: {name} has no attribute {attribute} (known: {known})"
            raise validation(message)
        return made.attributes[attribute]

    def _sub(self, argument: Any) -> str:
        text, given = (argument, {}) if isinstance(argument, str) else argument
        values = {name: self.resolve(value) for name, value in given.items()}

        def replacement(match: re.Match[str]) -> str:
            name = match.group(1).strip()
            if name.startswith("!"):
                return f"${{{name[1:]}}}"
            if name in values:
                return _text(values[name])
            return _text(self._get_att(name) if "." in name else self._ref(name))

        return _SUBSTITUTION.sub(replacement, text)

    def _if(self, argument: list[Any]) -> Any:
        return self.resolve(argument[1] if self.holds(str(argument[0])) else argument[2])

    def _find_in_map(self, argument: list[Any]) -> Any:
        first, second = str(self.resolve(argument[1])), str(self.resolve(argument[2]))
        try:
            return self.template.mappings[self.resolve(argument[0])][first][second]
        except KeyError as error:
            message = f"Template error: Unable to get mapping for {argument[0]}::{first}::{second}"
            raise validation(message) from error


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def references(node: Any) -> Iterator[str]:
    """Every name that a resource's definition refers to, resources and others alike."""
    if isinstance(node, list):
        for each in node:
            yield from references(each)
    elif isinstance(node, dict):
        for key, value in node.items():
            yield from _references_of(key, value)


def _references_of(key: str, value: Any) -> Iterator[str]:
    if key == "Ref":
        yield str(value)
    elif key == "Fn::GetAtt":
        yield value.partition(".")[0] if isinstance(value, str) else str(value[0])
    elif key == "DependsOn":
        yield from [value] if isinstance(value, str) else value
    elif key == "Fn::Sub":
        text = value if isinstance(value, str) else value[0]
        yield from (m.group(1).strip().partition(".")[0] for m in _SUBSTITUTION.finditer(text))
        yield from references([] if isinstance(value, str) else value[1])
    else:
        yield from references(value)


@cache
def pseudo_names() -> frozenset[str]:
    names = ("AccountId", "NoValue", "NotificationARNs", "Partition", "Region", "StackId")
    return frozenset(f"AWS::{name}" for name in (*names, "StackName", "URLSuffix"))
