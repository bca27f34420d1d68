"""Requests held to the constraints of a service's model: required members, lengths, patterns."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import botocore.session
from botocore.model import Shape

from local.errors import AwsError


def check(service: str, action: str, request: Mapping[str, Any], *, code: str) -> None:
    """Raise `code`, with the text that AWS's services give, for what the model does not allow."""
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
    match shape.type_name:
        case "structure":
            yield from _structure(shape, value, where)
        case "list":
            yield from _sized(shape, value, where, "length")
            for i, inner in enumerate(value, 1):
                yield from _faults(shape.member, inner, f"{where}.{i}.member")
        case "map":
            for key, inner in value.items():
                yield from _faults(shape.value, inner, _below(where, key))
        case "string":
            yield from _text(shape, value, where)
        case "integer" | "long" | "float" | "double":
            yield from _sized(shape, value, where, "value")
        case _:
            return


def _structure(shape: Any, value: Mapping[str, Any], where: str) -> Iterator[str]:
    for name in shape.required_members:
        if value.get(name) is None:
            missing = f"Value null at '{_below(where, name)}' failed to satisfy constraint"
            yield f"{missing}: Member must not be null"
    for name, inner in value.items():
        if name in shape.members and inner is not None:
            yield from _faults(shape.members[name], inner, _below(where, name))


def _text(shape: Any, value: str, where: str) -> Iterator[str]:
    allowed: Sequence[str] | None = shape.metadata.get("enum")
    if allowed and value not in allowed:
        wanted = f"Member must satisfy enum value set: [{', '.join(allowed)}]"
        yield f"Value '{value}' at '{where}' failed to satisfy constraint: {wanted}"
    yield from _sized(shape, value, where, "length")
    pattern = _compiled(shape.metadata.get("pattern"))
    if pattern is not None and not pattern.fullmatch(value):
        wanted = f"Member must satisfy regular expression pattern: {shape.metadata['pattern']}"
        yield f"Value '{value}' at '{where}' failed to satisfy constraint: {wanted}"


def _sized(shape: Shape, value: Any, where: str, what: str) -> Iterator[str]:
    size = float(value) if what == "value" else len(value)
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and size < least:
        wanted = f"Member must have {what} greater than or equal to {least}"
        yield f"Value '{_shown(value)}' at '{where}' failed to satisfy constraint: {wanted}"
    if most is not None and size > most:
        wanted = f"Member must have {what} less than or equal to {most}"
        yield f"Value '{_shown(value)}' at '{where}' failed to satisfy constraint: {wanted}"


def _shown(value: Any) -> str:
    text = f"[{', '.join(map(str, value))}]" if isinstance(value, list) else str(value)
    return text if len(text) <= 1000 else f"{text[:1000]}..."


@cache
def _compiled(pattern: str | None) -> re.Pattern[str] | None:
    """The pattern, unless it speaks a dialect Python does not know."""
    try:
        return re.compile(pattern, re.DOTALL) if pattern else None
    except re.error:
        return None


def _below(where: str, name: str) -> str:
    lowered = name[:1].lower() + name[1:]
    return f"{where}.{lowered}" if where else lowered
