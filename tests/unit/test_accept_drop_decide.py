"""A drop is accepted once and whole, or refused with a reason; until then it is waited for."""

from dataclasses import replace
from datetime import timedelta

import pytest

from events.words import Reason
from functions.accept_drop.decide import Accept, Case, Ignore, Refuse, Wait, decide, due
from functions.drops import Fault
from functions.ledger import DropState
from functions.machines import DropNews
from tests.builders import NOON, a_dataset, a_deployed, a_drop, a_folder

FIRST_SEEN = Case("digits", "monday", None, a_deployed(), a_folder("a", marked=False))
SEEN_BEFORE = replace(FIRST_SEEN, record=a_drop())


def test_a_drop_seen_first_and_not_whole_is_waited_for() -> None:
    assert decide(FIRST_SEEN) == Wait(first=True)


def test_a_drop_that_grows_is_waited_for_without_another_deadline() -> None:
    assert decide(SEEN_BEFORE) == Wait(first=False)


def test_a_whole_and_sound_drop_is_accepted() -> None:
    dataset = a_dataset()

    assert decide(replace(SEEN_BEFORE, found=dataset)) == Accept(dataset)


def test_a_drop_that_became_whole_at_its_deadline_is_accepted() -> None:
    dataset = a_dataset()

    assert decide(replace(SEEN_BEFORE, found=dataset, overdue=True)) == Accept(dataset)


def test_a_fault_in_the_rows_refuses_the_drop() -> None:
    fault = Fault(Reason.VALUES_MISSING, "a.parquet: no value")

    step = decide(replace(SEEN_BEFORE, found=fault))

    assert step == Refuse(Reason.VALUES_MISSING, "a.parquet: no value")


def test_a_manifest_that_cannot_be_read_refuses_the_drop() -> None:
    case = replace(SEEN_BEFORE, folder=a_folder("a", complaint="manifest.json: files: missing"))

    assert decide(case) == Refuse(Reason.MANIFEST_UNREADABLE, "manifest.json: files: missing")


def test_an_unknown_model_refuses_the_drop() -> None:
    step = decide(Case("digits", "monday", None, None))

    assert step == Refuse(
        Reason.UNKNOWN_MODEL,
        "no model 'digits' is deployed here; deploy it, then drop under a new id",
    )


@pytest.mark.parametrize(
    ("model", "drop"), [("Digits", "monday"), ("digits", "a b"), ("digits", "ü"), ("d\n", "x")]
)
def test_a_name_that_no_event_could_carry_refuses_the_drop(model: str, drop: str) -> None:
    step = decide(Case(model, drop, None, None))

    assert isinstance(step, Refuse)
    assert step.reason is Reason.BAD_PATH
    assert repr(drop) in step.message


@pytest.mark.parametrize("state", [s for s in DropState if s is not DropState.RECEIVING])
def test_a_settled_drop_stays_settled_whatever_comes(state: DropState) -> None:
    record = a_drop(state=state)

    outcome = decide(replace(SEEN_BEFORE, record=record, found=a_dataset(), overdue=True))

    assert outcome == Ignore(str(record.ignores(DropNews.WHOLE)))


@pytest.mark.parametrize(
    ("case", "lacks"),
    [
        (replace(SEEN_BEFORE, overdue=True), "has no manifest.json and no _SUCCESS"),
        (
            replace(SEEN_BEFORE, overdue=True, folder=a_folder("a", promised=("a", "b", "c"))),
            "lacks b, c",
        ),
        (replace(SEEN_BEFORE, overdue=True, folder=None), "has no manifest.json and no _SUCCESS"),
    ],
)
def test_an_overdue_drop_is_refused_and_told_what_it_lacks(case: Case, lacks: str) -> None:
    step = decide(case)

    assert step == Refuse(
        Reason.INCOMPLETE,
        f"the drop {lacks} after 1800 s; drop it again, whole, under a new id",
    )


def test_a_message_made_of_somebodys_names_is_cut_to_what_a_record_holds() -> None:
    fault = Fault(Reason.SCHEMA_MISMATCH, "x" * 1_000_000)

    step = decide(replace(SEEN_BEFORE, found=fault))

    assert step == Refuse(Reason.SCHEMA_MISMATCH, "x" * 1000)


def test_a_drop_is_due_when_its_model_says() -> None:
    deployed = a_deployed(data={"features": ["*"], "complete_within": "90s"})

    assert due(replace(FIRST_SEEN, deployed=deployed), NOON) == NOON + timedelta(seconds=90)
    assert due(replace(FIRST_SEEN, deployed=None), NOON) == NOON
