"""A drop is accepted once and whole, or refused with a reason; until then it is waited for."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from events.words import Reason
from functions.definition import Deployed
from functions.drops import Dataset, Fault, Folder
from functions.ledger import DropRecord


@dataclass(frozen=True)
class Case:
    """All that is known of a drop."""

    model: str
    drop: str
    record: DropRecord | None
    deployed: Deployed | None
    folder: Folder | None = None
    """None while there is no reason to look into it."""
    found: Dataset | Fault | None = None
    """What the rows showed; None while the folder is not whole."""
    overdue: bool = False


@dataclass(frozen=True)
class Ignore:
    """Nothing is to be done."""

    why: str


@dataclass(frozen=True)
class Wait:
    """The drop is not whole yet."""

    first: bool
    """Whether this is the first that is seen of it."""


@dataclass(frozen=True)
class Accept:
    """The drop is a dataset now."""

    dataset: Dataset


@dataclass(frozen=True)
class Refuse:
    """The drop will never be a dataset."""

    reason: Reason
    message: str


Outcome = Ignore | Wait | Accept | Refuse


def decide(case: Case) -> Outcome:
    """What becomes of the drop."""
    if case.record is not None and case.record.settled:
        return Ignore(f"drop {case.model}/{case.drop} is {case.record.state} already")
    if case.deployed is None:
        return Refuse(
            Reason.UNKNOWN_MODEL,
            f"no model {case.model!r} is deployed here; deploy it, then drop under a new id",
        )
    if isinstance(case.found, Fault):
        return Refuse(case.found.reason, case.found.message)
    if case.found is not None:
        return Accept(case.found)
    if case.folder is not None and case.folder.complaint:
        return Refuse(Reason.MANIFEST_UNREADABLE, case.folder.complaint)
    if case.overdue:
        return Refuse(Reason.INCOMPLETE, _incomplete(case))
    return Wait(first=case.record is None)


def _incomplete(case: Case) -> str:
    within = case.deployed.definition.data.complete_within if case.deployed else 0
    lacking = case.folder.missing if case.folder else ()
    what = f"lacks {', '.join(lacking[:3])}" if lacking else "has no manifest.json and no _SUCCESS"
    return f"the drop {what} after {within:g} s; drop it again, whole, under a new id"


def due(case: Case, now: datetime) -> datetime:
    """When a drop first seen now must be whole."""
    within = case.deployed.definition.data.complete_within if case.deployed else 0
    return now + timedelta(seconds=within)
