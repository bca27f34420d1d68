"""Judges a candidate, and the champion beside it, on the rows of one holdout."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

import numpy as np
import torch
from torch import Tensor

from training import intervals, paired, scores
from training.artifact import Artifact
from training.calibration import Calibration
from training.data import Rows
from training.failure import CodeError, ConfigError
from training.intervals import CONFIDENCE, Interval
from training.power import detectable, rows_to_decide
from training.scores import Floats, Ints
from training.verbs import featured, predict

_BATCH: Final = 1024
_KEPT: Final = 1 << 25  # probabilities of one model in memory at once: 128 MiB


@dataclass(frozen=True)
class Answers:
    """Of one model to all rows; probabilities when its task gives them and they are not too many.

    Of those that are too many the calibration is told, and nothing that needs their order.
    """

    digest: str
    labels: Ints
    predicted: Ints
    probabilities: Floats | None
    classes: int
    calibration: Calibration | None = None

    @cached_property
    def confusion(self) -> Ints:
        return scores.confusion(self.labels, self.predicted, classes=self.classes)

    @cached_property
    def metrics(self) -> dict[str, float]:
        """What the rows cannot tell, such as the recall of a class without rows, is left out."""
        told = {name: float(value) for name, value in scores.plain(self.confusion).items()}
        if self.calibration is not None:
            told |= self.calibration.metrics
        if self.probabilities is not None:
            told["auroc"] = paired.auroc(self.labels, self.probabilities)
            told["auprc"] = paired.auprc(self.labels, self.probabilities)
        return {name: value for name, value in told.items() if np.isfinite(value)}


@dataclass(frozen=True)
class Comparison:
    """Candidate minus champion; p is the chance of a difference so far from none by luck alone."""

    metric: str
    difference: float
    interval: Interval
    test: str
    p: float | None = None
    detectable: float | None = None  # the least difference that these rows show, 9 times in 10
    rows_to_decide: int | None = None  # that show the difference seen, 9 times in 10


@dataclass
class Asked:
    """One model that is asked about all rows, portion by portion.

    Classes are those of the holdout: a champion that knows fewer is wrong there, not broken.
    """

    artifact: Artifact
    classes: int
    device: torch.device
    predicted: list[Ints] = field(default_factory=list)
    probabilities: list[Floats] = field(default_factory=list)
    calibration: Calibration = field(default_factory=Calibration)

    def hear(self, rows: Rows) -> None:
        own = [rows.columns.index(name) for name in self.artifact.columns]
        raw_NF = rows.raw_NF if own == list(range(len(rows.columns))) else rows.raw_NF[:, own]
        x_NF = featured(self.artifact.task, raw_NF.to(self.device))
        predicted = _whole(predict(self.artifact.task, self.artifact.model, x_NF, batch=_BATCH))
        if predicted.min() < 0 or predicted.max() >= self._all_classes:
            raise CodeError(
                "MODEL_CODE_BROKEN",
                f"predict of Task gave class {predicted.min()} to {predicted.max()}:"
                f" [data] classes allows 0 to {self._all_classes - 1}",
            )
        self.predicted.append(predicted)
        p_NC = _probabilities(self.artifact, x_NF, classes=self._all_classes)
        if p_NC is not None:
            self.calibration.add(rows.labels_N.numpy(), p_NC)
            self._keep(p_NC)

    def answers(self, labels: Ints) -> Answers:
        told = self.calibration.rows == len(labels)
        kept = sum(map(len, self.probabilities)) == len(labels)
        return Answers(
            digest=self.artifact.digest,
            labels=labels,
            predicted=np.concatenate(self.predicted),
            probabilities=np.concatenate(self.probabilities) if kept else None,
            classes=self._all_classes,
            calibration=self.calibration if told else None,
        )

    @property
    def _all_classes(self) -> int:
        return max(self.classes, self.artifact.classes)

    def _keep(self, p_NC: Floats) -> None:
        """All of them or none."""
        if self.calibration.rows * self._all_classes > _KEPT:
            self.probabilities.clear()
        else:
            self.probabilities.append(p_NC)


def compare(
    candidate: Answers,
    champion: Answers,
    *,
    metric: str,
    seed: int,
    confidence: float = CONFIDENCE,
) -> Comparison:
    """Exact where there is an exact tool; every other score by a paired bootstrap."""
    classes = max(candidate.classes, champion.classes)
    ours, theirs = replace(candidate, classes=classes), replace(champion, classes=classes)
    difference = _value(ours, metric) - _value(theirs, metric)
    if not np.isfinite(difference):
        raise ConfigError(
            "METRIC_UNKNOWN",
            f"[evaluation] metric {metric} cannot be told from this holdout: choose another metric,"
            " or a holdout with rows of that class",
        )
    if metric == "auroc":
        return _of_ranks(ours, theirs, confidence)
    chosen = _rows_of(metric, ours.labels)
    if chosen is not None:
        return of_answers(metric, ours, theirs, chosen=chosen, confidence=confidence)
    interval = intervals.paired_bootstrap(
        ours.labels,
        ours.predicted,
        theirs.predicted,
        classes=classes,
        score=_score(metric),
        seed=seed,
        confidence=confidence,
    )
    return Comparison(metric, difference, interval, "paired bootstrap")


def with_constant(candidate: Answers, *, confidence: float = CONFIDENCE) -> Comparison:
    """Beside the classifier that always names the commonest class."""
    commonest = np.bincount(candidate.labels).argmax()
    constant = replace(candidate, predicted=np.full_like(candidate.predicted, commonest))
    return of_answers("accuracy", candidate, constant, confidence=confidence)


def of_answers(
    metric: str,
    candidate: Answers,
    champion: Answers,
    *,
    chosen: slice | Ints = slice(None),
    confidence: float = CONFIDENCE,
) -> Comparison:
    """Of the share of right answers to the chosen rows."""
    labels = candidate.labels[chosen]
    right = candidate.predicted[chosen] == labels
    was_right = champion.predicted[chosen] == labels
    gained, lost = int((right & ~was_right).sum()), int((~right & was_right).sum())
    rows, differing = len(labels), (gained + lost) / len(labels)
    difference = (gained - lost) / rows
    return Comparison(
        metric,
        difference,
        intervals.paired_accuracy(gained, lost, rows, confidence=confidence),
        "McNemar, exact",
        paired.mcnemar_two_sided(gained, lost),
        detectable(rows, differing, confidence=confidence),
        rows_to_decide(abs(difference), differing, confidence=confidence),
    )


def _of_ranks(candidate: Answers, champion: Answers, confidence: float) -> Comparison:
    assert candidate.probabilities is not None
    assert champion.probabilities is not None
    difference, interval, p = paired.delong(
        candidate.labels,
        _padded(candidate.probabilities, candidate.classes),
        _padded(champion.probabilities, champion.classes),
        confidence=confidence,
    )
    return Comparison("auroc", difference, interval, "DeLong", p)


def _padded(p_NC: Floats, classes: int) -> Floats:
    """A class that a model does not know it gives no chance."""
    missing = classes - p_NC.shape[1]
    return np.pad(p_NC, ((0, 0), (0, missing))) if missing else p_NC


def _rows_of(metric: str, labels: Ints) -> slice | Ints | None:
    """The rows whose share of right answers is the metric, where it is one."""
    if metric == "accuracy":
        return slice(None)
    _, _, of_class = metric.partition("recall_")
    return np.flatnonzero(labels == int(of_class)) if of_class.isdecimal() else None


def _value(answers: Answers, metric: str) -> float:
    """A metric alone; not a number where these answers cannot tell it."""
    if metric != "auroc":
        return float(scores.plain(answers.confusion)[metric])
    if answers.probabilities is None:
        return math.nan
    return paired.auroc(answers.labels, answers.probabilities)


def _score(metric: str) -> Callable[[Ints], Floats]:
    return lambda matrices: scores.plain(matrices)[metric]


def _whole(predicted: Tensor) -> Ints:
    if predicted.is_floating_point() or predicted.is_complex():
        raise CodeError(
            "MODEL_CODE_BROKEN", f"predict of Task gave {predicted.dtype}: classes are integers"
        )
    whole: Ints = predicted.cpu().numpy().astype(np.int64)
    return whole


def _probabilities(artifact: Artifact, x_NF: Tensor, *, classes: int) -> Floats | None:
    give = getattr(artifact.task, "probabilities", None)
    if give is None:
        return None
    with torch.inference_mode():
        parts = [give(artifact.model, x_BF) for x_BF in torch.split(x_NF, _BATCH)]
    p_NC: Floats = torch.cat(parts).float().cpu().numpy()
    if p_NC.shape != (len(x_NF), artifact.classes) or not np.isfinite(p_NC).all():
        raise CodeError(
            "MODEL_CODE_BROKEN",
            f"probabilities of Task gave shape {p_NC.shape} or values that are no numbers:"
            f" it must be {len(x_NF)} rows of {artifact.classes}",
        )
    return _padded(p_NC, classes)
