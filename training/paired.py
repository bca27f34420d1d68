"""Tests of two models on the same rows: exact for answers, DeLong's for ranks, Holm's for many."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from training.intervals import Interval
from training.scores import Floats, Ints

Flags = NDArray[np.bool_]
_NORMAL = NormalDist()


def mcnemar(gained: int, lost: int) -> float:
    """The chance of so few gains, or fewer, when gains and losses are equally likely.

    McNemar's test without the approximation (Psychometrika 12, 1947): of the rows on which two
    models differ, those that the candidate gained follow a binomial distribution of one half.
    """
    differing = gained + lost
    if not differing:
        return 1.0
    few = min(gained, differing - gained - 1)
    if few < 0:
        return 1.0
    tail = _half_binomial(few, differing)
    return min(1.0, tail if few == gained else 1.0 - tail)


def mcnemar_two_sided(gained: int, lost: int) -> float:
    return min(1.0, 2 * min(mcnemar(gained, lost), mcnemar(lost, gained)))


def _half_binomial(most: int, tries: int) -> float:
    """The chance of at most so many of fair coins; in logarithms, for there may be millions."""
    at = np.arange(1, most + 1)
    logs = np.concatenate([[0.0], np.cumsum(np.log((tries - at + 1) / at))])
    highest = float(logs.max())
    return math.exp(highest + math.log(np.exp(logs - highest).sum()) - tries * math.log(2))


def holm(chances: Sequence[float]) -> list[float]:
    """Each p-value as it counts among all of them.

    S. Holm, Scandinavian Journal of Statistics 6, 1979: the chance that any of them is falsely at
    most a is at most a, however they depend on each other.
    """
    adjusted = [1.0] * len(chances)
    least = 0.0
    for done, at in enumerate(sorted(range(len(chances)), key=chances.__getitem__)):
        least = max(least, min(1.0, (len(chances) - done) * chances[at]))
        adjusted[at] = least
    return adjusted


def auroc(labels: Ints, probabilities: Floats) -> float:
    """Of class 1 of two, else the mean over the classes, each against the rest."""
    parts = [_area(labels == c, probabilities[:, c]) for c in _told(labels, probabilities)]
    return float(np.mean(parts)) if parts else math.nan


def auprc(labels: Ints, probabilities: Floats) -> float:
    """Average precision, over classes as `auroc`: the mean precision at each found row."""
    parts = [
        _average_precision(labels == c, probabilities[:, c]) for c in _told(labels, probabilities)
    ]
    return float(np.mean(parts)) if parts else math.nan


def delong(
    labels: Ints, candidate: Floats, champion: Floats, *, confidence: float
) -> tuple[float, Interval, float]:
    """The difference of two AUROCs, its interval, and the chance of one so far from zero by luck.

    E. DeLong, D. DeLong, D. Clarke-Pearson, Biometrics 44, 1988, by the ranks of X. Sun and W. Xu,
    IEEE Signal Processing Letters 21, 2014. Of more than two classes each row's share in the mean
    is the sum of its shares in the classes.
    """
    told = _told(labels, candidate)
    shares, difference = np.zeros(len(labels)), 0.0
    for of_class in told:
        ours, mine = _components(labels == of_class, candidate[:, of_class])
        theirs, its = _components(labels == of_class, champion[:, of_class])
        difference += (ours - theirs) / len(told)
        shares += (mine - its) / len(told)
    error = float(np.sqrt((shares**2).sum()))
    z = _NORMAL.inv_cdf(0.5 + confidence / 2)
    interval = Interval(difference - z * error, difference + z * error, confidence)
    far = abs(difference) / error if error else math.inf if difference else 0.0
    return float(difference), interval, math.erfc(far / math.sqrt(2))


def _told(labels: Ints, probabilities: Floats) -> list[int]:
    """The classes with rows of their own and of others."""
    classes = probabilities.shape[1]
    counts = np.bincount(labels, minlength=classes)
    asked = [1] if classes == 2 else range(classes)
    return [c for c in asked if 0 < counts[c] < len(labels)]


def _area(positive: Flags, scores: Floats) -> float:
    """By the ranks of the positive rows: Mann and Whitney's statistic."""
    m, n = int(positive.sum()), int((~positive).sum())
    return float((_midranks(scores)[positive].sum() - m * (m + 1) / 2) / (m * n))


def _components(positive: Flags, scores: Floats) -> tuple[float, Floats]:
    """The AUROC of one class, and how far each row moves it: the placements of DeLong."""
    yes, no = scores[positive], scores[~positive]
    m, n = len(yes), len(no)
    all_ranks = _midranks(np.concatenate([yes, no]))
    above = (all_ranks[:m] - _midranks(yes)) / n
    below = 1.0 - (all_ranks[m:] - _midranks(no)) / m
    area = float(above.mean())
    moved = np.empty(len(scores))
    moved[positive] = (above - area) / math.sqrt(m * max(m - 1, 1))
    moved[~positive] = (below - area) / math.sqrt(n * max(n - 1, 1))
    return area, moved


def _midranks(values: Floats) -> Floats:
    """Ranks from 1; equal values share the mean of theirs."""
    order = np.argsort(values)
    ranked = values[order]
    starts = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]]))
    ends = np.append(starts[1:], len(values))
    ranks = np.empty(len(values))
    ranks[order] = np.repeat((starts + ends + 1) / 2, ends - starts)
    return ranks


def _average_precision(positive: Flags, scores: Floats) -> float:
    order = np.argsort(-scores)
    ranked, found = scores[order], np.cumsum(positive[order])
    last = np.flatnonzero(np.concatenate([ranked[1:] != ranked[:-1], [True]]))
    found = found[last]
    gains = np.diff(found, prepend=0)
    return float((gains * found / (last + 1)).sum() / found[-1])
