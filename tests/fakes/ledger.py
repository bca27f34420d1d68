"""The ledger in memory: records as they come back from JSON, written on the revision read."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TypeVar

from functions.aws.ledger import Ledger, Log, StaleRecordError, Unreadable
from functions.evidence import Entry, Evidence
from functions.ledger import Record, next_revisions
from functions.witness import present
from tests.fakes.calls import Calls

R = TypeVar("R", bound=Record)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class FakeLedger(Ledger):
    """Records by kind and key."""

    def __init__(self, calls: Calls | None = None) -> None:
        self.calls = calls or Calls()
        self.rows: dict[tuple[str, str], Record] = {}
        self.broken: dict[tuple[str, str], str] = {}
        """Why the record of a kind and key cannot be read."""
        self.put_offs: dict[tuple[str, str], datetime] = {}
        """When an item is looked at instead of when its record says."""
        self.notes: list[Entry] = []
        self.writes = 0

    def get(self, record: type[R], key: str) -> R | None:
        with self.calls.one("ledger.get"):
            row = self.rows.get((record.kind, key))
            return row if isinstance(row, record) else None

    def write(self, *records: R, notes: tuple[Evidence, ...] = ()) -> tuple[R, ...]:
        with self.calls.one("ledger.write"):
            for record in records:
                if self._revision(record) != record.revision:
                    raise StaleRecordError(f"{record.kind} {record.key}")
            after, entries = next_revisions(records, notes, present())
            for record in after:
                self._keep(record)
            self.notes += entries
            self.writes += 1
            return after

    def said(self, record: Record) -> None:
        with self.calls.one("ledger.said"):
            if self._revision(record) == record.revision:
                self._keep(record.model_copy(update={"outbox": ()}))

    def overdue(self, now: datetime, *, limit: int) -> tuple[Record | Unreadable, ...]:
        with self.calls.one("ledger.overdue"):
            open_ = [(self._due(record), record) for record in self.records()]
            due = sorted(
                ((at, record) for at, record in open_ if at is not None and at <= now),
                key=lambda pair: pair[0],
            )
            return tuple(self._read(record) for _, record in due[:limit])

    def put_off(self, kind: str, key: str, *, until: datetime) -> None:
        with self.calls.one("ledger.put_off"):
            if (kind, key) in self.rows and self._due(self.rows[(kind, key)]) is not None:
                self.put_offs[(kind, key)] = until

    def all(self, record: type[R]) -> tuple[R, ...]:
        return tuple(r for r in self.records() if isinstance(r, record))

    def history(self, kind: str, key: str) -> tuple[Entry, ...]:
        return tuple(note for note in self.notes if (note.kind, note.key) == (kind, key))

    def logs(self) -> Iterator[Log]:
        for record in self.records():
            lines = [entry.model_dump_json() for entry in self.history(record.kind, record.key)]
            yield Log(record.kind, record.key, self._read(record), lines)

    def records(self) -> list[Record]:
        """Every record there is."""
        return list(self.rows.values())

    def _revision(self, record: Record) -> int:
        row = self.rows.get((record.kind, record.key))
        return row.revision if row else 0

    def _keep(self, record: Record) -> None:
        back = type(record).model_validate_json(record.model_dump_json())
        self.rows[(record.kind, record.key)] = back
        self.put_offs.pop((record.kind, record.key), None)

    def _read(self, record: Record) -> Record | Unreadable:
        why = self.broken.get((record.kind, record.key))
        return record if why is None else Unreadable(record.kind, record.key, why)

    def _due(self, record: Record) -> datetime | None:
        due = _EPOCH if record.outbox else record.due_at
        return self.put_offs.get((record.kind, record.key), due)
