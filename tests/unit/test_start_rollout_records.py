"""What an approval, and its end, leaves in the ledger."""

from datetime import datetime

import pytest

from events.catalog import RollbackRequested
from events.words import Reason
from functions.ledger import ASK_PERSON_AFTER, RETRY_AFTER, RolloutState, RunRecord, RunState
from functions.registry import Approval, Version
from functions.start_rollout.decide import AskLater, Case, Dismiss, Ignore, Queue, TakeBack
from functions.start_rollout.records import Written, left_by, parked
from tests.builders import (
    A_MINUTE_LATER,
    NOON,
    a_champion,
    a_rollout,
    a_run,
    a_version,
    an_endpoint,
)

HELD = a_run(state=RunState.HELD, version=2, due_at=NOON)
APPROVED = a_run(state=RunState.APPROVED, version=2, due_at=NOON)


def a_case(
    run: RunRecord = HELD,
    *,
    approval: Approval | None = Approval.REJECTED,
    waiting: int | None = None,
) -> Case:
    version: Version | None = a_version(2, approval=approval) if approval else None
    endpoint = an_endpoint(champion=a_champion(1), waiting=waiting)
    return Case(2, version, run, endpoint, holder=None, own=None)


def test_a_persons_no_ends_the_run_with_their_words() -> None:
    written = left_by(Dismiss(HELD, "it forgets sevens"), a_case(), A_MINUTE_LATER)

    (run,) = written.changes
    assert run == HELD.changed(
        state=RunState.REJECTED,
        reason=Reason.ASKED_BY_PERSON,
        message="it forgets sevens",
        ended_at=A_MINUTE_LATER,
        due_at=None,
    )
    assert [note.text for note in written.notes] == ["ASKED_BY_PERSON: it forgets sevens"]


def test_waiting_for_a_person_is_written_once() -> None:
    written = left_by(AskLater(HELD.changed(due_at=None)), a_case(), NOON)

    (waits,) = written.changes
    assert waits == HELD.changed(due_at=NOON + ASK_PERSON_AFTER)
    assert left_by(AskLater(HELD.changed(due_at=NOON)), a_case(), NOON) == Written(())


def test_what_is_taken_back_is_asked_for_until_it_is_back() -> None:
    rollout = a_rollout(state=RolloutState.PROVISIONING)

    (after,) = left_by(TakeBack(rollout, "no"), a_case(), NOON).changes

    assert after.due_at == NOON + RETRY_AFTER
    assert [saying.event() for saying in after.outbox] == [
        RollbackRequested(
            rollout=rollout.rollout, model="digits", reason=Reason.ASKED_BY_PERSON, message="no"
        )
    ]


@pytest.mark.parametrize("approval", [Approval.REJECTED, Approval.PENDING, None])
def test_a_version_that_is_not_approved_leaves_the_queue_and_its_run_at_rest(
    approval: Approval | None,
) -> None:
    case = a_case(APPROVED, approval=approval, waiting=2)

    written = left_by(Ignore("no"), case, NOON)

    assert written == Written((case.endpoint.changed(waiting=None), APPROVED.changed(due_at=None)))


@pytest.mark.parametrize("run", [HELD, APPROVED])
def test_an_approval_that_begins_nothing_is_written_down_all_the_same(run: RunRecord) -> None:
    written = left_by(Ignore("too old"), a_case(run, approval=Approval.APPROVED), NOON)

    assert written == Written((run.changed(state=RunState.APPROVED, due_at=None),))


@pytest.mark.parametrize("due", [NOON, None])
@pytest.mark.parametrize("state", [RunState.TRAINING, RunState.EVALUATING, RunState.REJECTED])
def test_what_is_not_in_the_rollouts_hands_is_left_alone(
    state: RunState, due: datetime | None
) -> None:
    run = a_run(state=state, version=2, due_at=due)

    assert left_by(Ignore("judged again"), a_case(run, waiting=3), NOON) == Written(())


def test_of_two_that_wait_the_newest_goes_first() -> None:
    case = a_case(APPROVED, approval=Approval.APPROVED, waiting=3)

    endpoint, run = left_by(Queue(2, behind="v1", run=APPROVED), case, NOON).changes

    assert endpoint == case.endpoint.changed(waiting=3, behind=(2,), due_at=NOON)
    assert run.due_at is None


def test_waiting_for_room_is_told_once_per_reason() -> None:
    rollout = a_rollout(state=RolloutState.PROVISIONING)

    first = parked(rollout, "no room", NOON)
    (waits,) = first.changes
    again = parked(rollout.changed(message="no room"), "no room", A_MINUTE_LATER)

    assert (waits.due_at, [note.text for note in first.notes]) == (
        NOON + RETRY_AFTER,
        ["waits: no room"],
    )
    assert again.notes == ()
