"""Woken by every object of a drop, and once by the drop's deadline."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial

from events.catalog import DatasetReady, DropOverdue, DropRejected
from events.foreign import ObjectCreated
from functions.accept_drop.check import check
from functions.accept_drop.decide import (
    Accept,
    Case,
    Ignore,
    Outcome,
    Refuse,
    Wait,
    decide,
    due,
    news_of,
    well_named,
)
from functions.accept_drop.settings import AcceptDropSettings
from functions.aws.book import Book
from functions.aws.definitions import Definitions
from functions.aws.drops import Drops
from functions.aws.objects import Objects
from functions.aws.schedules import Schedules
from functions.aws.world import World
from functions.definition import Deployed
from functions.drops import Dataset, Fault, Folder, place_of
from functions.ledger import RETRY_AFTER, DropRecord
from functions.machines import DropNews
from functions.names import digest_of
from functions.places import Places
from functions.tracing import child_of
from functions.turn import Told, lambda_handler


@dataclass(frozen=True)
class AcceptDrop:
    """The function with its adapters."""

    book: Book
    definitions: Definitions
    drops: Drops
    objects: Objects
    schedules: Schedules
    places: Places

    def __call__(self, seen: ObjectCreated | DropOverdue, now: datetime) -> Told:
        case = self.load(seen)
        if case is None:
            return Told(Ignore(f"{seen!r} lies in no drop's folder"))
        outcome = decide(case)
        return Told(outcome, self.apply(outcome, case, now))

    def load(self, seen: ObjectCreated | DropOverdue) -> Case | None:
        """Everything known of the drop; its folder is only looked into while that matters."""
        place = _place(seen)
        if place is None:
            return None
        model, drop = place
        overdue = isinstance(seen, DropOverdue)
        record = self.book.get(DropRecord, f"{model}#{drop}")
        deployed = None
        if well_named(model, drop) and (record is None or not record.ended):
            deployed = self.definitions.get(model)
        if deployed is None:
            return Case(model, drop, record, None, overdue=overdue)
        folder = self.drops.look(model, drop)
        found = self._examined(deployed, model, folder) if folder.whole else None
        return Case(model, drop, record, deployed, folder, found, overdue)

    def _examined(self, deployed: Deployed, model: str, folder: Folder) -> Dataset | Fault:
        data = deployed.definition.data
        return self.drops.examine(model, folder, partial(check, data=data))

    def apply(self, outcome: Outcome, case: Case, now: datetime) -> DropRecord:
        """Write what was decided and say it."""
        record = case.record or DropRecord(
            model=case.model, drop=case.drop, first_seen=now, traceparent=child_of(None)
        )
        match outcome:
            case Wait(first=True):
                self._expect(record, due(case, now))
            case Accept(dataset=dataset):
                self._accept(record, dataset, now)
            case Refuse():
                self._refuse(record, outcome, now)
            case Ignore() if record.outbox:
                self.book.commit(record)
            case Ignore() | Wait():
                pass
        return record

    def _expect(self, record: DropRecord, deadline: datetime) -> None:
        self.book.commit(record.changed(due_at=deadline + RETRY_AFTER))
        self.schedules.say(
            DropOverdue(model=record.model, drop=record.drop, traceparent=record.traceparent),
            at=deadline,
            name=f"drop-{digest_of(record.key)[:16]}",
        )

    def _accept(self, record: DropRecord, dataset: Dataset, now: datetime) -> None:
        folder = self.places.dataset(record.model, dataset.digest)
        self.objects.write_json(f"{folder}/probe.json", {"instances": dataset.probe})
        self.objects.write_json(f"{folder}/s3.manifest", dataset.channel())
        self.objects.write_json(f"{folder}/dataset.json", dataset.description())
        accepted = record.heard(
            DropNews.WHOLE,
            settled_at=now,
            due_at=now + RETRY_AFTER,
            dataset=dataset.digest,
            rows=dataset.rows,
        )
        ready = DatasetReady(
            model=record.model, drop=record.drop, dataset=dataset.digest, rows=dataset.rows
        )
        self.book.commit(accepted.saying(ready))

    def _refuse(self, record: DropRecord, refuse: Refuse, now: datetime) -> None:
        why = {"reason": refuse.reason, "message": refuse.message}
        refused = record.heard(news_of(refuse), settled_at=now, due_at=None, **why)
        rejected = DropRejected(
            model=record.model, drop=record.drop, reason=refuse.reason, message=refuse.message
        )
        self.book.commit(refused.saying(rejected))


def _place(seen: ObjectCreated | DropOverdue) -> tuple[str, str] | None:
    match seen:
        case ObjectCreated():
            return place_of(seen.object.key)
        case DropOverdue():
            return seen.model, seen.drop


@cache
def made() -> AcceptDrop:
    """The function as its environment sets it up."""
    settings = AcceptDropSettings.from_environment()
    world = World(settings)
    return AcceptDrop(
        book=world.book,
        definitions=world.definitions,
        drops=world.drops(settings.data_bucket),
        objects=world.objects,
        schedules=world.schedules(
            group=settings.schedule_group,
            role_arn=settings.schedule_role_arn,
            bus_arn=settings.bus_arn,
        ),
        places=Places(settings.artifact_bucket),
    )


handle = lambda_handler("accept_drop", made)
