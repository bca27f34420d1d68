"""What a recipe asks of the steps, they do; and whatever they do, the same seed does again."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tests.fakes.learning import RECIPE, PlainTask, Training, cloud_rows, weights_of
from training import compiled
from training.average import Average
from training.config import Recipe
from training.data import Rows
from training.failure import LearningError
from training.learner import Learner
from training.log import Log
from training.memory import Host
from training.parallel import World
from training.schedule import rate
from training.source import Held

RECIPES = {
    "as it comes": RECIPE,
    "clipped": replace(RECIPE, clip_norm=0.1),
    "averaged": replace(RECIPE, ema=0.9),
    "bfloat16": replace(RECIPE, precision="bfloat16"),
    "constant": replace(RECIPE, schedule="constant", warm_up=0.0),
    "accumulated": replace(RECIPE, micro_batch=5),
    "skipping": replace(RECIPE, not_finite="skip"),
    "all of it": replace(RECIPE, clip_norm=0.5, ema=0.9, precision="bfloat16", micro_batch=6),
}


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_the_same_seed_gives_the_same_bits(tmp_path: Path, recipe: Recipe) -> None:
    one = Training(tmp_path / "one", PlainTask(dropout=0.2), recipe)
    two = Training(tmp_path / "two", PlainTask(dropout=0.2), recipe)

    assert torch.equal(weights_of(one.run()), weights_of(two.run()))
    assert one.losses() == two.losses()


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
@pytest.mark.parametrize("asked", [0, 4, 12])
def test_a_stopped_training_ends_in_the_bits_of_a_whole_one(
    tmp_path: Path, recipe: Recipe, asked: int
) -> None:
    whole = Training(tmp_path / "whole", PlainTask(dropout=0.2), recipe)
    parts = Training(tmp_path / "parts", PlainTask(dropout=0.2), recipe)
    times = iter(range(1000))

    assert not parts.run(lambda: next(times) >= asked).finished
    assert torch.equal(weights_of(whole.run()), weights_of(parts.run()))
    assert parts.losses() == whole.losses()


def test_the_other_recipes_learn_something_else(tmp_path: Path) -> None:
    ends = [
        weights_of(Training(tmp_path / name.replace(" ", ""), PlainTask(), recipe).run())
        for name, recipe in RECIPES.items()
        if name not in {"accumulated", "skipping"}
    ]

    assert len({tuple(end.tolist()) for end in ends}) == len(ends)


def test_the_rate_rises_and_then_falls_to_nothing() -> None:
    recipe = Recipe(learning_rate=1.0, warm_up=0.1)

    rates = [rate(recipe, step, steps=100) for step in range(100)]

    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[9]
    assert rates[9:] == sorted(rates[9:], reverse=True)
    assert rates[-1] < 0.001


def test_a_constant_rate_stays_where_it_rose_to() -> None:
    recipe = Recipe(learning_rate=2.0, warm_up=0.0, schedule="constant")

    assert {rate(recipe, step, steps=9) for step in range(9)} == {2.0}


def test_the_average_follows_the_weights_by_its_decay() -> None:
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    average = Average.of(model, 0.75)

    nn.init.ones_(model.weight)
    average.follow()
    average.follow()

    with average.applied():
        assert model.weight.item() == pytest.approx(1 - 0.75**2)
    assert model.weight.item() == 1.0
    average.keep()
    assert model.weight.item() == pytest.approx(1 - 0.75**2)


def holed(row: int) -> Rows:
    rows = cloud_rows()
    rows.raw_NF[row, 1] = math.inf
    return rows


def test_a_loss_that_is_no_number_ends_it_with_the_step_and_the_rows(tmp_path: Path) -> None:
    training = Training(tmp_path, PlainTask(), replace(RECIPE, batch_size=1), rows=holed(13))

    with pytest.raises(LearningError, match=r"the loss of step \d+ is nan \(rows 13 of the"):
        training.run()


def test_a_batch_without_a_finite_loss_can_be_left_out(tmp_path: Path) -> None:
    recipe = replace(RECIPE, not_finite="skip", batch_size=4)

    found = Training(tmp_path, PlainTask(), recipe, rows=holed(13)).run()

    assert found.ways.skipped == RECIPE.epochs
    assert bool(torch.isfinite(weights_of(found)).all())


def learner(recipe: Recipe) -> tuple[Learner, Held]:
    task = PlainTask()
    torch.manual_seed(0)
    made = Learner(
        task=task,
        model=task.build(),
        recipe=recipe,
        seed=1,
        device=torch.device("cpu"),
        memory=Host(),
        world=World(),
        log=Log(Training(Path(), task).said),
    )
    rows = Held.of(cloud_rows(), task, device=torch.device("cpu"), seed=1)
    return made, rows


class Slow(nn.Module):
    """Takes its time."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(300):
            x = x + 0.0
        answer: Tensor = self.model(x)
        return answer


def refuses(_model: nn.Module) -> nn.Module:
    class Broken(nn.Module):
        def forward(self, _x: Tensor) -> Tensor:
            raise RuntimeError("no compiler here")

    return Broken()


@pytest.mark.parametrize("compiler", [Slow, refuses])
def test_a_compiled_model_that_fails_or_is_slower_is_not_kept(compiler: compiled.Compiler) -> None:
    made, rows = learner(Recipe(compile=True))
    before = made.model.state_dict()["0.weight"].clone()

    compiled.choose(made, next(rows.epoch(0, size=16)), compiler=compiler)

    assert not made.ways.compiled
    assert made.runner is made.model
    assert torch.equal(made.model.state_dict()["0.weight"], before)


def test_a_faster_model_is_kept_and_a_resumed_training_has_it_too() -> None:
    made, rows = learner(Recipe(compile=True))
    fast = made.model
    made.runner = Slow(fast)

    compiled.choose(made, next(rows.epoch(0, size=16)), compiler=lambda _: fast)

    assert made.ways.compiled
    assert made.runner is fast
    again, _ = learner(Recipe(compile=True))
    again.ways = made.ways
    compiled.go_on(again, compiler=lambda _: fast)
    assert again.runner is fast


def test_nothing_is_compiled_unasked() -> None:
    made, rows = learner(Recipe())

    compiled.choose(made, next(rows.epoch(0, size=16)), compiler=refuses)

    assert made.runner is made.model
