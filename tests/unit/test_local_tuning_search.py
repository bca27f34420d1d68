"""Which hyperparameters a tuning job tries, and which training jobs it gives up."""

import random

import pytest

from local.sagemaker.tuning_search import (
    Numbers,
    Space,
    Trial,
    next_parameters,
    outside_its_bracket,
    worse_than_most,
)

SPACE = Space.of({"ContinuousParameterRanges": [{"Name": "x", "MinValue": "-1", "MaxValue": "1"}]})


def searched(strategy: str, seed: str) -> list[float]:
    """How near to 0.3 each of twenty trials came."""
    trials: list[Trial] = []
    for _ in range(20):
        chosen = next_parameters(strategy, SPACE, trials, seed)
        trials.append(Trial(chosen, -((float(chosen["x"]) - 0.3) ** 2)))
    return [abs(float(trial.parameters["x"]) - 0.3) for trial in trials]


def test_the_same_seed_searches_the_same_way() -> None:
    assert searched("Random", "a") == searched("Random", "a")
    assert searched("Random", "a") != searched("Random", "b")


def test_a_surrogate_comes_nearer_than_chance() -> None:
    seeds = [f"seed-{number}" for number in range(10)]
    ours = sum(sum(searched("Bayesian", seed)[10:]) for seed in seeds)
    chance = sum(sum(searched("Random", seed)[10:]) for seed in seeds)

    assert ours < chance


@pytest.mark.parametrize("scaling", ["Linear", "Logarithmic", "ReverseLogarithmic"])
def test_a_share_is_where_a_value_lies(scaling: str) -> None:
    numbers = Numbers("x", 0.1, 0.9, scaling, whole=False)
    for share in (0.0, 0.25, 0.5, 1.0):
        assert numbers.share(numbers.value(share)) == pytest.approx(share)


def test_a_logarithmic_range_has_its_middle_between_the_magnitudes() -> None:
    numbers = Numbers("x", 0.001, 10.0, "Logarithmic", whole=False)

    assert float(numbers.value(0.5)) == pytest.approx(0.1)


def test_whole_numbers_stay_inside() -> None:
    numbers = Numbers("n", 1.5, 3.5, "Linear", whole=True)

    assert {numbers.value(share) for share in (0.0, 0.5, 1.0)} == {"2", "3"}


def test_every_choice_is_sampled() -> None:
    space = Space.of({"CategoricalParameterRanges": [{"Name": "c", "Values": ["a", "b"]}]})
    chance = random.Random(1)

    assert {space.sample(chance)["c"] for _ in range(20)} == {"a", "b"}


def test_a_job_below_the_median_is_given_up() -> None:
    others = [[1.0, 2.0], [2.0, 3.0], [3.0, 4.0]]

    assert worse_than_most([0.5, 1.0], others)
    assert not worse_than_most([2.5, 3.5], others)


def test_nobody_is_given_up_while_little_is_known() -> None:
    assert not worse_than_most([0.0], [[1.0], [1.0]])
    assert not worse_than_most([], [[1.0], [1.0], [1.0]])


def test_a_bracket_keeps_its_best_third() -> None:
    others = [[1.0], [2.0], [3.0]]

    assert outside_its_bracket([0.5], others, 1, 3)
    assert not outside_its_bracket([2.5], others, 1, 3)
    assert not outside_its_bracket([0.5], others, 3, 3)
