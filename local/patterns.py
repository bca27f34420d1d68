"""EventBridge event patterns: AWS's documented matching rules, compiled once per rule."""

import ipaddress
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local.errors import AwsError

Test = Callable[[Any], bool]
"""Whether one leaf value of an event satisfies one alternative of a pattern."""

_ABSENT = object()
_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "=": lambda a, b: a == b,
}


@dataclass(frozen=True)
class Pattern:
    """A compiled pattern."""

    _node: Callable[[Any], bool]

    def matches(self, event: Mapping[str, Any]) -> bool:
        """Whether the whole pattern holds for `event`; keys the pattern lacks do not matter."""
        return self._node(event)


def compile_pattern(pattern: Mapping[str, Any]) -> Pattern:
    """Compile; raises AwsError InvalidEventPatternException naming the place."""
    if not isinstance(pattern, Mapping) or not pattern:
        raise _invalid("the pattern", "must be a JSON object with at least one field")
    return Pattern(_object(pattern, "$"))


def parse_pattern(text: str) -> Pattern:
    """Compile the JSON text of a pattern."""
    try:
        return compile_pattern(json.loads(text))
    except ValueError as error:
        raise _invalid("the pattern", f"is not valid JSON: {error}") from error


def _object(pattern: Mapping[str, Any], where: str) -> Test:
    if not pattern:
        raise _invalid(where, "is empty")
    fields = [
        _either(value, where)
        if key == "$or" and _alternatives(value)
        else _field(key, value, where)
        for key, value in pattern.items()
    ]
    return lambda event: isinstance(event, Mapping) and all(holds(event) for holds in fields)


def _alternatives(value: Any) -> bool:
    """`$or` is an operator when it holds two or more objects, else a field called so."""
    return isinstance(value, list) and len(value) > 1 and all(isinstance(v, dict) for v in value)


def _either(alternatives: Sequence[Mapping[str, Any]], where: str) -> Test:
    nodes = [_object(each, f"{where}.$or") for each in alternatives]
    return lambda event: any(node(event) for node in nodes)


def _field(key: str, value: Any, where: str) -> Test:
    place = f"{where}.{key}"
    match value:
        case dict():
            inner = _object(value, place)
            return lambda event: any(inner(each) for each in _each(event.get(key, {})))
        case list() if value:
            tests = [_alternative(each, place) for each in value]
            return lambda event: _leaf(event.get(key, _ABSENT), tests)
        case _:
            raise _invalid(place, "must be an object or a non-empty array")


def _each(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else (value,)


def _leaf(value: Any, tests: Sequence[Test]) -> bool:
    """Arrays match when any element does; an empty one is as good as absent."""
    values = value if isinstance(value, list) and value else (value,)
    if isinstance(value, list) and not value:
        values = (_ABSENT,)
    return any(test(each) for test in tests for each in values)


def _alternative(value: Any, where: str) -> Test:
    match value:
        case dict() if len(value) == 1:
            ((operator, operand),) = value.items()
            return _operator(operator, operand, where)
        case dict():
            raise _invalid(where, "an operator object must have exactly one key")
        case list():
            raise _invalid(where, "arrays inside arrays are not allowed")
        case _:
            return _equals(value)


def _equals(wanted: Any) -> Test:
    if isinstance(wanted, bool) or wanted is None or isinstance(wanted, str):
        return lambda value: type(value) is type(wanted) and bool(value == wanted)
    return lambda value: _is_number(value) and bool(value == wanted)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _operator(name: str, operand: Any, where: str) -> Test:
    place = f"{where}.{name}"
    build = _OPERATORS.get(name)
    if build is None:
        raise _invalid(where, f"does not know the operator {name!r}")
    return build(operand, place)


def _affix(operand: Any, where: str, *, start: bool) -> Test:
    ignore_case = isinstance(operand, dict) and set(operand) == {"equals-ignore-case"}
    text = operand["equals-ignore-case"] if ignore_case else operand
    if not isinstance(text, str):
        raise _invalid(where, "must be a string or {equals-ignore-case: string}")
    wanted = text.casefold() if ignore_case else text

    def holds(value: Any) -> bool:
        if not isinstance(value, str):
            return False
        seen = value.casefold() if ignore_case else value
        return seen.startswith(wanted) if start else seen.endswith(wanted)

    return holds


def _ignore_case(operand: Any, where: str) -> Test:
    if not isinstance(operand, str):
        raise _invalid(where, "must be a string")
    wanted = operand.casefold()
    return lambda value: isinstance(value, str) and value.casefold() == wanted


def _exists(operand: Any, where: str) -> Test:
    if not isinstance(operand, bool):
        raise _invalid(where, "must be true or false")
    return lambda value: (value is not _ABSENT and not isinstance(value, dict)) is operand


def _numeric(operand: Any, where: str) -> Test:
    if not isinstance(operand, list) or len(operand) not in {2, 4}:
        raise _invalid(where, "must be [comparison, number] once or twice")
    pairs = [(operand[i], operand[i + 1]) for i in range(0, len(operand), 2)]
    for comparison, number in pairs:
        if comparison not in _COMPARE or not _is_number(number):
            raise _invalid(where, f"cannot compare by {comparison!r} {number!r}")
    return lambda value: _is_number(value) and all(_COMPARE[c](value, n) for c, n in pairs)


def _cidr(operand: Any, where: str) -> Test:
    try:
        network = ipaddress.ip_network(operand, strict=False)
    except ValueError as error:
        raise _invalid(where, str(error)) from error

    def holds(value: Any) -> bool:
        try:
            return ipaddress.ip_address(value) in network
        except ValueError:
            return False

    return holds


def _wildcard(operand: Any, where: str) -> Test:
    if not isinstance(operand, str) or "**" in operand:
        raise _invalid(where, "must be a string without consecutive '*'")
    parts = re.split(r"(\\[*\\]|\*)", operand)
    regex = "".join(
        ".*" if p == "*" else re.escape(re.sub(r"^\\([*\\])$", r"\1", p)) for p in parts
    )
    compiled = re.compile(regex, re.DOTALL)
    return lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None


def _anything_but(operand: Any, where: str) -> Test:
    tests = [_but(each, where) for each in (operand if isinstance(operand, list) else [operand])]
    if not tests:
        raise _invalid(where, "must not be empty")
    return lambda value: (
        value is not _ABSENT
        and not isinstance(value, dict)
        and not any(test(value) for test in tests)
    )


def _but(operand: Any, where: str) -> Test:
    if not isinstance(operand, dict):
        return _equals(operand)
    ((name, inner),) = operand.items() if len(operand) == 1 else (("", None),)
    if name not in {"prefix", "suffix", "equals-ignore-case", "wildcard"}:
        raise _invalid(where, f"cannot exclude by {name!r}")
    choices = [
        _operator(name, one, where) for one in (inner if isinstance(inner, list) else [inner])
    ]
    return lambda value: any(choice(value) for choice in choices)


_OPERATORS: Mapping[str, Callable[[Any, str], Test]] = {
    "prefix": lambda operand, where: _affix(operand, where, start=True),
    "suffix": lambda operand, where: _affix(operand, where, start=False),
    "equals-ignore-case": _ignore_case,
    "exists": _exists,
    "numeric": _numeric,
    "cidr": _cidr,
    "wildcard": _wildcard,
    "anything-but": _anything_but,
}


def _invalid(where: str, what: str) -> AwsError:
    return AwsError(
        "InvalidEventPatternException", f"Event pattern is not valid. Reason: {where} {what}"
    )
