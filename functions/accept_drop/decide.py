"""A drop is accepted once and whole, or refused with a reason; until then it is waited for."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from events.words import Reason, is_drop_id, is_model_name
from functions.definition import Deployed
from functions.drops import Dataset, Fault, Folder
from functions.ledger import DropRecord
from functions.machines import DropNews


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

_RULE = (
    "a model is called by at most 24 of a-z, 0-9 and '-', starting with a letter,"
    " a drop by at most 63 of A-Z, a-z, 0-9 and '_.=-', starting with a letter or digit"
)
_LONGEST_MESSAGE = 1000
"""File and column names come from outside and may be of any length; a record may not."""


def well_named(model: str, drop: str) -> bool:
    """Whether a model and a drop may be called so at all."""
    return is_model_name(model) and is_drop_id(drop)


def decide(case: Case) -> Outcome:
    """What becomes of the drop."""
    outcome = _of(case)
    why = case.record.ignores(news_of(outcome)) if case.record else None
    return outcome if why is None else Ignore(why)


def news_of(outcome: Wait | Accept | Refuse) -> DropNews:
    """What the drop hears by it."""
    match outcome:
        case Wait():
            return DropNews.PIECE
        case Accept():
            return DropNews.WHOLE
        case Refuse(reason=Reason.INCOMPLETE):
            return DropNews.OVERDUE
        case Refuse():
            return DropNews.FAULTY


def _of(case: Case) -> Wait | Accept | Refuse:
    if isinstance(case.found, Dataset):
        return Accept(case.found)
    fault = _fault(case)
    if fault is not None:
        return Refuse(fault.reason, fault.message[:_LONGEST_MESSAGE])
    return Wait(first=case.record is None)


def _fault(case: Case) -> Fault | None:
    if not well_named(case.model, case.drop):
        return Fault(Reason.BAD_PATH, f"{case.model!r}/{case.drop!r}: {_RULE}")
    if case.deployed is None:
        return Fault(
            Reason.UNKNOWN_MODEL,
            f"no model {case.model!r} is deployed here; deploy it, then drop under a new id",
        )
    if isinstance(case.found, Fault):
        return case.found
    if case.folder is not None and case.folder.complaint:
        return Fault(Reason.MANIFEST_UNREADABLE, case.folder.complaint)
    return Fault(Reason.INCOMPLETE, _incomplete(case)) if case.overdue else None


def _incomplete(case: Case) -> str:
    within = case.deployed.definition.data.complete_within if case.deployed else 0
    lacking = case.folder.missing if case.folder else ()
    what = f"lacks {', '.join(lacking[:3])}" if lacking else "has no manifest.json and no _SUCCESS"
    return f"the drop {what} after {within:g} s; drop it again, whole, under a new id"


def due(case: Case, now: datetime) -> datetime:
    """When a drop first seen now must be whole."""
    within = case.deployed.definition.data.complete_within if case.deployed else 0
    return now + timedelta(seconds=within)
