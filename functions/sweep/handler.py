"""Woken by the clock: finds whatever is overdue and asks for it again."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache

from events.base import EventError
from events.foreign import ScheduleFired
from functions.aws.book import Book
from functions.aws.ledger import Ledger, StaleRecordError, Unreadable
from functions.aws.world import World
from functions.ledger import RETRY_AFTER, LedgerError, Record
from functions.sweep.decide import looked_at
from functions.sweep.settings import SweepSettings
from functions.turn import Told, lambda_handler


class SweepError(RuntimeError):
    """Records that cannot be asked for again; the others of the pass were."""


@dataclass(frozen=True)
class Swept:
    """What one pass asked for, by the kind and key of each record."""

    asked: tuple[str, ...]


@dataclass(frozen=True)
class Sweep:
    """The function with its adapters."""

    ledger: Ledger
    book: Book
    batch: int

    def __call__(self, _seen: ScheduleFired, now: datetime) -> Told:
        broken: list[str] = []
        asked: list[str] = []
        for record in self.ledger.overdue(now, limit=self.batch):
            if isinstance(record, Unreadable):
                self.ledger.put_off(record.kind, record.key, until=now + RETRY_AFTER)
                broken.append(f"{record.kind} {record.key}: {record.why}")
                continue
            try:
                asked.append(self._ask(record, now))
            except (EventError, LedgerError, KeyError) as error:
                broken.append(f"{record.kind} {record.key}: {error}")
        if broken:
            raise SweepError(f"{len(broken)} record(s) need a person: {'; '.join(broken)}")
        return Told(Swept(tuple(asked)))

    def _ask(self, record: Record, now: datetime) -> str:
        """Ask again for one record, later if it moves meanwhile."""
        after = looked_at(record, now)
        said = ", ".join(saying.name for saying in after.outbox) or "nothing to ask"
        try:
            self.book.commit(after)
        except StaleRecordError:
            said = "moved by itself"
        return f"{record.kind} {record.key}: {said}"


@cache
def made() -> Sweep:
    """The function as its environment sets it up."""
    settings = SweepSettings.from_environment()
    world = World(settings)
    return Sweep(ledger=world.ledger, book=world.book, batch=settings.batch)


handle = lambda_handler("sweep", made)
