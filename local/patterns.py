"""EventBridge event patterns: AWS's documented grammar, compiled once per rule."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local.comparisons import ABSENT, Test, comparison, equals, invalid
from local.errors import AwsError

LONGEST = 4096


@dataclass(frozen=True)
class Pattern:
    """A compiled pattern."""

    _node: Callable[[Any], bool]

    def matches(self, event: Mapping[str, Any]) -> bool:
        """Whether the whole pattern holds for `event`; keys the pattern lacks do not matter."""
        return self._node(event)


def compile_pattern(pattern: Mapping[str, Any]) -> Pattern:
    """Compile; raises AwsError InvalidEventPatternException with the reason."""
    if not isinstance(pattern, Mapping):
        raise invalid("Filter is not an object")
    return Pattern(_object(pattern))


def parse_pattern(text: str) -> Pattern:
    """Compile the JSON text of a pattern."""
    if len(text) > LONGEST:
        raise AwsError(
            "ValidationException",
            "1 validation error detected: Value at 'eventPattern' failed to satisfy constraint:"
            f" Member must have length less than or equal to {LONGEST}",
        )
    try:
        pattern = json.loads(text)
    except ValueError as error:
        raise invalid(f"Filter is not valid JSON: {error}") from error
    return compile_pattern(pattern)


def _object(pattern: Mapping[str, Any]) -> Test:
    if not pattern:
        raise invalid("Empty objects are not allowed")
    fields = [
        _either(value) if key == "$or" and _alternatives(value) else _field(key, value)
        for key, value in pattern.items()
    ]
    return lambda event: all(holds(event) for holds in fields)


def _alternatives(value: Any) -> bool:
    """`$or` is an operator when it holds two or more objects, else a field called so."""
    return isinstance(value, list) and len(value) > 1 and all(isinstance(v, dict) for v in value)


def _either(alternatives: Sequence[Mapping[str, Any]]) -> Test:
    nodes = [_object(each) for each in alternatives]
    return lambda event: any(node(event) for node in nodes)


def _field(key: str, value: Any) -> Test:
    match value:
        case dict():
            inner = _object(value)
            return lambda event: any(inner(each) for each in _elements(_member(event, key)))
        case list() if value:
            tests = [_alternative(each) for each in value]
            return lambda event: any(
                test(each) for test in tests for each in _elements(_member(event, key))
            )
        case list():
            raise invalid("Empty arrays are not allowed")
        case _:
            raise invalid(f'"{key}" must be an object or an array')


def _member(event: Any, key: str) -> Any:
    return event.get(key, ABSENT) if isinstance(event, Mapping) else ABSENT


def _elements(value: Any) -> Sequence[Any]:
    """The values that are compared: an array's, however deep; an empty one is as good as absent."""
    return (tuple(_leaves(value)) or (ABSENT,)) if isinstance(value, list) else (value,)


def _leaves(values: list[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, list):
            yield from _leaves(value)
        else:
            yield value


def _alternative(value: Any) -> Test:
    match value:
        case dict() if len(value) == 1:
            ((operator, operand),) = value.items()
            return comparison(operator, operand)
        case dict():
            raise invalid("Only one key allowed in match expression")
        case list():
            raise invalid("Match value must be String, number, true, false, or null")
        case _:
            return equals(value)
