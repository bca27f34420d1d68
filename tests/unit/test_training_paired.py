"""Paired tests agree with scipy, scikit-learn and brute force; many of them count together."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats  # type: ignore[import-untyped]  # it has no types
from sklearn import metrics as oracle

from training.intervals import paired_accuracy
from training.paired import auprc, auroc, delong, holm, mcnemar, mcnemar_two_sided
from training.power import detectable, rows_to_decide
from training.scores import Floats, Ints

COUNTS = st.integers(0, 400)
CHANCES = st.lists(st.floats(0, 1), min_size=1, max_size=8)


@given(gained=COUNTS, lost=COUNTS)
def test_mcnemars_test_is_the_exact_binomial_one(gained: int, lost: int) -> None:
    if not gained + lost:
        assert mcnemar(gained, lost) == mcnemar_two_sided(gained, lost) == 1.0
        return

    worse = stats.binomtest(gained, gained + lost, alternative="less").pvalue
    other = stats.binomtest(gained, gained + lost).pvalue

    assert mcnemar(gained, lost) == pytest.approx(worse, rel=1e-9)
    assert mcnemar_two_sided(gained, lost) == pytest.approx(other, rel=1e-9)


def test_mcnemars_test_takes_millions_of_rows() -> None:
    assert mcnemar(1_000_000, 1_000_000) == pytest.approx(0.5, abs=1e-3)
    assert mcnemar(1_000_000, 1_010_000) < 1e-9
    assert mcnemar(0, 2_000_000) == 0.0


@given(CHANCES)
def test_holms_correction_is_that_of_the_closed_test(chances: list[float]) -> None:
    """The largest Bonferroni p-value of all groups of hypotheses that hold this one."""
    among = range(len(chances))
    groups = [g for size in range(1, len(chances) + 1) for g in combinations(among, size)]
    told = [min(1.0, len(g) * min(chances[at] for at in g)) for g in groups]
    closed = [max(p for g, p in zip(groups, told, strict=True) if at in g) for at in among]

    assert holm(chances) == pytest.approx(closed)


def test_of_no_chances_none_is_told() -> None:
    assert holm([]) == []


def answered(rows: int, classes: int, *, seed: int, sure: float = 1.0) -> tuple[Ints, Floats]:
    """Coarse probabilities, so that many are alike."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, rows)
    logits = random.normal(size=(rows, classes)) + sure * np.eye(classes)[labels]
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    coarse = np.round(shares, 2) + 1e-3
    return labels, coarse / coarse.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("classes", [2, 3, 5])
@pytest.mark.parametrize("seed", range(3))
def test_scores_of_ranks_are_those_of_scikit_learn(classes: int, seed: int) -> None:
    labels, given = answered(300, classes, seed=seed)

    if classes == 2:
        area = oracle.roc_auc_score(labels, given[:, 1])
        precision = oracle.average_precision_score(labels, given[:, 1])
    else:
        area = oracle.roc_auc_score(labels, given, multi_class="ovr")
        precision = oracle.average_precision_score(np.eye(classes)[labels], given)

    assert auroc(labels, given) == pytest.approx(area)
    assert auprc(labels, given) == pytest.approx(precision)


def brute_delong(labels: Ints, ours: Floats, theirs: Floats) -> tuple[float, float]:
    """By every pair of a positive and a negative row, as the paper has it."""
    areas, tens, ones = [], [], []
    for scores in (ours, theirs):
        yes, no = scores[labels == 1], scores[labels == 0]
        psi = (yes[:, None] > no[None, :]) + 0.5 * (yes[:, None] == no[None, :])
        areas.append(psi.mean())
        tens.append(psi.mean(axis=1))
        ones.append(psi.mean(axis=0))
    s10, s01 = np.cov(np.array(tens)), np.cov(np.array(ones))
    whole = s10 / len(tens[0]) + s01 / len(ones[0])
    variance = whole[0, 0] + whole[1, 1] - 2 * whole[0, 1]
    return float(areas[0] - areas[1]), float(variance**0.5)


@pytest.mark.parametrize("seed", range(4))
def test_delongs_test_is_that_of_all_pairs(seed: int) -> None:
    labels, ours = answered(160, 2, seed=seed, sure=1.5)
    theirs = (ours + np.random.default_rng(seed + 9).dirichlet([1, 1], 160)) / 2
    difference, error = brute_delong(labels, ours[:, 1], theirs[:, 1])

    found, interval, p = delong(labels, ours, theirs, confidence=0.95)

    assert found == pytest.approx(difference)
    assert (interval.high - interval.low) / 2 == pytest.approx(1.959964 * error)
    assert p == pytest.approx(2 * stats.norm.sf(abs(difference) / error))


@pytest.mark.parametrize("classes", [2, 4])
def test_delongs_interval_covers_the_truth_19_times_in_20(classes: int) -> None:
    """Two models that are equally good, of many classes too."""
    covered = 0
    for seed in range(300):
        labels, ours = answered(200, classes, seed=seed)
        random = np.random.default_rng(seed + 10_000)
        logits = random.normal(size=ours.shape) + np.eye(classes)[labels]
        theirs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        _, interval, _ = delong(labels, ours, theirs, confidence=0.95)
        covered += interval.low <= 0 <= interval.high

    assert 0.91 <= covered / 300 <= 0.985


def test_a_model_beside_itself_differs_by_nothing() -> None:
    labels, ours = answered(200, 3, seed=1)

    difference, interval, p = delong(labels, ours, ours, confidence=0.95)

    assert (difference, interval.low, interval.high, p) == (0.0, 0.0, 0.0, 1.0)


@pytest.mark.parametrize(("gain", "loss"), [(0.03, 0.02), (0.06, 0.04), (0.02, 0.005)])
def test_the_rows_that_decide_do_so_nine_times_in_ten(gain: float, loss: float) -> None:
    rows = rows_to_decide(gain - loss, gain + loss, confidence=0.95)
    assert rows is not None

    random = np.random.default_rng(5)
    drawn = random.multinomial(rows, [gain, loss, 1 - gain - loss], size=1000)
    shown = np.mean([paired_accuracy(int(g), int(lost), rows).low > 0 for g, lost, _ in drawn])

    assert 0.87 <= shown <= 0.95


@given(rows=st.integers(50, 100_000), differing=st.floats(0.001, 1))
def test_what_is_detectable_is_what_so_many_rows_decide(rows: int, differing: float) -> None:
    least = detectable(rows, differing, confidence=0.95)

    if least is None:
        needed = rows_to_decide(differing, differing, confidence=0.95)
        assert needed is None or needed > rows
    else:
        assert 0 < least <= differing
        assert (rows_to_decide(least, differing, confidence=0.95) or 0) <= rows
        nearly = rows_to_decide(least * 0.99, differing, confidence=0.95)
        assert nearly is None or nearly > rows - 1


def test_no_holdout_decides_what_is_not_there() -> None:
    assert rows_to_decide(0.0, 0.1, confidence=0.95) is None
    assert rows_to_decide(-0.1, 0.1, confidence=0.95) is None
