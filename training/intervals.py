"""How sure the scores are: intervals of paired differences, and standard deviations."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.scores import Floats, Ints

CONFIDENCE: Final = 0.95
_RESAMPLES: Final = 2000
_CELLS: Final = 1 << 23  # of matrices in memory at once: 64 MiB
_BISECTIONS: Final = 60


@dataclass(frozen=True)
class Interval:
    low: float
    high: float
    confidence: float = CONFIDENCE


def paired_accuracy(
    gained: int, lost: int, rows: int, *, confidence: float = CONFIDENCE
) -> Interval:
    """Of the difference of two accuracies on the same rows.

    `gained` rows are right now and were wrong before, `lost` the other way round. Tango's score
    interval (Statistics in Medicine 17, 1998): unlike a bootstrap or Wald's interval it keeps its
    coverage on few rows, and does not shrink to a point when two models never differ.
    """
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    difference = (gained - lost) / rows

    def edge(towards: float) -> float:
        inside, outside = difference, towards
        for _ in range(_BISECTIONS):
            middle = (inside + outside) / 2
            if abs(_tango_score(gained, lost, rows, middle)) <= z:
                inside = middle
            else:
                outside = middle
        return inside

    return Interval(edge(-1.0), edge(1.0), confidence)


def paired_bootstrap(
    labels: Ints,
    candidate: Ints,
    champion: Ints,
    *,
    classes: int,
    score: Callable[[Ints], Floats],
    seed: int,
    confidence: float = CONFIDENCE,
) -> Interval:
    """Of the difference of any score on the same rows: Efron's percentile interval.

    Rows are drawn with replacement by drawing how often each (label, answer, answer) occurs: the
    same law as drawing rows one by one, at a cost that does not grow with the rows.
    """
    codes, counts = np.unique(
        (labels * classes + candidate) * classes + champion, return_counts=True
    )
    ours, theirs = codes // classes, codes // classes**2 * classes + codes % classes
    differences = np.concatenate(
        [
            score(_matrices(drawn, ours, classes)) - score(_matrices(drawn, theirs, classes))
            for drawn in _resampled(counts, classes, seed)
        ]
    )
    tail = (1 - confidence) / 2
    low, high = np.nanquantile(differences, [tail, 1 - tail])
    return Interval(float(low), float(high), confidence)


def deviations(
    matrix: Ints, scores: Callable[[Ints], dict[str, Floats]], *, seed: int
) -> dict[str, float]:
    """The bootstrap's standard deviation of each score of one matrix."""
    classes = len(matrix)
    cells = np.flatnonzero(matrix)
    drawn = [
        scores(_matrices(part, cells, classes))
        for part in _resampled(matrix.reshape(-1)[cells], classes, seed)
    ]
    return {
        name: float(np.nanstd(np.concatenate([part[name] for part in drawn]), ddof=1))
        for name in drawn[0]
    }


def _resampled(counts: NDArray[np.int64], classes: int, seed: int) -> Iterator[Ints]:
    """In portions whose matrices fit into memory however many classes there are."""
    rows = int(counts.sum())
    random = np.random.default_rng(seed)
    portion = max(1, _CELLS // max(classes**2, len(counts)))
    for done in range(0, _RESAMPLES, portion):
        yield random.multinomial(rows, counts / rows, size=min(portion, _RESAMPLES - done))


def _matrices(drawn: Ints, cells: Ints, classes: int) -> Ints:
    """Confusion matrices of how often each cell was drawn; a cell may be named more than once."""
    matrices = np.zeros((len(drawn), classes * classes), dtype=np.int64)
    for cell, column in zip(cells, drawn.T, strict=True):
        matrices[:, cell] += column
    return matrices.reshape(-1, classes, classes)


def _tango_score(gained: int, lost: int, rows: int, difference: float) -> float:
    """How many standard errors the counts lie from what the difference would make of them."""
    a = 2.0 * rows
    b = -gained - lost + (2 * rows - gained + lost) * difference
    c = -lost * difference * (1 - difference)
    share = (math.sqrt(max(b * b - 4 * a * c, 0.0)) - b) / (2 * a)
    variance = rows * (2 * share + difference * (1 - difference))
    error = gained - lost - rows * difference
    if variance <= 0:
        return 0.0 if error == 0 else math.copysign(math.inf, error)
    return error / math.sqrt(variance)
