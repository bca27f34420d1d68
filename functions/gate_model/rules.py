"""The rules of `[gates]`, one after the other: what each found, by how much, and how it weighs."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from math import isfinite
from statistics import NormalDist
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from events.words import Digest, Reason
from functions.judgement import Gates

_FEW = 30
"""Rows under which a slice's own accuracy says little."""
_NORMAL = NormalDist()
_CHANCE = 0.9
_ENDLESS = 1e4
"""Times the rows there are: that many are nobody's advice."""


class _Told(BaseModel):
    """A part of `report.json`; what else it holds is for people."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore")


class Judged(_Told):
    """A model's numbers on the holdout."""

    digest: Digest
    metrics: dict[str, float]


class Comparison(_Told):
    """Candidate minus champion on the same rows, with its confidence interval."""

    metric: str
    difference: float
    low: float
    high: float
    confidence: float = Field(gt=0, lt=1)


class Slice(_Told):
    """A part of the holdout; without a champion there is nothing to compare."""

    name: str
    rows: int
    accuracy: float
    difference: float | None = None
    p: float | None = None
    """Chance of so much worse answers of an equally good candidate on any of all slices."""


class Report(_Told):
    """`report.json`, as the evaluation job writes it."""

    run: str
    rows: int = Field(ge=1)
    candidate: Judged
    champion: Judged | None = None
    champion_failure: str | None = None
    """Why the champion gave no answers."""
    comparison: Comparison | None = None
    constant: Comparison | None = None
    """The candidate beside always naming the commonest class."""
    slices: tuple[Slice, ...] = ()
    """Those that `[evaluation] slices` asks for."""
    found: tuple[Slice, ...] = ()
    """Those of the features' values that stood out in a search."""

    @model_validator(mode="after")
    def _compared_when_there_is_a_champion(self) -> Self:
        answered = self.champion is not None and self.champion_failure is None
        if answered != (self.comparison is not None):
            raise ValueError("champion and comparison are there together or not at all")
        return self


class Weight(Enum):
    """What follows from a finding."""

    GOOD = auto()
    UNSURE = auto()
    """For a person, or refused where there is none."""
    BAD = auto()


@dataclass(frozen=True)
class Finding:
    """What one rule found."""

    weight: Weight
    message: str
    reason: Reason | None = None
    margin: float | None = None
    """How far it lies on the good side of the rule; negative: on the bad one."""


def findings(report: Report, gates: Gates) -> Iterator[Finding]:
    """Of all rules, in the order in which they count."""
    yield from _minimums(report, gates)
    yield from _maximums(report, gates)
    yield from _rows(report, gates)
    if report.champion is None:
        yield from _first(report)
    elif report.comparison is not None:
        yield _relative(report.comparison, gates, rows=report.rows)
    yield from _slices(report, gates)
    if gates.approval != "auto":
        yield from _found(report, gates)


def _minimums(report: Report, gates: Gates) -> Iterator[Finding]:
    for metric, least in gates.min.items():
        seen = report.candidate.metrics.get(metric)
        if seen is None or not isfinite(seen):
            yield _unmeasured(metric, f"min = {least:g}")
        elif seen < least:
            said = f"{metric} {seen:.4f} is below the minimum {least:g} on {report.rows} rows"
            yield Finding(Weight.BAD, said, Reason.BELOW_MINIMUM, seen - least)


def _maximums(report: Report, gates: Gates) -> Iterator[Finding]:
    for loss, most in gates.max.items():
        seen = report.candidate.metrics.get(loss)
        if seen is None or not isfinite(seen):
            yield _unmeasured(loss, f"max = {most:g}")
        elif seen > most:
            said = f"{loss} {seen:.4f} is above the maximum {most:g} on {report.rows} rows"
            yield Finding(Weight.BAD, said, Reason.ABOVE_MAXIMUM, most - seen)


def _unmeasured(metric: str, rule: str) -> Finding:
    said = f"{metric} was not measured or is no number, and [gates] {rule} asks for it"
    return Finding(Weight.BAD, said, Reason.NOT_MEASURED)


