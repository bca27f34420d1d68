"""Scores agree with scikit-learn, and intervals cover what they promise to cover."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as oracle

from training import intervals, scores
from training.calibration import Calibration
from training.evaluate import Answers, compare
from training.failure import ConfigError
from training.scores import Floats, Ints


def some_answers(rows: int = 400, *, seed: int = 0, right: float = 0.8) -> tuple[Ints, Ints]:
    random = np.random.default_rng(seed)
    labels = random.integers(0, 4, rows)
    wrong = random.integers(0, 4, rows)
    return labels, np.where(random.random(rows) < right, labels, wrong)


def answers(labels: Ints, predicted: Ints) -> Answers:
    return Answers("d" * 64, labels, predicted, None, 4)


def test_the_scores_are_those_of_scikit_learn() -> None:
    labels, predicted = some_answers()

    matrix = scores.confusion(labels, predicted, classes=4)

    assert matrix.tolist() == oracle.confusion_matrix(labels, predicted).tolist()
    plain, weighted = scores.plain(matrix), scores.weighted(matrix)
    assert plain["accuracy"] == pytest.approx(oracle.accuracy_score(labels, predicted))
    assert plain["f1_macro"] == pytest.approx(oracle.f1_score(labels, predicted, average="macro"))
    balanced = oracle.balanced_accuracy_score(labels, predicted)
    assert plain["balanced_accuracy"] == pytest.approx(balanced)
    assert plain["f1_weighted"] == pytest.approx(
        oracle.f1_score(labels, predicted, average="weighted")
    )
    recalls = oracle.recall_score(labels, predicted, average=None)
    assert plain["recall_min"] == pytest.approx(min(recalls))
    assert [plain[f"recall_{index}"] for index in range(4)] == pytest.approx(list(recalls))
    for name, beta in (("weighted_f0_5", 0.5), ("weighted_f1", 1.0), ("weighted_f2", 2.0)):
        expected = oracle.fbeta_score(labels, predicted, beta=beta, average="weighted")
        assert weighted[name] == pytest.approx(expected)
    expected = oracle.precision_score(labels, predicted, average="weighted")
    assert weighted["weighted_precision"] == pytest.approx(expected)


def dirichlet(rows: int, *, classes: int = 4, seed: int = 1) -> Floats:
    return np.random.default_rng(seed).dirichlet(np.ones(classes), rows)


def calibrated(labels: Ints, probabilities: Floats, *, parts: int = 1) -> dict[str, float]:
    found = Calibration()
    for some in np.array_split(np.arange(len(labels)), parts):
        found.add(labels[some], probabilities[some])
    return found.metrics


def test_the_losses_are_those_of_scikit_learn() -> None:
    labels, _ = some_answers()
    probabilities = dirichlet(len(labels))

    found = calibrated(labels, probabilities)

    assert found["log_loss"] == pytest.approx(oracle.log_loss(labels, probabilities))
    brier = oracle.brier_score_loss(labels, probabilities, scale_by_half=False)
    assert found["brier"] == pytest.approx(brier)


def test_losses_do_not_depend_on_how_the_rows_come() -> None:
    labels, _ = some_answers()
    probabilities = dirichlet(len(labels))

    in_parts = calibrated(labels, probabilities, parts=7)

    assert in_parts == pytest.approx(calibrated(labels, probabilities))


def test_sure_and_right_is_calibrated_sure_and_wrong_is_not() -> None:
    sure = np.eye(4)[[0, 1, 2, 3]]

    assert calibrated(np.arange(4), sure)["ece"] == 0.0
    assert calibrated(np.array([1, 2, 3, 0]), sure)["ece"] == 1.0


def test_the_recall_of_a_class_without_rows_is_not_told() -> None:
    told = answers(np.array([0, 1, 1]), np.array([0, 1, 0])).metrics

    assert "recall_3" not in told
    assert told["recall_min"] == 0.5


def test_the_best_constant_answer_is_the_commonest_class() -> None:
    matrix = scores.confusion(np.array([0, 1, 1, 2]), np.array([0, 1, 0, 2]), classes=3)

    assert scores.accuracy(scores.best_constant(matrix)) == 0.5


def likeliest_score(gained: int, lost: int, rows: int, difference: float) -> float:
    """Tango's statistic with its nuisance parameter found by search, not by the closed form."""
    shares = np.linspace(max(0.0, -difference), (1 - difference) / 2, 200_001)[1:-1]
    same = rows - gained - lost
    likelihood = (
        gained * np.log(shares + difference)
        + lost * np.log(shares)
        + same * np.log(1 - 2 * shares - difference)
    )
    share = shares[likelihood.argmax()]
    variance = rows * (2 * share + difference * (1 - difference))
    return float((gained - lost - rows * difference) / variance**0.5)


