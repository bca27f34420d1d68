"""Types and values in the words of a page instead of those of Python."""

import types
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from events import foreign, words
from functions import sections

_NAMED: tuple[tuple[object, str], ...] = (
    (words.ModelName, "model name"),
    (words.DropId, "drop id"),
    (words.RunId, "run id"),
    (words.Digest, "SHA-256"),
    (words.S3Uri, "S3 URI"),
    (words.Traceparent, "W3C traceparent"),
    (foreign.Moment, "time"),
    (foreign.Status, "status"),
    (sections.Seconds, "duration"),
    (sections.Pause, "duration"),
    (sections.Share, "share 0 … 1"),
    (sections.Dollars, "USD"),
)
_PLAIN: dict[object, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    Any: "anything",
    Ellipsis: "…",
}


def annotation(owner: type[BaseModel], name: str) -> object:
    """A field's type as it was written, with what pydantic takes off it."""
    for base in owner.__mro__:
        if name in base.__annotations__:
            return base.__annotations__[name]
    raise KeyError(name)


def kind(written: object) -> str:
    """A type in words."""
    for known, said in _NAMED:
        if written == known:
            return said
    if written in _PLAIN:
        return _PLAIN[written]
    if isinstance(written, type) and get_origin(written) is None:
        return _class(written)
    return _generic(get_origin(written), get_args(written))


def _class(written: type) -> str:
    if issubclass(written, BaseModel):
        fields = (f"`{field.alias or name}`" for name, field in written.model_fields.items())
        return f"object of {', '.join(fields)}"
    return "reason code" if issubclass(written, StrEnum) else written.__name__


def _generic(origin: object, inner: tuple[Any, ...]) -> str:
    if origin is Annotated:
        return kind(inner[0])
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in inner)
    if origin in {Union, types.UnionType}:
        return " or ".join(kind(one) for one in inner if one is not types.NoneType)
    if origin is dict:
        return f"table of {kind(inner[1])}"
    if origin is tuple and inner[-1] is Ellipsis:
        return f"list of {kind(inner[0])}"
    return f"[{', '.join(kind(one) for one in inner)}]"


def bounds(field: FieldInfo) -> str:
    """What a number or a list is held to, in short; empty when nothing is asked."""
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<", "min_length": "length ≥"}
    said = [
        f"{sign} {getattr(rule, name):g}"
        for rule in field.metadata
        for name, sign in signs.items()
        if getattr(rule, name, None) is not None
    ]
    return ", ".join(said)


def cell(text: str) -> str:
    """Text that may stand in a table."""
    return text.replace("|", "\\|")


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    """A Markdown table, line by line."""
    lines = [head, tuple("---" for _ in head), *rows]
    return [f"| {' | '.join(cell(one) for one in line)} |" for line in lines]
