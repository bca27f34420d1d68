"""What may run and be spent: reserved before a job is asked for, settled after its end.

One record for each model and one for the stage. They are written together with the run, so two
that begin at the same time cannot both take the last place or the last of the day's money.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field

from functions import prices
from functions.jobs import JobView
from functions.ledger import Record, RunRecord
from functions.names import digest_of

STAGE = "*"
"""The scope of the stage's own allowance; no model can have that name."""
GROWN = 1.2
"""So many times the rows of the refused make a drop another one."""


class Reservation(BaseModel):
    """A place and money that a training job holds from before it is asked for to its end."""

    model_config = ConfigDict(defer_build=True, frozen=True)

    run: str
    most: float
    """The most it may cost, in USD."""
    hourly: dict[str, float] = Field(default_factory=dict)
    """USD an hour, by the instance types it may get, as it was reserved by."""


class Refused(BaseModel):
    """Candidates that the gate refused in a row, beside one champion."""

    model_config = ConfigDict(defer_build=True, frozen=True)

    runs: tuple[str, ...] = ()
    what: str = ""
    """Their definition and code, as a digest."""
    beside: int | None = None
    """The champion's version."""
    rows: int = 0
    """The most rows one of them learnt from."""


class AllowanceRecord(Record):
    """What a model, or the whole stage, has running and has spent today."""

    kind: ClassVar[str] = "ALLOWANCE"
    scope: str
    """A model's name, or `*`."""
    reserved: dict[str, Reservation] = Field(default_factory=dict)
    """By training job."""
    day: str = ""
    """The day in UTC that `spent` is of."""
    spent: float = 0.0
    begun_at: datetime | None = None
    """When the last training began."""
    waiting: str | None = None
    """The run that waits for its drop's turn; a newer one takes its place."""
    refused: Refused = Refused()

    @property
    def key(self) -> str:
        return self.scope

    @property
    def outstanding(self) -> float:
        """The most that jobs may still cost."""
        return sum(each.most for each in self.reserved.values())

    def spent_on(self, now: datetime) -> float:
        return self.spent if self.day == day_of(now) else 0.0

    def holding(self, job: str, held: Reservation, *, now: datetime) -> Self:
        """With a place for the job, and the money it may cost."""
        return self.changed(reserved={**self.reserved, job: held}, begun_at=now)

    def settled(self, job: str, *, cost: float, now: datetime) -> Self:
        """Without the job's place, and with what it has cost."""
        others = {name: each for name, each in self.reserved.items() if name != job}
        spent = round(self.spent_on(now) + cost, 4)
        return self.changed(reserved=others, day=day_of(now), spent=spent)

    def judged(self, run: RunRecord, *, refused: bool) -> Self:
        """After the gate's word on a run: one that is let through ends the row."""
        if not refused:
            return self.changed(refused=Refused())
        before = self.refused
        alike = (before.what, before.beside) == (what_of(run), run.against)
        runs, rows = (before.runs, before.rows) if alike else ((), 0)
        return self.changed(
            refused=Refused(
                runs=(*(each for each in runs if each != run.run), run.run),
                what=what_of(run),
                beside=run.against,
                rows=max(rows, run.rows or 0),
            )
        )


def what_of(run: RunRecord) -> str:
    """What a candidate is made by, whatever it is made of."""
    return digest_of([run.definition.digest, run.code])[:12]


def day_of(now: datetime) -> str:
    """The day in UTC."""
    return now.astimezone(UTC).date().isoformat()


def next_day(now: datetime) -> datetime:
    """When the next day begins in UTC."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + timedelta(days=1)


def cost_of(job: JobView | None, held: Reservation) -> float:
    """What an ended job came to: all that was reserved, when nobody can tell any more."""
    if job is None:
        return held.most
    hourly = held.hourly.get(job.instance, 0.0)
    return prices.cost(hourly, seconds=job.billable or 0, count=1)


def settled(
    run: RunRecord,
    job: JobView | None,
    name: str,
    allowances: Iterable[AllowanceRecord],
    now: datetime,
) -> tuple[RunRecord, tuple[AllowanceRecord, ...]]:
    """The run and the allowances in which its job `name` still has its place, after its end."""
    holders = tuple(each for each in allowances if name in each.reserved)
    if not holders:
        return run, ()
    cost = cost_of(job, holders[0].reserved[name])
    after = tuple(each.settled(name, cost=cost, now=now) for each in holders)
    return run.changed(cost=round(run.cost + cost, 4)), after