def _rows(report: Report, gates: Gates) -> Iterator[Finding]:
    if report.rows < gates.min_rows:
        said = f"{report.rows} rows of holdout, [gates] min_rows = {gates.min_rows}"
        short = float(report.rows - gates.min_rows)
        yield Finding(Weight.UNSURE, said, Reason.HOLDOUT_TOO_SMALL, short)


def _first(report: Report) -> Iterator[Finding]:
    compared = report.constant
    if compared is not None and not compared.low > 0:
        said = (
            f"accuracy {compared.difference:+.4f} against naming the commonest class"
            f" {_between(compared)}: it must surely be better"
        )
        yield Finding(Weight.BAD, said, Reason.NO_BETTER_THAN_CONSTANT, compared.low)


def _relative(compared: Comparison, gates: Gates, *, rows: int) -> Finding:
    """Shown, surely not so, or not to be told from this holdout."""
    if not all(map(isfinite, (compared.difference, compared.low, compared.high))):
        return _unmeasured(compared.metric, f"max_drop = {gates.max_drop:g}")
    margin = compared.low + gates.max_drop
    if margin > 0:
        return Finding(Weight.GOOD, against(compared), margin=margin)
    rule = f"{against(compared)}, [gates] max_drop = {gates.max_drop:g}"
    if compared.high < -gates.max_drop:
        return Finding(Weight.BAD, rule, Reason.WORSE_THAN_CHAMPION, margin)
    said = f"{rule}: {rows} rows cannot decide it{_would(compared, gates, rows)}"
    return Finding(Weight.UNSURE, said, Reason.UNDECIDED, margin)


def _would(compared: Comparison, gates: Gates, rows: int) -> str:
    """How many rows would show the same difference nine times in ten, by its error on these."""
    effect = compared.difference + gates.max_drop
    if effect <= 0:
        return ""
    sure = _NORMAL.inv_cdf(0.5 + compared.confidence / 2)
    error = (compared.high - compared.low) / 2 / sure
    reach = (sure + _NORMAL.inv_cdf(_CHANCE)) * error / effect
    times = reach * reach
    return f", about {float(f'{rows * times:.1e}'):.0f} would" if 1 < times < _ENDLESS else ""


def _slices(report: Report, gates: Gates) -> Iterator[Finding]:
    for part in report.slices:
        if part.rows >= _FEW and part.accuracy < gates.slice_min:
            said = f"{_told(part)}: [gates] slice_min = {gates.slice_min:g}"
            yield Finding(Weight.BAD, said, Reason.BELOW_MINIMUM, part.accuracy - gates.slice_min)
        elif _surely_worse(part, gates):
            said = f"{_told(part)}, surely worse: [gates] slice_drop = {gates.slice_drop:g}"
            margin = (part.difference or 0.0) + gates.slice_drop
            yield Finding(Weight.BAD, said, Reason.WORSE_ON_SLICE, margin)


def _found(report: Report, gates: Gates) -> Iterator[Finding]:
    for part in report.found:
        if _surely_worse(part, gates):
            said = f"{_told(part)}, surely worse, of all that were searched"
            yield Finding(Weight.UNSURE, said, Reason.WORSE_ON_SLICE, part.difference)


def _surely_worse(part: Slice, gates: Gates) -> bool:
    if part.p is None or part.difference is None:
        return False
    return part.p <= (1 - gates.confidence) / 2 and part.difference < -gates.slice_drop


def _told(part: Slice) -> str:
    beside = "" if part.difference is None else f", {part.difference:+.4f} against the champion"
    return f"{part.name}: accuracy {part.accuracy:.4f}{beside} on {part.rows} rows"


def against(compared: Comparison) -> str:
    """The comparison with the champion in words."""
    return f"{compared.metric} {compared.difference:+.4f} against the champion {_between(compared)}"


def _between(compared: Comparison) -> str:
    return f"({compared.confidence:.0%} between {compared.low:+.4f} and {compared.high:+.4f})"
