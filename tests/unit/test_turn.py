"""What a turn tells the log: names and short words, never what an outcome carries."""

from dataclasses import replace

import pytest

from events.words import Reason
from functions.accept_drop import decide as accept_drop
from functions.gate_model import decide as gate_model
from functions.roll_back import decide as roll_back
from functions.start_evaluation import decide as start_evaluation
from functions.start_rollout import decide as start_rollout
from functions.start_training import decide as start_training
from functions.step_rollout import decide as step_rollout
from functions.sweep.handler import Swept
from functions.turn import in_short
from tests.builders import a_champion, a_dataset, a_report, a_rollout, a_run

SECRET = 271828.125
"""A feature value whose digits stand in nothing else."""


def test_an_accepted_drop_puts_none_of_its_rows_or_files_into_the_log() -> None:
    dataset = replace(a_dataset("rows"), probe=((SECRET, 1.0),))

    assert str(SECRET) in repr(accept_drop.Accept(dataset))
    assert in_short(accept_drop.Accept(dataset)) == {}


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (
            accept_drop.Refuse(Reason.NO_ROWS, "no rows"),
            {"reason": "NO_ROWS", "message": "no rows"},
        ),
        (accept_drop.Wait(first=True), {"first": True}),
        (start_training.Start(a_run()), {}),
        (start_training.Ignore("failed", a_run()), {"why": "failed"}),
        (start_evaluation.Wait(), {}),
        (gate_model.Register(a_report(), gate_model.Approve("good")), {}),
        (start_rollout.Queue(2, behind="v1", run=a_run()), {"version": 2, "behind": "v1"}),
        (
            start_rollout.TakeBack(a_rollout(), "no"),
            {"reason": "ASKED_BY_PERSON", "message": "no"},
        ),
        (step_rollout.Shift(50, 1, "good"), {"weight": 50, "step": 1, "why": "good"}),
        (
            roll_back.Return(a_champion(), Reason.ALARM, "3 of 3"),
            {"reason": "ALARM", "message": "3 of 3"},
        ),
        (Swept(("RUN r: nothing",)), {"asked": ("RUN r: nothing",), "more": 0}),
    ],
)
def test_an_outcome_is_logged_in_its_short_words(outcome: object, said: dict[str, object]) -> None:
    assert in_short(outcome) == said
