"""Woken by the clock: finds whatever is overdue and asks for it again."""

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import islice

from events.foreign import ScheduleFired
from functions.aws.book import Book
from functions.aws.ledger import Ledger, StaleRecordError, Unreadable
from functions.aws.world import World
from functions.ledger import RETRY_AFTER, Record
from functions.orphans import inspects
from functions.sweep.decide import asked_again, its_turn, looked_at, waits
from functions.sweep.inspection import Inspection
from functions.sweep.settings import SweepSettings
from functions.turn import Told, lambda_handler

_WITHIN = 50.0
"""Seconds in which chunks are begun, well under Lambda's timeout; the next pass goes on."""
_CHUNK = 500
WORKERS = 10
"""As many connections as a boto3 client keeps."""
_TOLD = 100
"""Records that a log line or an error names at most."""


class SweepError(RuntimeError):
    """Records that cannot be asked for again; the others of the pass were."""


@dataclass(frozen=True)
class Swept:
    """What one pass asked for, by the kind and key of each record; of many the first."""

    asked: tuple[str, ...]
    more: int = 0


@dataclass(frozen=True)
class Sweep:
    """The function with its adapters."""

    ledger: Ledger
    book: Book
    batch: int
    inspection: Inspection | None = None
    """Looks for what nobody owns, once an hour."""
    workers: int = 1
    """Records looked at at the same time; with one, the longest overdue first."""
    clock: Callable[[], float] = time.monotonic
    """Seconds, from wherever."""

    def __call__(self, _seen: ScheduleFired, now: datetime) -> Told:
        broken: list[str] = []
        asked: list[str] = []
        end = self.clock() + _WITHIN
        for found in self._in_chunks(now):
            if self.clock() >= end:
                break
            for said, error in self._each(found, now):
                if said:
                    (broken if error else asked).append(said)
        asked += self._inspected(now, end, broken)
        if broken:
            first = "; ".join(broken[:_TOLD])
            raise SweepError(f"{len(broken)} record(s) need a person: {first}")
        return Told(Swept(tuple(asked[:_TOLD]), more=len(asked[_TOLD:])))

    def _inspected(self, now: datetime, end: float, broken: list[str]) -> list[str]:
        """What nobody owns, in the hour's pass; what goes wrong there comes in the next."""
        if self.inspection is None or not inspects(now, RETRY_AFTER):
            return []
        found: list[str] = []
        try:
            found.extend(self.inspection(now, timely=lambda: self.clock() < end))
        except Exception as error:  # noqa: BLE001  # it is told with the rest
            broken.append(f"the inspection: {error}")
        return found

    def _in_chunks(self, now: datetime) -> Iterator[list[Record | Unreadable]]:
        found = iter(self.ledger.overdue(now, limit=self.batch))
        return iter(lambda: list(islice(found, _CHUNK)), [])

    def _each(self, found: list[Record | Unreadable], now: datetime) -> Iterable[tuple[str, bool]]:
        """What was asked for each, and whether it is broken; each in the name of this turn."""
        if self.workers == 1:
            return [self._look(one, now) for one in found]
        turns = [copy_context() for _ in found]
        with ThreadPoolExecutor(self.workers) as pool:
            looks = zip(turns, found, strict=True)
            return list(pool.map(lambda pair: pair[0].run(self._look, pair[1], now), looks))

    def _look(self, found: Record | Unreadable, now: datetime) -> tuple[str, bool]:
        try:
            return self._ask(found, now), False
        except Exception as error:  # noqa: BLE001  # whatever it is, the others have their turn
            return self._put_off(found, error, now), True

    def _ask(self, found: Record | Unreadable, now: datetime) -> str:
        """Ask again for one record, later if it moves meanwhile."""
        if isinstance(found, Unreadable):
            raise SweepError(found.why)
        if waits(found):
            return self._ask_quietly(found, now)
        after = looked_at(found, now)
        said = ", ".join(saying.name for saying in after.outbox) or "nothing to ask"
        try:
            self.book.commit(after)
        except StaleRecordError:
            said = "moved by itself"
        return f"{found.kind} {found.key}: {said}"

    def _ask_quietly(self, found: Record, now: datetime) -> str:
        """Without a write; empty when it is not its turn."""
        event = asked_again(found) if its_turn(found, now) else None
        if event is None:
            return ""
        self.book.ask(found, event)
        return f"{found.kind} {found.key}: {event.detail_type()}"

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
    return Sweep(
        ledger=world.ledger,
        book=world.book,
        batch=settings.batch,
        inspection=Inspection(world.book, world.inventory, world.endpoints, world.names),
        workers=WORKERS,
    )


handle = lambda_handler("sweep", made)
