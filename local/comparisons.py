"""The comparison operators of event patterns, each compiled into a test of one value."""

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Any

from local.errors import AwsError

Test = Callable[[Any], bool]
"""Whether one value of an event satisfies one alternative of a pattern."""

ABSENT = object()
MOST_WILDCARDS = 5
_LARGEST = 5e9
_ANYTHING_BUT = frozenset({"prefix", "suffix", "equals-ignore-case", "wildcard"})
_TOO_COMPLEX = (
    "Rule is too complex - try using fewer wildcard characters or fewer repeating character"
    " sequences after a wildcard character"
)
_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "=": lambda a, b: a == b,
}


def invalid(reason: str) -> AwsError:
    return AwsError("InvalidEventPatternException", f"Event pattern is not valid. Reason: {reason}")


def comparison(name: str, operand: Any) -> Test:
    """The test of an operator; raises AwsError InvalidEventPatternException."""
    build = _OPERATORS.get(name)
    if build is None:
        raise invalid(f"Unrecognized match type {name}")
    return build(operand)


def equals(wanted: Any) -> Test:
    if isinstance(wanted, bool) or wanted is None or isinstance(wanted, str):
        return lambda value: type(value) is type(wanted) and bool(value == wanted)
    return lambda value: _is_number(value) and bool(value == wanted)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _affix(name: str, operand: Any, *, start: bool) -> Test:
    ignore_case = isinstance(operand, dict) and set(operand) == {"equals-ignore-case"}
    text = operand["equals-ignore-case"] if ignore_case else operand
    if not isinstance(text, str):
        raise invalid(f"{name} match pattern must be a string")
    wanted = text.casefold() if ignore_case else text

    def holds(value: Any) -> bool:
        if not isinstance(value, str):
            return False
        seen = value.casefold() if ignore_case else value
        return seen.startswith(wanted) if start else seen.endswith(wanted)

    return holds


def _ignore_case(operand: Any) -> Test:
    if not isinstance(operand, str):
        raise invalid("equals-ignore-case match pattern must be a string")
    wanted = operand.casefold()
    return lambda value: isinstance(value, str) and value.casefold() == wanted


def _exists(operand: Any) -> Test:
    """Only of leaves: an object is neither there nor absent."""
    if not isinstance(operand, bool):
        raise invalid("exists match pattern must be either true or false.")
    return lambda value: (value is not ABSENT and not isinstance(value, dict)) is operand


def _numeric(operand: Any) -> Test:
    if not isinstance(operand, list):
        raise invalid("Value of numeric must be an array.")
    if not operand:
        raise invalid("Invalid member in numeric match: ]")
    pairs = [_bound(operand[:2])]
    if len(operand) > 2:
        pairs.append(_upper(pairs[0], operand))
    return lambda value: _is_number(value) and all(_COMPARE[c](value, n) for c, n in pairs)


def _bound(members: list[Any]) -> tuple[str, float]:
    operator = members[0]
    if not isinstance(operator, str):
        raise invalid(f"Invalid member in numeric match: {operator}")
    if operator not in _COMPARE:
        raise invalid(f"Unrecognized numeric range operator: {operator}")
    number: Any = members[1] if len(members) > 1 else None
    if not _is_number(number):
        raise invalid(f"Value of {'equals' if operator == '=' else operator} must be numeric")
    if abs(number) > _LARGEST:
        raise invalid(f"Value must be between {-_LARGEST} and {_LARGEST}, inclusive")
    return operator, float(number)


def _upper(lower: tuple[str, float], operand: list[Any]) -> tuple[str, float]:
    if lower[0] not in {">", ">="}:
        raise invalid("Too many elements in numeric expression")
    operator = operand[2]
    if not isinstance(operator, str):
        raise invalid(f"Bad value in numeric range: {operator}")
    if operator not in {"<", "<="}:
        raise invalid(f"Bad numeric range operator: {operator}")
    upper = _bound(operand[2:4])
    if upper[1] <= lower[1]:
        raise invalid("Bottom must be less than top")
    if len(operand) > 4:
        raise invalid("Too many terms in numeric range expression")
    return upper


def _cidr(operand: Any) -> Test:
    if not isinstance(operand, str):
        raise invalid("prefix match pattern must be a string")
    address, slash, bits = operand.partition("/")
    if not slash or "/" in bits:
        raise invalid("Malformed CIDR, one '/' required")
    if not bits.isdigit():
        raise invalid("Malformed CIDR, mask bits must be an integer")
    try:
        network = ipaddress.ip_network(operand, strict=False)
    except ValueError as error:
        raise invalid(f"Nonstandard IP address: {address}") from error
    return lambda value: _is_within(value, network)


def _is_within(value: Any, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    try:
        return isinstance(value, str) and ipaddress.ip_address(value) in network
    except ValueError:
        return False


def _wildcard(operand: Any) -> Test:
    """`*` is any run of characters, `\\*` a star and `\\\\` a backslash."""
    if not isinstance(operand, str):
        raise invalid("wildcard match pattern must be a string")
    parts = re.findall(r"\\.?|\*|[^\\*]+", operand, re.DOTALL)
    position = 0
    for part, following in zip(parts, [*parts[1:], ""], strict=True):
        if part == following == "*":
            raise invalid(f"Consecutive wildcard characters at pos {position}")
        if part[0] == "\\" and part not in {"\\*", "\\\\"}:
            raise invalid(f"Invalid escape character at pos {position}")
        position += len(part)
    if parts.count("*") > MOST_WILDCARDS:
        raise invalid(_TOO_COMPLEX)
    said = (".*" if p == "*" else re.escape(p[1:] if p[0] == "\\" else p) for p in parts)
    compiled = re.compile("".join(said), re.DOTALL)
    return lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None


def _anything_but(operand: Any) -> Test:
    tests = _excluded(operand) if isinstance(operand, dict) else _values(operand)
    return lambda value: (
        value is not ABSENT
        and not isinstance(value, dict)
        and not any(test(value) for test in tests)
    )


def _values(operand: Any) -> list[Test]:
    values = operand if isinstance(operand, list) else [operand]
    if not values:
        raise invalid("Empty arrays are not allowed")
    if not all(isinstance(v, str) for v in values) and not all(_is_number(v) for v in values):
        if isinstance(operand, list):
            raise invalid(
                "Inside anything but list, either all values are number or string,"
                " mixed type is not supported"
            )
        raise invalid("Value of anything-but must be an array or single string/number value.")
    return [equals(value) for value in values]


def _excluded(operand: dict[str, Any]) -> list[Test]:
    if len(operand) != 1:
        raise invalid("Only one key allowed in match expression")
    ((name, inner),) = operand.items()
    if name not in _ANYTHING_BUT:
        raise invalid(f"Unsupported anything-but pattern: {name}")
    choices = inner if isinstance(inner, list) else [inner]
    if any(not isinstance(each, str) for each in choices) or not choices:
        kind = "prefix/suffix" if name in {"prefix", "suffix"} else name
        raise invalid(f"{kind} match pattern must be a string")
    if name in {"prefix", "suffix"} and "" in choices:
        raise invalid("Null prefix/suffix not allowed")
    return [comparison(name, each) for each in choices]


_OPERATORS: Mapping[str, Callable[[Any], Test]] = {
    "prefix": lambda operand: _affix("prefix", operand, start=True),
    "suffix": lambda operand: _affix("suffix", operand, start=False),
    "equals-ignore-case": _ignore_case,
    "exists": _exists,
    "numeric": _numeric,
    "cidr": _cidr,
    "wildcard": _wildcard,
    "anything-but": _anything_but,
}
