"""model.toml is read strictly, and what it leaves out has a sensible value."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.container import MODEL_TOML
from training.config import Bound, Config, Recipe
from training.failure import ConfigError


def test_what_training_needs_is_read() -> None:
    config = Config.parse(MODEL_TOML.encode())

    assert config == Config(
        format="parquet",
        features=("x_*",),
        target="label",
        classes=3,
        bounds=(Bound("x_*", -20.0, 20.0),),
        recipe=Recipe(epochs=4, batch_size=16, checkpoint_every=2),
        metric="accuracy",
    )


def test_the_digits_model_is_valid() -> None:
    text = (Path(__file__).parents[2] / "models" / "digits" / "model.toml").read_bytes()

    assert Config.parse(text).classes == 10


@pytest.mark.parametrize(
    ("was", "becomes", "words"),
    [
        ("classes = 3", "classes = 3.5", "classes is 3.5: it must be a whole number"),
        ("classes = 3", "classes = true", "classes is True: it must be a whole number"),
        ("classes = 3", "classes = 1", "classes is 1: 2 at least"),
        ('features = ["x_*"]', "features = []", "must be a list of column names"),
        ('features = ["x_*"]', 'features = ["x", 1]', "must be a list of column names"),
        ('target = "label"', "target = 7", "target is 7: it must be a string"),
        ("[-20, 20]", "[20, -20]", "low is above high"),
        ("[-20, 20]", "[20]", "it must be [low, high]"),
        ("[-20, 20]", '["a", 1]', "'a': it must be a number"),
        ("epochs = 4", "epochs = 0", "epochs is 0: it must be above 0"),
        ("epochs = 4", 'epochs = "4"', "it must be a whole number"),
        ("epochs = 4", "epoch = 4", "known are epochs"),
        ("[data]", "[data", "is no TOML"),
    ],
)
def test_a_bad_value_is_refused_with_its_place(was: str, becomes: str, words: str) -> None:
    with pytest.raises(ConfigError, match="CONFIG_INVALID") as refused:
        Config.parse(MODEL_TOML.replace(was, becomes).encode())

    assert words in str(refused.value)
