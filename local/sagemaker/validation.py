"""Requests held to SageMaker's service model, as botocore ships it."""

import re
from functools import cache
from typing import Any

import botocore.session
from botocore.model import ListShape, ServiceModel, Shape, StructureShape
from botocore.validate import ParamValidator

from local.errors import AwsError


@cache
def model() -> ServiceModel:
    """SageMaker's service model."""
    return botocore.session.get_session().get_service_model("sagemaker")


def validated(action: str, request: dict[str, Any]) -> None:
    """Raise ValidationException for what SageMaker would refuse by its model alone."""
    shape = model().operation_model(action).input_shape
    if shape is None:
        return
    report = ParamValidator().validate(request, shape)
    if report.has_errors():
        raise AwsError(
            "ValidationException", f"1 validation error detected: {report.generate_report()}"
        )
    faults = _faults(shape, request, "")
    if faults:
        raise AwsError(
            "ValidationException",
            f"{len(faults)} validation error(s) detected: {'; '.join(faults[:5])}",
        )


def _faults(shape: Shape, value: Any, where: str) -> list[str]:
    match shape:
        case StructureShape():
            members = shape.members
            return [
                fault
                for name, inner in value.items()
                if name in members
                for fault in _faults(members[name], inner, _below(where, name))
            ]
        case ListShape():
            return [
                fault
                for i, inner in enumerate(value, 1)
                for fault in _faults(shape.member, inner, f"{where}.{i}.member")
            ]
        case _:
            return _string_faults(shape, value, where) if shape.type_name == "string" else []


def _string_faults(shape: Shape, value: str, where: str) -> list[str]:
    allowed = shape.metadata.get("enum")
    if allowed and value not in allowed:
        return [
            f"Value '{value}' at '{where}' failed to satisfy constraint:"
            f" Member must satisfy enum value set: [{', '.join(sorted(allowed))}]"
        ]
    longest = shape.metadata.get("max")
    if longest is not None and len(value) > longest:
        return [
            f"Value at '{where}' failed to satisfy constraint:"
            f" Member must have length less than or equal to {longest}"
        ]
    pattern = _compiled(shape.metadata.get("pattern"))
    if pattern is not None and not pattern.fullmatch(value):
        return [
            f"Value '{value}' at '{where}' failed to satisfy constraint:"
            f" Member must satisfy regular expression pattern: {shape.metadata['pattern']}"
        ]
    return []


@cache
def _compiled(pattern: str | None) -> re.Pattern[str] | None:
    """The pattern, unless it speaks a dialect Python does not know."""
    if pattern is None or "\\p{" in pattern:
        return None
    try:
        return re.compile(pattern, re.DOTALL)
    except re.error:
        return None


def _below(where: str, name: str) -> str:
    lowered = name[0].lower() + name[1:]
    return f"{where}.{lowered}" if where else lowered
