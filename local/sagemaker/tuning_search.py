"""Which hyperparameters a tuning job tries next: pure, and the same again for the same seed."""

import itertools
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

_CANDIDATES = 64
_FIRST_AT_RANDOM = 3
Parameters = Mapping[str, str]


@dataclass(frozen=True)
class Trial:
    """One training job so far; `value` is the larger the better."""

    parameters: Parameters
    value: float | None


@dataclass(frozen=True)
class Numbers:
    """A range of numbers, walked on a scale from 0 to 1."""

    name: str
    low: float
    high: float
    scaling: str
    whole: bool

    def value(self, share: float) -> str:
        number = self._at(share)
        if not self.whole:
            return repr(number)
        return str(min(max(round(number), math.ceil(self.low)), math.floor(self.high)))

    def share(self, value: str) -> float:
        """Where a value lies; the inverse of `value`."""
        number, low, high = float(value), self.low, self.high
        if high == low:
            return 0.0
        match self.scaling:
            case "Logarithmic":
                return math.log(number / low) / math.log(high / low)
            case "ReverseLogarithmic":
                return 1.0 - math.log((1 - number) / (1 - high)) / math.log((1 - low) / (1 - high))
            case _:
                return (number - low) / (high - low)

    def _at(self, share: float) -> float:
        low, high = self.low, self.high
        match self.scaling:
            case "Logarithmic":
                return low * math.pow(high / low, share)
            case "ReverseLogarithmic":
                return 1 - (1 - high) * math.pow((1 - low) / (1 - high), 1 - share)
            case _:
                return low + (high - low) * share


@dataclass(frozen=True)
class Choices:
    """A range of texts."""

    name: str
    values: Sequence[str]


@dataclass(frozen=True)
class Space:
    """Everything that can be tried."""

    numbers: Sequence[Numbers]
    choices: Sequence[Choices]

    @staticmethod
    def of(ranges: Mapping[str, Any]) -> "Space":
        whole = [_numbers(each, whole=True) for each in ranges.get("IntegerParameterRanges", [])]
        real = [_numbers(each, whole=False) for each in ranges.get("ContinuousParameterRanges", [])]
        texts = ranges.get("CategoricalParameterRanges", [])
        return Space([*whole, *real], [Choices(each["Name"], each["Values"]) for each in texts])

    def grid(self) -> list[dict[str, str]]:
        """Every combination of the choices."""
        names = [each.name for each in self.choices]
        rows = itertools.product(*(each.values for each in self.choices))
        return [dict(zip(names, row, strict=True)) for row in rows]

    def sample(self, chance: random.Random) -> dict[str, str]:
        found = {each.name: each.value(chance.random()) for each in self.numbers}
        return found | {each.name: chance.choice(each.values) for each in self.choices}

    def distance(self, one: Parameters, other: Parameters) -> float:
        """How unlike two samples are: each parameter counts from 0 to 1."""
        numbers = sum((n.share(one[n.name]) - n.share(other[n.name])) ** 2 for n in self.numbers)
        return math.sqrt(numbers + sum(one[c.name] != other[c.name] for c in self.choices))


def next_parameters(
    strategy: str, space: Space, trials: Sequence[Trial], seed: str
) -> dict[str, str]:
    """What the next training job tries."""
    if strategy == "Grid":
        return space.grid()[len(trials)]
    chance = random.Random(f"{seed}:{len(trials)}")
    known = [trial for trial in trials if trial.value is not None]
    if strategy != "Bayesian" or len(known) < _FIRST_AT_RANDOM:
        return space.sample(chance)
    candidates = [space.sample(chance) for _ in range(_CANDIDATES)]
    return max(candidates, key=lambda each: _promise(space, each, trials, known))


def worse_than_most(curve: Sequence[float], others: Sequence[Sequence[float]]) -> bool:
    """Whether a job's running mean is below the median of the others' at the same step."""
    step = len(curve)
    if not step:
        return False
    means = [_mean(other[:step]) for other in others if len(other) >= step]
    return len(means) >= _FIRST_AT_RANDOM and _mean(curve) < median(means)


def outside_its_bracket(
    curve: Sequence[float], others: Sequence[Sequence[float]], least: int, most: int
) -> bool:
    """Hyperband's halving: at each rung only the best third of the jobs goes on."""
    rung = least
    while rung < most:
        there = [other[rung - 1] for other in others if len(other) >= rung]
        if len(curve) >= rung and len(there) >= _FIRST_AT_RANDOM:
            better = sum(value > curve[rung - 1] for value in there)
            if better >= math.ceil((len(there) + 1) / 3):
                return True
        rung *= 3
    return False


def _promise(
    space: Space, candidate: Parameters, trials: Sequence[Trial], known: Sequence[Trial]
) -> float:
    """The mean of what is known, near things weighing more, and the more the less is known."""
    values = [trial.value for trial in known if trial.value is not None]
    weights = [math.exp(-8 * space.distance(candidate, trial.parameters) ** 2) for trial in known]
    total = sum(weights)
    mean = sum(w * v for w, v in zip(weights, values, strict=True)) / total if total else 0.0
    spread = (max(values) - min(values)) or 1.0
    nearest = min(space.distance(candidate, trial.parameters) for trial in trials)
    return mean + spread * nearest * 0.5


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _numbers(told: Mapping[str, Any], *, whole: bool) -> Numbers:
    low, high = float(told["MinValue"]), float(told["MaxValue"])
    scaling = told.get("ScalingType", "Auto")
    if scaling == "Auto":
        scaling = "Logarithmic" if low > 0 and high / low >= 1000 else "Linear"
    return Numbers(told["Name"], low, high, scaling, whole)
