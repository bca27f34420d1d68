"""A template's `Rules`: what its parameters have to be, before anything is made."""

from collections.abc import Callable, Mapping
from typing import Any

from local.cloudformation.errors import validation
from local.cloudformation.template import Template


def check_rules(template: Template, names: Mapping[str, Any]) -> None:
    """Refuse values that a rule's assertion does not hold for; `names` are what `Ref` knows."""
    rules = _Rules(template, names)
    for name, rule in template.rules.items():
        if not isinstance(rule, Mapping) or not rule.get("Assertions"):
            raise _wrong(f"rule {name} has no Assertions")
        if "RuleCondition" in rule and not rules.holds(rule["RuleCondition"]):
            continue
        for assertion in rule["Assertions"]:
            if not rules.holds(assertion.get("Assert")):
                told = assertion.get("AssertDescription")
                raise validation(str(told or f"Template validation error: rule {name} failed"))


class _Rules:
    def __init__(self, template: Template, names: Mapping[str, Any]) -> None:
        self._template = template
        self._names = names
        self._functions: dict[str, Callable[[Any], Any]] = {
            "Ref": self._ref,
            "Fn::And": lambda a: all(self.holds(each) for each in a),
            "Fn::Contains": lambda a: self._value(a[1]) in self._value(a[0]),
            "Fn::EachMemberEquals": self._each_equals,
            "Fn::EachMemberIn": self._each_in,
            "Fn::Equals": lambda a: self._value(a[0]) == self._value(a[1]),
            "Fn::Not": lambda a: not self.holds(a[0]),
            "Fn::Or": lambda a: any(self.holds(each) for each in a),
            "Fn::RefAll": self._all_of_type,
        }

    def holds(self, node: Any) -> bool:
        value = self._value(node)
        if not isinstance(value, bool):
            raise _wrong(f"{node!r} is neither true nor false")
        return value

    def _value(self, node: Any) -> Any:
        if isinstance(node, list):
            return [self._value(each) for each in node]
        if isinstance(node, Mapping):
            return self._result(node)
        return node if isinstance(node, bool) else str(node)

    def _result(self, node: Mapping[str, Any]) -> Any:
        name, argument = next(iter(node.items()), ("", None))
        function = self._functions.get(name)
        if function is None or len(node) != 1:
            raise _wrong(f"{name} cannot be used in a rule (here: {', '.join(self._functions)})")
        try:
            return function(argument)
        except (IndexError, TypeError, KeyError) as error:
            raise _wrong(f"{name} does not take {argument!r}") from error

    def _ref(self, name: str) -> Any:
        if name not in self._names:
            raise _wrong(f"{name!r} is no parameter")
        return self._value(self._names[name])

    def _each_equals(self, argument: list[Any]) -> bool:
        wanted = self._value(argument[1])
        return all(each == wanted for each in self._value(argument[0]))

    def _each_in(self, argument: list[Any]) -> bool:
        allowed = self._value(argument[1])
        return all(each in allowed for each in self._value(argument[0]))

    def _all_of_type(self, kind: str) -> list[Any]:
        named = self._template.parameters.items()
        return [self._ref(name) for name, each in named if each.get("Type") == kind]


def _wrong(message: str) -> Exception:
    return validation(f"Template format error: Rules: {message}")