@pytest.mark.parametrize(("gained", "lost", "rows"), [(12, 2, 50), (9, 1, 44), (3, 8, 360)])
def test_the_edges_of_the_paired_interval_are_where_the_score_test_turns(
    gained: int, lost: int, rows: int
) -> None:
    interval = intervals.paired_accuracy(gained, lost, rows)

    assert likeliest_score(gained, lost, rows, interval.low) == pytest.approx(1.96, abs=1e-3)
    assert likeliest_score(gained, lost, rows, interval.high) == pytest.approx(-1.96, abs=1e-3)


@pytest.mark.parametrize(
    ("gain", "loss", "rows"), [(0.04, 0.03, 360), (0.02, 0.02, 360), (0.10, 0.02, 100)]
)
def test_the_paired_interval_covers_the_truth_19_times_in_20(
    gain: float, loss: float, rows: int
) -> None:
    random = np.random.default_rng(7)
    drawn = random.multinomial(rows, [gain, loss, 1 - gain - loss], size=600)
    found = [intervals.paired_accuracy(int(g), int(lost), rows) for g, lost, _ in drawn]

    covered = np.mean([i.low <= gain - loss <= i.high for i in found])

    assert 0.925 <= covered <= 0.985


def test_two_models_that_never_differ_are_not_proven_equal() -> None:
    interval = intervals.paired_accuracy(0, 0, 360)

    assert interval.low == pytest.approx(-interval.high)
    assert 0.005 < interval.high < 0.02


def test_the_bootstrap_agrees_with_the_exact_tool() -> None:
    labels, candidate = some_answers(seed=1, right=0.9)
    _, champion = some_answers(seed=1, right=0.8)
    gained = int(((candidate == labels) & (champion != labels)).sum())
    lost = int(((candidate != labels) & (champion == labels)).sum())

    exact = intervals.paired_accuracy(gained, lost, len(labels))
    drawn = intervals.paired_bootstrap(
        labels, candidate, champion, classes=4, score=scores.accuracy, seed=3
    )

    assert drawn.low == pytest.approx(exact.low, abs=0.01)
    assert drawn.high == pytest.approx(exact.high, abs=0.01)


def test_the_same_seed_gives_the_same_comparison() -> None:
    labels, candidate = some_answers(seed=1, right=0.9)
    _, champion = some_answers(seed=1, right=0.8)
    first, second = (
        compare(answers(labels, candidate), answers(labels, champion), metric="f1_macro", seed=5)
        for _ in range(2)
    )

    assert first == second
    assert first.interval.low < first.difference < first.interval.high


def test_a_score_the_holdout_cannot_tell_is_no_metric() -> None:
    found = answers(np.array([0, 1, 1]), np.array([0, 1, 0]))

    with pytest.raises(ConfigError, match=r"METRIC_UNKNOWN.*recall_3 cannot be told"):
        compare(found, found, metric="recall_3", seed=1)


def test_the_scores_are_known_by_name_before_there_are_answers() -> None:
    matrix = scores.confusion(*some_answers(), classes=4)

    assert set(scores.names(4)) == {*scores.plain(matrix), "auroc", "auprc"}


def test_many_classes_are_drawn_in_portions_that_fit_into_memory() -> None:
    labels, candidate = some_answers(seed=1, right=0.9)
    _, champion = some_answers(seed=1, right=0.8)
    few, many = (
        intervals.paired_bootstrap(
            labels, candidate, champion, classes=classes, score=scores.accuracy, seed=3
        )
        for classes in (4, 200)
    )

    assert many == few


def test_the_deviation_of_accuracy_is_the_binomial_one() -> None:
    labels, predicted = some_answers(1000)
    matrix = scores.confusion(labels, predicted, classes=4)
    accuracy = float(scores.accuracy(matrix))

    found = intervals.deviations(matrix, scores.weighted, seed=1)["accuracy"]

    assert found == pytest.approx((accuracy * (1 - accuracy) / 1000) ** 0.5, rel=0.1)
