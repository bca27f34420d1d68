"""The page of events: what each says, who says it and whom it wakes."""

import json
import types
from typing import get_args

from docs.source import notes, summary
from docs.speech import listeners, speakers
from docs.words import annotation, kind, table
from events import base, catalog, foreign
from events.base import Event
from events.catalog import CATALOG
from events.foreign import FOREIGN, Foreign
from functions.routes import ROUTES

_HEAD = """\
# Events

What can happen, and whom it wakes. The classes stand in `events/catalog.py` and
`events/foreign.py`; who listens stands in `functions/routes.py`.

Sluice's own events lie on the stage's bus (`sluice-<stage>`) with source `sluice` and the class's
name as detail-type. They are strict: a field too many, too few or of another type is refused.
AWS's events are read tolerantly: unknown fields and values pass, in any casing.
"""


def event_page() -> str:
    """docs/events.md."""
    said_by = speakers()
    own = [_own(event, said_by[name]) for name, event in CATALOG.items()]
    others = [_other(event) for event in FOREIGN]
    parts = [_HEAD, "## Every event of ours carries\n", _fields(Event), "## Of ours\n", *own]
    return "\n".join([*parts, "## Of AWS\n", *others]).rstrip() + "\n"


def _own(event: type[Event], said_by: list[str]) -> str:
    return "\n".join(
        [
            f"### {event.detail_type()}\n",
            f"{summary(event)}\n",
            f"Said by {_code(said_by)}; wakes {_code(listeners(event)) or 'nobody: for people'}.\n",
            _fields(event),
        ]
    )


def _other(event: type[Foreign]) -> str:
    wakes = _code(listeners(event)) or "nobody yet"
    return "\n".join(
        [
            f"### {event.__name__}\n",
            f"{summary(event)}\n",
            f"Wakes {wakes}.\n",
            *_patterns(event),
            _fields(event),
        ]
    )


def _patterns(event: type[Foreign]) -> list[str]:
    """The pattern of each rule, or of the event where no rule is."""
    routed = [route.pattern({}) for route in ROUTES if route.on is event]
    return [f"```json\n{json.dumps(pattern)}\n```\n" for pattern in routed or [event.pattern()]]


def _fields(event: type[Event] | type[Foreign]) -> str:
    """The fields of its own; those every event has are told once."""
    shared = set(Event.model_fields) if event is not Event and issubclass(event, Event) else set()
    said = notes(base) | notes(catalog) | notes(foreign)
    rows = [
        (
            f"`{field.alias or name}`",
            _kind(annotation(event, name), required=field.is_required()),
            said.get((event.__name__, name), ""),
        )
        for name, field in event.model_fields.items()
        if name not in shared
    ]
    return "\n".join([*table(("field", "type", "notes"), rows), ""]) if rows else ""


def _kind(written: object, *, required: bool) -> str:
    if not required:
        return f"{kind(written)}, optional"
    return f"{kind(written)} or null" if types.NoneType in get_args(written) else kind(written)


def _code(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
