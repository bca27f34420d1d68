"""Which answers of a history are by a version that might not answer then."""

from datetime import timedelta

import pytest

from bench.history import LATE, lost, unallowed
from demo.traffic import TIMEOUT, Answer
from functions.ledger import RolloutRecord, RolloutState
from tests.builders import NOON, a_champion, a_rollout

FIRST = a_rollout(
    version=1,
    state=RolloutState.COMPLETED,
    champion=None,
    challenger=a_champion(1),
    ended_at=NOON + timedelta(minutes=5),
)
SECOND = a_rollout(started_at=NOON + timedelta(minutes=10))
RETURNED = SECOND.model_copy(
    update={"state": RolloutState.ABORTED, "ended_at": NOON + timedelta(minutes=20)}
)
PROMOTED = SECOND.model_copy(
    update={"state": RolloutState.COMPLETED, "ended_at": NOON + timedelta(minutes=20)}
)


def answered(version: int | None, minute: float, status: int = 200) -> Answer:
    return Answer(NOON.timestamp() + 60 * minute, status, "blue", version, 0.1)


@pytest.mark.parametrize(
    ("answer", "second"),
    [
        (answered(1, 1), SECOND),
        (answered(2, 11), SECOND),
        (answered(2, 20), RETURNED),
        (answered(1, 19), PROMOTED),
        (answered(2, 30), PROMOTED),
        (answered(None, 30, status=503), RETURNED),
    ],
)
def test_a_champion_and_a_challenger_may_answer(answer: Answer, second: RolloutRecord) -> None:
    assert list(unallowed([answer], [FIRST, second])) == []


@pytest.mark.parametrize(
    ("answer", "second", "said"),
    [
        (answered(3, 11), SECOND, "by version 3, which was never rolled out"),
        (answered(None, 11), SECOND, "by nobody knows which version"),
        (answered(2, 9), SECOND, "by version 2 before it was rolled out"),
        (answered(2, 20 + LATE / 30), RETURNED, "by version 2 when it served no more"),
        (answered(1, 20 + LATE / 30), PROMOTED, "by version 1 when it served no more"),
    ],
)
def test_nobody_else_may(answer: Answer, second: RolloutRecord, said: str) -> None:
    assert list(unallowed([answer], [FIRST, second])) == [f"1 answers {said}"]


def test_a_question_that_was_refused_is_not_lost_and_one_without_any_word_is() -> None:
    refused = Answer(0.0, 0, None, None, 0.2)
    silent = Answer(0.0, 0, None, None, TIMEOUT)

    assert list(lost([refused, answered(1, 1)])) == []
    assert list(lost([refused, silent])) == ["1 questions were never answered, nor refused"]
