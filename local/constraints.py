"""Requests held to the constraints of a service's model: required members, lengths, patterns."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import botocore.session

from local.character_classes import in_pythons_dialect
from local.errors import AwsError

_JSON = {"structure": dict, "map": dict, "list": list, "string": str, "boolean": bool}
_NUMBERS = {"integer": "an Integer", "long": "a Long", "float": "a Float", "double": "a Double"}


def check(service: str, action: str, request: Mapping[str, Any], *, code: str) -> None:
    """Raise `code`, with the text that AWS's services give, for what the model does not allow.

    A value of another JSON type is a SerializationException, whatever else is wrong.
    """
    shape = _input(service, action)
    faults = [] if shape is None else list(_faults(shape, request, ""))
    if faults:
        detected = "1 validation error" if len(faults) == 1 else f"{len(faults)} validation errors"
        raise AwsError(code, f"{detected} detected: {'; '.join(faults)}")


@cache
def _input(service: str, action: str) -> Any:
    model = botocore.session.get_session().get_service_model(service)
    return model.operation_model(action).input_shape


def _faults(shape: Any, value: Any, where: str) -> Iterator[str]:
    _check_type(shape, value)
    match shape.type_name:
        case "structure":
            yield from _structure(shape, value, where)
        case "list":
            yield from _told(value, where, _sized(shape, len(value), "length"))
            for i, inner in enumerate(value, 1):
                yield from _faults(shape.member, inner, f"{where}.{i}.member")
        case "map":
            yield from _map(shape, value, where)
        case "string" | "integer" | "long" | "float" | "double":
            yield from _told(value, where, _broken(shape, value))
        case _:
            return


def _check_type(shape: Any, value: Any) -> None:
    kind = shape.type_name
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind in _NUMBERS and not number:
        raise _unconvertible(value, _NUMBERS[kind])
    if kind in _JSON and not isinstance(value, _JSON[kind]):
        raise _unconvertible(value, f"a {kind.capitalize()}")


def _unconvertible(value: Any, to: str) -> AwsError:
    found = {str: "STRING_VALUE", bool: f"{str(value).upper()}_VALUE"}.get(type(value))
    if isinstance(value, dict | list):
        text = "Start of structure or map found where not expected."
        return AwsError("SerializationException", text)
    text = f"{found or 'NUMBER_VALUE'} can not be converted to {to}"
    return AwsError("SerializationException", text)


def _structure(shape: Any, value: Mapping[str, Any], where: str) -> Iterator[str]:
    for name in shape.required_members:
        if value.get(name) is None:
            missing = f"Value null at '{_below(where, name)}' failed to satisfy constraint"
            yield f"{missing}: Member must not be null"
    for name, inner in value.items():
        if name in shape.members and inner is not None:
            yield from _faults(shape.members[name], inner, _below(where, name))


def _map(shape: Any, value: Mapping[str, Any], where: str) -> Iterator[str]:
    """Keys and plain values are told once for the whole map, with all that holds for them."""
    yield from _told(value, where, _sized(shape, len(value), "length"))
    if any(list(_broken(shape.key, key)) for key in value):
        yield from _told(value, where, [f"Map keys must satisfy constraint: {_all(shape.key)}"])
    if shape.value.type_name in ("structure", "list", "map"):
        for key, inner in value.items():
            yield from _faults(shape.value, inner, f"{where}.{key}.member")
        return
    for inner in value.values():
        _check_type(shape.value, inner)
    if any(list(_broken(shape.value, inner)) for inner in value.values()):
        yield from _told(value, where, [f"Map value must satisfy constraint: {_all(shape.value)}"])


def _told(value: Any, where: str, broken: Iterator[str] | Sequence[str]) -> Iterator[str]:
    for constraint in broken:
        yield f"Value '{_shown(value)}' at '{where}' failed to satisfy constraint: {constraint}"


def _broken(shape: Any, value: Any) -> Iterator[str]:
    """The constraints that a text or a number does not satisfy."""
    if shape.type_name != "string":
        yield from _sized(shape, value, "value")
        return
    allowed: Sequence[str] | None = shape.metadata.get("enum")
    if allowed and value not in allowed:
        yield _one_of(allowed)
    yield from _sized(shape, len(value), "length")
    pattern = _compiled(shape.metadata.get("pattern"))
    if pattern is not None and not pattern.fullmatch(value):
        yield _like(shape.metadata["pattern"])


def _sized(shape: Any, size: float, what: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and size < least:
        yield _at_least(what, least)
    if most is not None and size > most:
        yield _at_most(what, most)


def _all(shape: Any) -> str:
    """Every constraint of a shape, as a map's fault lists them."""
    known = shape.metadata
    what = "length" if shape.type_name == "string" else "value"
    told = [_at_most(what, known["max"])] if "max" in known else []
    told += [_at_least(what, known["min"])] if "min" in known else []
    told += [_one_of(known["enum"])] if "enum" in known else []
    told += [_like(known["pattern"])] if "pattern" in known else []
    return f"[{', '.join(told)}]"


def _at_least(what: str, least: float) -> str:
    return f"Member must have {what} greater than or equal to {least}"


def _at_most(what: str, most: float) -> str:
    return f"Member must have {what} less than or equal to {most}"


def _one_of(allowed: Sequence[str]) -> str:
    return f"Member must satisfy enum value set: [{', '.join(allowed)}]"


def _like(pattern: str) -> str:
    return f"Member must satisfy regular expression pattern: {pattern}"


def _shown(value: Any) -> str:
    match value:
        case list():
            text = f"[{', '.join(map(str, value))}]"
        case dict():
            text = f"{{{', '.join(f'{key}={inner}' for key, inner in value.items())}}}"
        case _:
            text = str(value)
    return text if len(text) <= 1000 else f"{text[:1000]}..."


@cache
def _compiled(pattern: str | None) -> re.Pattern[str] | None:
    """The pattern, unless it speaks a dialect Python does not know."""
    try:
        return re.compile(in_pythons_dialect(pattern), re.DOTALL) if pattern else None
    except re.error:
        return None


def _below(where: str, name: str) -> str:
    lowered = name[:1].lower() + name[1:]
    return f"{where}.{lowered}" if where else lowered
