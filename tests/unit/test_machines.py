"""Every pair of a state and a piece of news has one answer, and what is over stays over."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.ledger import LedgerError
from functions.machines import (
    DROP,
    MACHINES,
    PARK,
    ROLLOUT,
    RUN,
    DropNews,
    DropState,
    Machine,
    MachineError,
    ParkNews,
    ParkState,
    RolloutState,
    RunNews,
    RunState,
    Stays,
    parked_anew,
)
from tests.builders import a_drop, a_rollout, a_run

PAIRS = [(m, state, news) for m in MACHINES for state in m.states for news in m.news]
REOPENS = {
    (RunState.APPROVED, RunNews.OUTDATED),
    (RunState.REJECTED, RunNews.PERSON_APPROVED),
    (RunState.HELD, RunNews.PERSON_APPROVED),
    (RunState.HELD, RunNews.PERSON_REJECTED),
    (RunState.FAILED, RunNews.AGAIN),
}
"""All that moves a run which has a verdict or has failed: never anything SageMaker says."""


@pytest.mark.parametrize(("machine", "state", "news"), PAIRS)
def test_every_pair_has_an_answer(
    machine: Machine[RunState, RunNews], state: RunState, news: RunNews
) -> None:
    answer = machine.hears(state, news)

    if isinstance(answer, Stays):
        assert answer.why
        assert machine.ignores(state, news) == answer.why
    else:
        assert answer in machine.states
        assert machine.leads(state, answer)
        assert machine.ignores(state, news) is None


@pytest.mark.parametrize("machine", MACHINES)
def test_every_state_can_be_reached(machine: Machine[RunState, RunNews]) -> None:
    reached = {machine.begins}
    for _ in machine.states:
        reached |= {after for before, _, after in machine.moves() if before in reached}

    assert reached == set(machine.states)


def test_drops_and_rollouts_have_ends_that_nothing_leaves() -> None:
    assert DROP.ends == {DropState.ACCEPTED, DropState.REJECTED, DropState.EXPIRED}
    ends = {RolloutState.COMPLETED, RolloutState.ABORTED, RolloutState.STOPPED}
    assert ROLLOUT.ends == ends


def test_only_a_person_a_new_attempt_or_another_champion_moves_a_run_that_was_judged() -> None:
    judged = {RunState.APPROVED, RunState.HELD, RunState.REJECTED, RunState.FAILED}
    moves = {(before, news) for before, news, after in RUN.moves() if after is not before}

    assert {(before, news) for before, news in moves if before in judged} == REOPENS


@given(st.sampled_from([DROP, ROLLOUT]), st.data())
def test_no_order_of_any_news_leaves_an_end(
    machine: Machine[RunState, RunNews], data: st.DataObject
) -> None:
    state = machine.begins
    ended: RunState | None = None
    for news in data.draw(st.lists(st.sampled_from(list(machine.news)), max_size=40)):
        answer = machine.hears(state, news)
        state = state if isinstance(answer, Stays) else answer
        assert ended in {None, state}
        ended = state if state in machine.ends else None


def test_a_record_moves_by_what_it_hears_and_says_why_it_does_not() -> None:
    assert a_run().heard(RunNews.STARTED).state is RunState.TRAINING
    assert a_drop().heard(DropNews.OVERDUE, rows=3).rows == 3
    with pytest.raises(LedgerError, match="drop digits/monday is accepted: a drop"):
        a_drop(state=DropState.ACCEPTED).heard(DropNews.FAULTY)


def test_a_first_version_under_watch_is_alone() -> None:
    assert a_rollout(state=RolloutState.WATCHING, champion=None).alone
    assert not a_rollout(state=RolloutState.WATCHING).alone
    assert not a_rollout(state=RolloutState.SHIFTING, champion=None).alone


def test_each_reason_to_wait_is_told_once() -> None:
    assert parked_anew("", "no room")
    assert not parked_anew("no room", "no room")
    assert parked_anew("no room", "the quota is used up")
    assert PARK.hears(ParkState.WAITING, ParkNews.ROOM) is ParkState.FREE


def test_a_machine_with_a_pair_without_an_answer_is_refused() -> None:
    with pytest.raises(MachineError, match="half: no answer to whole in receiving"):
        Machine(
            name="half",
            begins=DropState.RECEIVING,
            news=DropNews,
            answers={**DROP.answers, DropNews.WHOLE: {}},
        )
