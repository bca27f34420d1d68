"""Ledger and bus as one: what is written is also said, even when a sandbox dies in between."""

from typing import Protocol, TypeVar

from events.base import Event
from functions.evidence import Evidence
from functions.ledger import Record
from functions.tracing import child_of

R = TypeVar("R", bound=Record)


class KeepsRecords(Protocol):
    """What the book needs of a ledger."""

    def get(self, record: type[R], key: str) -> R | None: ...

    def write(self, *records: R, notes: tuple[Evidence, ...] = ()) -> tuple[R, ...]: ...

    def said(self, record: Record) -> None: ...


class Publishes(Protocol):
    """What the book needs of a bus."""

    def publish(self, *events: Event) -> None: ...


class Book:
    """Records and the events that belong to them (a transactional outbox).

    The events lie in the record until they are on the bus. A crash in between leaves them there,
    and whoever writes the record next (at the latest the sweep) says them: at least once.
    """

    def __init__(self, ledger: KeepsRecords, bus: Publishes) -> None:
        self._ledger = ledger
        self._bus = bus

    def get(self, record: type[R], key: str) -> R | None:
        """The record as of now, or None."""
        return self._ledger.get(record, key)

    def commit(self, *records: R, notes: tuple[Evidence, ...] = ()) -> tuple[R, ...]:
        """Write all with their evidence or none, publish; the records as they are now.

        Raises StaleRecordError when one was written since it was read, PublishError.
        """
        written = self._ledger.write(*records, notes=notes)
        for record in written:
            if record.outbox:
                self._bus.publish(*(_traced(saying.event()) for saying in record.outbox))
                self._ledger.said(record)
        return tuple(record.model_copy(update={"outbox": ()}) for record in written)

    def ask(self, record: Record, event: Event) -> None:
        """Say an event about a record that stays as it is; who is asked may find nothing to do."""
        self._bus.publish(_traced(event.model_copy(update={"traceparent": record.traceparent})))


def _traced(event: Event) -> Event:
    """The event in a span of its own, below what it was said by; without that in a new trace."""
    return event.model_copy(update={"traceparent": child_of(event.traceparent)})
