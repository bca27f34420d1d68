"""Records only move forward, carry what is to be said, and survive being written down."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.catalog import DropOverdue, RolloutCompleted, VersionApproved
from events.words import Reason
from functions.ledger import (
    LONGEST_LINE,
    RECORDS,
    DropState,
    LedgerError,
    Record,
    RolloutState,
    RunState,
    Saying,
)
from tests.builders import (
    A_MINUTE_LATER,
    TRACE,
    a_champion,
    a_drop,
    a_rollout,
    a_run,
    an_endpoint,
)

ALLOWED = {
    DropState.RECEIVING: {"accepted", "rejected", "expired"},
    RunState.STARTING: {"parked", "training", "evaluating", "failed"},
    RunState.PARKED: {"training", "evaluating", "failed"},
    RunState.TRAINING: {"parked", "evaluating", "failed"},
    RunState.EVALUATING: {"training", "approved", "held", "rejected", "failed"},
    RunState.APPROVED: {"training"},
    RunState.HELD: {"approved", "rejected"},
    RunState.REJECTED: {"approved"},
    RunState.FAILED: {"starting"},
    RolloutState.PROVISIONING: {"shifting", "watching", "rolling_back", "stopped"},
    RolloutState.SHIFTING: {"watching", "rolling_back", "stopped"},
    RolloutState.WATCHING: {"completed", "rolling_back", "stopped"},
    RolloutState.ROLLING_BACK: {"aborted", "stopped"},
}
"""The graph, written a second time: changing it must hurt a little."""


def moved(record: Record, state: str) -> Record:
    return record.changed(state=state)


@pytest.mark.parametrize("before", DropState)
@pytest.mark.parametrize("after", DropState)
def test_a_drop_only_moves_forward(before: DropState, after: DropState) -> None:
    assert can(a_drop(state=before), after) == (
        after == before or after in ALLOWED.get(before, set())
    )


@pytest.mark.parametrize("before", RunState)
@pytest.mark.parametrize("after", RunState)
def test_a_run_only_moves_forward(before: RunState, after: RunState) -> None:
    assert can(a_run(state=before), after) == (
        after == before or after in ALLOWED.get(before, set())
    )


@pytest.mark.parametrize("before", RolloutState)
@pytest.mark.parametrize("after", RolloutState)
def test_a_rollout_only_moves_forward(before: RolloutState, after: RolloutState) -> None:
    assert can(a_rollout(state=before), after) == (
        after == before or after in ALLOWED.get(before, set())
    )


def can(record: Record, state: str) -> bool:
    try:
        moved(record, state)
    except LedgerError:
        return False
    return True


def test_a_step_backwards_says_what_and_from_where() -> None:
    with pytest.raises(LedgerError, match=r"^drop digits/monday: accepted cannot become receiv"):
        moved(a_drop(state=DropState.ACCEPTED), DropState.RECEIVING)


@given(walk=st.lists(st.sampled_from(RolloutState), max_size=12))
def test_no_walk_through_a_rollout_ever_returns(walk: list[RolloutState]) -> None:
    record: Record = a_rollout(state=RolloutState.PROVISIONING)
    visited = [RolloutState.PROVISIONING]

    for state in walk:
        if can(record, state):
            record = moved(record, state)
            visited.append(state)

    left = [a for a, b in pairwise(visited) if a != b]
    assert len(left) == len(set(left))


@pytest.mark.parametrize(
    "record",
    [
        a_drop(),
        a_run(numbers={"accuracy": 0.9}),
        an_endpoint(champion=a_champion(), waiting=3),
        a_rollout(due_at=A_MINUTE_LATER).saying(
            RolloutCompleted(rollout="r", model="digits", version=2, message="good")
        ),
    ],
)
def test_a_record_survives_being_written_down(record: Record) -> None:
    assert type(record).model_validate_json(record.model_dump_json()) == record


def test_every_kind_has_its_own_name_and_key() -> None:
    keys = [a_drop().key, a_run().key, an_endpoint().key, a_rollout().key]

    assert [kind.kind for kind in RECORDS] == ["DROP", "RUN", "ENDPOINT", "ROLLOUT"]
    assert keys == ["digits#monday", "0123456789ab", "digits", "sluice-dev-digits-v2"]


def test_a_record_of_no_kind_has_no_key() -> None:
    with pytest.raises(NotImplementedError):
        _ = Record().key


def test_a_record_of_no_state_follows_any() -> None:
    assert an_endpoint().changed(waiting=3) == an_endpoint(waiting=3)


def test_a_change_is_checked_like_any_record() -> None:
    with pytest.raises(ValueError, match="waiting"):
        an_endpoint().changed(waiting="soon")
    with pytest.raises(ValueError, match="wating"):
        an_endpoint().changed(wating=3)


def test_what_is_to_be_said_is_kept_in_order_with_the_records_place_in_its_trace() -> None:
    first = VersionApproved(model="digits", version=2)
    second = DropOverdue(model="digits", drop="monday")

    record = an_endpoint(traceparent=TRACE).saying(first).saying(second)

    said = [saying.event() for saying in record.outbox]
    assert [e.model_copy(update={"traceparent": None}) for e in said] == [first, second]
    assert {e.traceparent for e in said} == {TRACE}


def test_saying_the_same_twice_is_the_same_record() -> None:
    approved = VersionApproved(model="digits", version=2)

    assert an_endpoint().saying(approved) == an_endpoint().saying(approved)


def test_an_event_that_nobody_knows_any_more_is_not_said() -> None:
    with pytest.raises(KeyError):
        Saying(name="Forgotten", detail="{}").event()


def test_a_rollout_is_over_when_completed_aborted_or_stopped() -> None:
    over = {state for state in RolloutState if a_rollout(state=state).ended}

    assert over == {RolloutState.COMPLETED, RolloutState.ABORTED, RolloutState.STOPPED}


def test_a_person_is_paged_once_for_each_reason() -> None:
    paged = a_rollout().paging(Reason.ENDPOINT_STUCK, "for an hour")
    again = paged.paging(Reason.ENDPOINT_STUCK, "for two")

    assert again == paged
    assert len(again.paging(Reason.ENDPOINT_STRANDED, "two fleets").outbox) == 2


def test_a_drop_is_over_when_it_is_not_receiving() -> None:
    assert {s for s in DropState if not a_drop(state=s).ended} == {DropState.RECEIVING}


def test_a_line_is_newest_first_each_once_and_not_endless() -> None:
    endpoint = an_endpoint()
    most = LONGEST_LINE
    for version in (3, 5, 4, 5, *range(6, most + 20)):
        endpoint = endpoint.lined_up(version)

    assert endpoint.line == tuple(range(most + 19, 19, -1))
    assert endpoint.let_go(most + 19).let_go(7).line == tuple(range(most + 18, 19, -1))


def test_a_line_keeps_nobody_who_is_older_than_the_champion() -> None:
    endpoint = an_endpoint().lined_up(3).lined_up(5).lined_up(6)

    promoted = endpoint.changed(champion=a_champion(5))

    assert promoted.let_go(6).line == ()
    assert promoted.lined_up(7).line == (7, 6)


def test_the_last_of_a_line_leaves_an_empty_one() -> None:
    assert an_endpoint().lined_up(3).let_go(3) == an_endpoint()
