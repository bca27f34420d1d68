"""Woken by the clock: finds whatever is overdue and asks for it again."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache

from events.foreign import ScheduleFired
from functions.aws.book import Book
from functions.aws.ledger import Ledger, StaleRecordError, Unreadable
from functions.aws.world import World
from functions.ledger import RETRY_AFTER, Record
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
        for found in self.ledger.overdue(now, limit=self.batch):
            try:
                asked.append(self._ask(found, now))
            except Exception as error:  # noqa: BLE001  # whatever it is, the others have their turn
                broken.append(self._put_off(found, error, now))
        if broken:
            raise SweepError(f"{len(broken)} record(s) need a person: {'; '.join(broken)}")
        return Told(Swept(tuple(asked)))

    def _ask(self, found: Record | Unreadable, now: datetime) -> str:
        """Ask again for one record, later if it moves meanwhile."""
        if isinstance(found, Unreadable):
            raise SweepError(found.why)
        after = looked_at(found, now)
        said = ", ".join(saying.name for saying in after.outbox) or "nothing to ask"
        try:
            self.book.commit(after)
        except StaleRecordError:
            said = "moved by itself"
        return f"{found.kind} {found.key}: {said}"

    def _put_off(self, broken: Record | Unreadable, error: Exception, now: datetime) -> str:
        """What is wrong with it; it comes later again and keeps no other from the batch."""
        said = f"{broken.kind} {broken.key}: {error}"
        try:
            self.ledger.put_off(broken.kind, broken.key, until=now + RETRY_AFTER)
        except Exception as worse:  # noqa: BLE001  # it is told with the rest
            return f"{said} (and it cannot be put off: {worse})"
        return said


@cache
def made() -> Sweep:
    """The function as its environment sets it up."""
    settings = SweepSettings.from_environment()
    world = World(settings)
    return Sweep(ledger=world.ledger, book=world.book, batch=settings.batch)


handle = lambda_handler("sweep", made)
