"""What faults do to events and to the machines of jobs."""

from collections.abc import Sequence
from typing import Any

from local.faults.book import Book, Subject
from local.faults.kinds import Fault

Event = dict[str, Any]
_SHAPING = ("duplicate", "delay", "reorder")


class EventFaults:
    """Between whoever sends an event and the rules that match it."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def events(self, event: Event) -> Sequence[tuple[float, Event]]:
        if not self._book.armed(frozenset({*_SHAPING, "lose"})):
            return ((0.0, event),)
        subject = _subject(event)
        if self._book.strikes("lose", subject):
            return ()
        waits = [0.0]
        for kind in _SHAPING:
            for fault in self._book.strikes(kind, subject):
                waits = _shaped(fault, waits)
        return [(wait, event) for wait in waits]


class JobFaults:
    """Asked by jobs while they wait for machines and run, by deployments that go back."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def capacity(self, job: str, instance_type: str) -> bool:
        subject = {"name": (job,), "instance-type": (instance_type,)}
        return not self._book.strikes("no-capacity", subject)

    def interrupt(self, job: str) -> bool:
        return bool(self._book.strikes("interrupt", {"name": (job,)}))

    def breaks(self, job: str) -> bool:
        return bool(self._book.strikes("kill-job", {"name": (job,)}))

    def strands(self, endpoint: str) -> bool:
        return bool(self._book.strikes("fail-rollback", {"name": (endpoint,)}))


def _subject(event: Event) -> Subject:
    """An event's names are its id, its resources and the texts at the top of its detail."""
    detail = event.get("detail") or {}
    texts = [value for value in detail.values() if isinstance(value, str)]
    return {
        "source": (str(event["source"]),),
        "detail-type": (str(event["detail-type"]),),
        "name": (str(event["id"]), *map(str, event.get("resources") or ()), *texts),
    }


def _shaped(fault: Fault, waits: list[float]) -> list[float]:
    match fault.kind:
        case "duplicate":
            return waits * int(fault["copies"])
        case "delay":
            return [wait + fault["seconds"] for wait in waits]
        case _:
            return [wait + fault.random.uniform(0, fault["seconds"]) for wait in waits]
