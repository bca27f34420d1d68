"""Who says each event and whom it wakes."""

from docs.source import makers_of
from events import foreign
from events.base import Event
from events.catalog import CATALOG
from functions.routes import FUNCTIONS, ROUTES, SCHEDULES


def speakers() -> dict[str, list[str]]:
    """The publisher each event of ours names first, then every other function that makes one."""
    made = makers_of(frozenset(CATALOG))
    said_by = {}
    for name, event in CATALOG.items():
        others = {path.split("/")[1] for path in made.get(name, [])} & set(FUNCTIONS)
        said_by[name] = [event.publisher, *sorted(others - {event.publisher})]
    return said_by


def listeners(event: type[Event] | type[foreign.Foreign]) -> list[str]:
    """The functions an event wakes."""
    routed = [route.to for route in ROUTES if route.on is event]
    timed = [every.to for every in SCHEDULES if event is foreign.ScheduleFired]
    return routed + timed
