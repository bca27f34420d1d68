"""A training that runs out of memory goes on with fewer rows at once, and learns the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.learning import RECIPE, CloudTask, PlainTask, Scarce, Training, weights_of
from training import memory
from training.failure import LearningError
from training.memory import Adjustment


@given(most=st.integers(1, 500), holds=st.integers(1, 600))
def test_the_largest_that_fits_is_found_by_bisection(most: int, holds: int) -> None:
    asked: list[int] = []

    def fits(rows: int) -> bool:
        asked.append(rows)
        return rows <= holds

    assert memory.largest(fits, most) == min(most, holds)
    assert len(asked) <= 10


@pytest.mark.parametrize(
    ("rows", "most", "made"), [(64, 64, 64), (64, 60, 32), (64, 1, 1), (7, 3, 3)]
)
def test_micro_batches_are_of_one_size(rows: int, most: int, made: int) -> None:
    assert memory.balanced(rows, most) == made


def test_the_search_finds_what_fits_with_headroom_and_leaves_no_trace(tmp_path: Path) -> None:
    scarce = Scarce(rows=10)
    whole = Training(tmp_path / "whole", PlainTask())
    tight = Training(tmp_path / "tight", PlainTask(hold=scarce.hold), memory=scarce)

    told, found = whole.run(), tight.run()

    assert found.ways.micro_batch == 8  # 9 of 10 with headroom: 16 rows are twice 8
    assert found.ways.adjustments == ()
    assert torch.allclose(weights_of(told), weights_of(found), atol=1e-6)


def test_a_micro_batch_that_is_told_is_not_searched_for(tmp_path: Path) -> None:
    scarce = Scarce(rows=10)
    task = PlainTask(hold=scarce.hold)

    Training(tmp_path, task, replace(RECIPE, micro_batch=4), memory=scarce).run()

    assert max(task.seen) == 4


def growing(scarce: Scarce, calls: int, rows: int) -> Callable[[int], None]:
    """After so many calls only so many rows fit: somebody else took the rest."""
    left = iter(range(calls))

    def hold(wanted: int) -> None:
        if next(left, None) is None:
            scarce.rows = rows
        scarce.hold(wanted)

    return hold


@pytest.mark.parametrize("call", [0, 5, 10])
def test_running_out_at_any_step_changes_no_loss(tmp_path: Path, call: int) -> None:
    whole = Training(tmp_path / "whole", PlainTask())
    scarce = Scarce(rows=16, tells=False)
    tight = Training(tmp_path / "tight", PlainTask(hold=growing(scarce, call, 5)), memory=scarce)

    told, found = whole.run(), tight.run()

    assert tight.losses() == pytest.approx(whole.losses(), abs=1e-6)
    assert torch.allclose(weights_of(told), weights_of(found), atol=1e-6)
    assert found.ways.adjustments == (Adjustment(call, 16, 8), Adjustment(call, 8, 4))
    assert scarce.freed == 2
    assert tight.said.getvalue().count("out of memory: fewer rows at once") == 2


def test_what_a_failed_try_did_to_the_models_statistics_is_undone(tmp_path: Path) -> None:
    """Its running mean counts the batches it has seen."""
    scarce = Scarce(rows=16, tells=False)
    tight = Training(tmp_path, CloudTask(hold=growing(scarce, 3, 8)), memory=scarce)

    found = tight.run()

    tracked = dict(found.model.named_buffers())["1.num_batches_tracked"]
    steps, halved = 3 * 7, 3
    assert tracked.item() == steps + (steps - halved) - 3  # 3 last batches are too small to part


def test_a_try_that_is_repeated_draws_the_same(tmp_path: Path) -> None:
    """The step that ran out is made again, whole, with the dropout it had."""
    scarce = Scarce(rows=16, tells=False)
    failed = False

    def once(_rows: int) -> None:
        nonlocal failed
        if not failed:
            failed = True
            raise torch.OutOfMemoryError("CUDA out of memory")

    recipe = replace(RECIPE, micro_batch=8)
    told = Training(tmp_path / "a", PlainTask(dropout=0.5), replace(recipe, micro_batch=4)).run()
    found = Training(tmp_path / "b", PlainTask(hold=once, dropout=0.5), recipe, memory=scarce).run()

    assert torch.equal(weights_of(told), weights_of(found))


def test_a_resumed_training_knows_what_fits(tmp_path: Path) -> None:
    scarce = Scarce(rows=5, tells=False)
    first = Training(tmp_path, PlainTask(hold=scarce.hold), memory=scarce)
    asked = iter(range(100))
    assert not first.run(lambda: next(asked) >= 9).finished
    task = PlainTask(hold=scarce.hold)

    found = Training(tmp_path, task, memory=scarce).run()

    assert max(task.seen) == 4
    assert [each.step for each in found.ways.adjustments] == [0, 0]


def test_a_row_that_does_not_fit_alone_ends_the_training_in_one_line(tmp_path: Path) -> None:
    scarce = Scarce(rows=0, tells=False)

    with pytest.raises(
        LearningError, match="HOST_OUT_OF_MEMORY: step 0: 1 rows at once do not fit"
    ):
        Training(tmp_path, PlainTask(hold=scarce.hold), memory=scarce).run()


def test_another_error_is_no_lack_of_memory(tmp_path: Path) -> None:
    def broken(_rows: int) -> None:
        raise RuntimeError("a shape is wrong")

    with pytest.raises(RuntimeError, match="a shape is wrong"):
        Training(tmp_path, PlainTask(hold=broken)).run()


def test_the_host_is_never_asked_for_more_than_it_was_told_to(tmp_path: Path) -> None:
    task = PlainTask()

    Training(tmp_path, task).run()

    assert task.seen[0] == RECIPE.batch_size
    assert not memory.of(torch.device("cpu")).tells


def test_adjustments_survive_as_json(tmp_path: Path) -> None:
    scarce = Scarce(rows=5, tells=False)

    found = Training(tmp_path, PlainTask(hold=scarce.hold), memory=scarce).run()

    told = json.loads(json.dumps(found.ways.told()))
    assert told["adjustments"][0] == {"step": 0, "was": 16, "rows": 8}
