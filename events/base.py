"""What every event of ours has in common: a strict frozen body, a pattern and a parser."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from events.words import Reason, Traceparent

SOURCE = "sluice"
Pattern = dict[str, Any]
"""An EventBridge event pattern."""


class EventError(ValueError):
    """An event that does not say what its kind must say; the message names event and field."""

    def __init__(self, said: str) -> None:
        super().__init__(f"{Reason.BAD_EVENT}: {said}")


def narrowed(pattern: Pattern, detail: Mapping[str, Any]) -> Pattern:
    """`pattern` with `detail` merged into its own detail; the same key again is narrowed."""
    return _merged(pattern, {"detail": dict(detail)}) if detail else pattern


def _merged(left: Mapping[str, Any], right: Mapping[str, Any]) -> dict[str, Any]:
    both = dict(left)
    for key, value in right.items():
        mine = both.get(key)
        both[key] = _merged(mine, value) if isinstance(mine, dict) else value
    return both


def complaint(event: str, error: ValidationError) -> str:
    """One line for a person out of pydantic's many: where it hurts first, and how."""
    first = error.errors(include_url=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "detail"
    return f"{event}: {where}: {first['msg']} ({error.error_count()} fault(s))"


class Event(BaseModel):
    """Something that happened, told once and for all: strict, frozen, versioned."""

    model_config = ConfigDict(defer_build=True, frozen=True, strict=True, extra="forbid")

    publisher: ClassVar[str]
    """The function (or person's tool) that says it."""

    schema_version: Literal[1] = 1
    traceparent: Traceparent | None = None
    """Where in the trace this was said; filled in by the bus on publishing."""

    @classmethod
    def detail_type(cls) -> str:
        """The event's name on the bus."""
        return cls.__name__

    @classmethod
    def pattern(cls, detail: Mapping[str, Any] | None = None) -> Pattern:
        """The EventBridge pattern that matches this event and nothing else."""
        whole: Pattern = {"source": [SOURCE], "detail-type": [cls.detail_type()]}
        return narrowed(whole, detail or {})

    @classmethod
    def from_bus(cls, raw: Mapping[str, Any]) -> Self:
        """Parse the EventBridge envelope `raw`; raises EventError."""
        try:
            return cls.model_validate_json(json.dumps(raw.get("detail")))
        except RecursionError as error:
            raise EventError(f"{cls.detail_type()}: detail: nested too deep") from error
        except ValidationError as error:
            raise EventError(complaint(cls.detail_type(), error)) from error

    def detail(self) -> str:
        """The JSON that goes into the envelope's detail."""
        return self.model_dump_json(exclude_none=True)
