"""Whether identity policies allow an action: explicit deny, then allow, else an implicit deny."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

Document = Mapping[str, Any]
Context = Mapping[str, Sequence[str]]
_KINDS: Mapping[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda seen, wanted: seen == wanted,
    "StringEqualsIgnoreCase": lambda seen, wanted: seen.lower() == wanted.lower(),
    "StringLike": lambda seen, wanted: _like(wanted, seen),
    "ArnEquals": lambda seen, wanted: _like(wanted, seen),
    "ArnLike": lambda seen, wanted: _like(wanted, seen),
    "Bool": lambda seen, wanted: seen.lower() == wanted.lower(),
    "NumericEquals": lambda seen, wanted: float(seen) == float(wanted),
    "NumericLessThan": lambda seen, wanted: float(seen) < float(wanted),
    "NumericLessThanEquals": lambda seen, wanted: float(seen) <= float(wanted),
    "NumericGreaterThan": lambda seen, wanted: float(seen) > float(wanted),
    "NumericGreaterThanEquals": lambda seen, wanted: float(seen) >= float(wanted),
}


def decision(documents: Iterable[Document], action: str, resource: str, context: Context) -> str:
    """`allowed`, `explicitDeny` or `implicitDeny`. The context's keys are in small letters."""
    effects = {
        str(statement["Effect"])
        for document in documents
        for statement in _many(document.get("Statement"))
        if _applies(statement, action, resource, context)
    }
    if "Deny" in effects:
        return "explicitDeny"
    return "allowed" if "Allow" in effects else "implicitDeny"


def _applies(statement: Document, action: str, resource: str, context: Context) -> bool:
    return (
        _named(statement, "Action", action.lower(), str.lower)
        and _named(statement, "Resource", resource, str)
        and all(
            _holds(operator, key, _many(wanted), context)
            for operator, keys in (statement.get("Condition") or {}).items()
            for key, wanted in keys.items()
        )
    )


def _named(statement: Document, member: str, value: str, case: Callable[[str], str]) -> bool:
    refused = f"Not{member}"
    patterns = _many(statement.get(refused, statement.get(member)))
    matched = any(_like(case(str(each)), value) for each in patterns)
    return matched != (refused in statement)


def _holds(operator: str, key: str, wanted: list[Any], context: Context) -> bool:
    """One key of a condition; an operator that is not known never holds."""
    seen = context.get(key.lower(), ())
    if operator == "Null":
        return (str(wanted[0]).lower() == "true") == (not seen)
    if operator.endswith("IfExists") and not seen:
        return True
    kind = operator.removesuffix("IfExists").rpartition(":")[2]
    positive = kind.replace("Not", "", 1)
    if positive not in _KINDS:
        return False
    matched = any(_KINDS[positive](one, str(each)) for one in seen for each in wanted)
    return matched != (positive != kind)


def _many(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]


def _like(pattern: str, value: str) -> bool:
    return _expression(pattern).fullmatch(value) is not None


@cache
def _expression(pattern: str) -> re.Pattern[str]:
    """`*` is any text, `?` any character."""
    words = {"*": ".*", "?": "."}
    return re.compile("".join(words.get(c, re.escape(c)) for c in pattern), re.DOTALL)
