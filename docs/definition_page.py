"""The page of `model.toml`: every section and key, its type, its default and its bounds."""

import sys

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from docs.source import notes, summary
from docs.words import annotation, bounds, kind, table
from functions.definition import Definition

_HEAD = """\
# model.toml

What a user writes beside `model.py`, in `models/<name>/`. Every key is checked; an unknown one is
refused with the nearest known name. Durations are written `"250ms"`, `"90s"`, `"10m"`, `"2h"` or
`"1d"`; a bare number is seconds. A model's name is its folder's: at most 24 of `a-z`, `0-9` and
`-`, starting with a letter.

The smallest that works:

```toml
[data]
features = ["pixel_*"]
classes = 10
```
"""


def definition_page() -> str:
    """docs/model-toml.md."""
    sections = [part for one in _sections(Definition) for part in _section(one)]
    return "\n".join([_HEAD, *sections]).rstrip() + "\n"


def _sections(section: type[BaseModel]) -> list[type[BaseModel]]:
    """The tables below one, in the order they are written."""
    inner = [field.annotation for field in section.model_fields.values()]
    found = [one for one in inner if isinstance(one, type) and issubclass(one, BaseModel)]
    if section is Definition and len(found) != len(inner):
        raise TypeError("functions/definition.py: a field of Definition is no section")
    return found


def _section(section: type[BaseModel]) -> list[str]:
    """A section and those below it."""
    name, _, purpose = summary(section).partition(": ")
    below = _sections(section)
    keys = {k: f for k, f in section.model_fields.items() if f.annotation not in below}
    rows = [_key(section, key, field) for key, field in keys.items()]
    lines = table(("key", "type", "default", "notes"), rows)
    text = "\n".join([f"## {name}\n", f"{purpose[:1].upper()}{purpose[1:]}\n", *lines, ""])
    return [text, *(part for one in below for part in _section(one))]


def _key(section: type[BaseModel], key: str, field: FieldInfo) -> tuple[str, ...]:
    written = annotation(section, key)
    said = notes(sys.modules[section.__module__]).get((section.__name__, key), "")
    limits = bounds(field) if not _named(kind(written)) else ""
    return (
        f"`{key}`",
        ", ".join(part for part in (kind(written), limits) if part),
        "required"
        if field.is_required()
        else f"`{_toml(field.get_default(call_default_factory=True), kind(written))}`",
        said,
    )


def _named(said: str) -> bool:
    """Whether the type's name tells its bounds already."""
    return said.startswith(("duration", "share"))


def _toml(value: object, said: str) -> str:
    """A value as it is written in TOML."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return f'"{value}"'
        case None:
            return "none"
        case tuple() | list():
            return f"[{', '.join(_toml(one, '') for one in value)}]"
        case dict():
            return "{}" if not value else str(value)
        case float() | int() if said == "duration":
            return f'"{_duration(float(value))}"'
        case _:
            return f"{value:g}" if isinstance(value, float) else str(value)


def _duration(seconds: float) -> str:
    if not seconds:
        return "0s"
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds * 1000:g}ms"
