"""How good a classifier's answers are, from its confusion matrix.

Shapes: C classes; rows of a matrix are the true classes, columns the answers. Every function takes
any number of matrices at once (…, C, C), which makes a bootstrap one call.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
OF_RANKS = ("auroc", "auprc")
"""What is told of probabilities, by their order alone."""


def confusion(labels: Ints, answers: Ints, *, classes: int) -> Ints:
    cells = np.bincount(labels * classes + answers, minlength=classes * classes)
    return cells.reshape(classes, classes).astype(np.int64)


def best_constant(matrix: Ints) -> Ints:
    """The matrix of the classifier that always names the commonest class."""
    constant = np.zeros_like(matrix)
    constant[:, matrix.sum(axis=1).argmax()] = matrix.sum(axis=1)
    return constant


def names(classes: int) -> tuple[str, ...]:
    """What is told of so many classes, of probabilities too; higher is better in all of them."""
    of_answers = tuple(plain(np.ones((classes, classes), dtype=np.int64)))
    return (*of_answers[:-classes], *OF_RANKS, *of_answers[-classes:])


def plain(matrices: Ints) -> dict[str, Floats]:
    """The scores a gate can ask for; higher is better in all of them."""
    recalls = _ratio(_hits(matrices), matrices.sum(axis=-1))
    f1 = _f(matrices, 1.0)
    scores = {
        "accuracy": accuracy(matrices),
        "balanced_accuracy": _mean(recalls),
        "f1_macro": _mean(f1),
        "f1_weighted": _weighted(f1, matrices),
        "recall_min": np.nanmin(recalls, axis=-1),
    }
    by_class = {f"recall_{index}": recalls[..., index] for index in range(recalls.shape[-1])}
    return scores | by_class


def weighted(matrices: Ints) -> dict[str, Floats]:
    """The scores of SageMaker's multiclass model quality, classes weighted by their rows."""
    per_class = {
        "weighted_precision": _ratio(_hits(matrices), matrices.sum(axis=-2)),
        "weighted_recall": _ratio(_hits(matrices), matrices.sum(axis=-1)),
        "weighted_f0_5": _f(matrices, 0.5),
        "weighted_f1": _f(matrices, 1.0),
        "weighted_f2": _f(matrices, 2.0),
    }
    averages = {name: _weighted(value, matrices) for name, value in per_class.items()}
    return {"accuracy": accuracy(matrices)} | averages


def accuracy(matrices: Ints) -> Floats:
    return _ratio(_hits(matrices).sum(axis=-1), matrices.sum(axis=(-2, -1)))


def _hits(matrices: Ints) -> Ints:
    return np.diagonal(matrices, axis1=-2, axis2=-1)


def _f(matrices: Ints, beta: float) -> Floats:
    """Not a number for a class that neither occurs nor is answered."""
    occurs, answered = matrices.sum(axis=-1), matrices.sum(axis=-2)
    return _ratio((1 + beta**2) * _hits(matrices), beta**2 * occurs + answered)


def _weighted(per_class: Floats, matrices: Ints) -> Floats:
    """Each class by its rows."""
    weights = _ratio(matrices.sum(axis=-1), matrices.sum(axis=(-2, -1))[..., None])
    return np.asarray((np.nan_to_num(per_class) * weights).sum(axis=-1))


def _mean(per_class: Floats) -> Floats:
    return np.asarray(np.nanmean(per_class, axis=-1))


def _ratio(part: NDArray[Any], whole: NDArray[Any]) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(whole > 0, part / whole, np.nan)
