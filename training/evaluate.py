"""Judges a candidate, and the champion beside it, on the rows of one holdout."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
from torch import Tensor

from training import intervals, scores
from training.artifact import Artifact
from training.data import Rows
from training.failure import CodeError, ConfigError
from training.intervals import Interval
from training.scores import Floats, Ints
from training.verbs import featured, predict

_BATCH: Final = 1024


@dataclass(frozen=True)
class Answers:
    """Of one model to all rows; probabilities when its task gives them."""

    digest: str
    labels: Ints
    predicted: Ints
    probabilities: Floats | None
    classes: int

    @property
    def confusion(self) -> Ints:
        return scores.confusion(self.labels, self.predicted, classes=self.classes)

    @property
    def metrics(self) -> dict[str, float]:
        """What the rows cannot tell, such as the recall of a class without rows, is left out."""
        told = {name: float(value) for name, value in scores.plain(self.confusion).items()}
        if self.probabilities is not None:
            told["log_loss"] = scores.log_loss(self.labels, self.probabilities)
            told["ece"] = scores.calibration_error(self.labels, self.probabilities)
        return {name: value for name, value in told.items() if np.isfinite(value)}


@dataclass(frozen=True)
class Comparison:
    """Candidate minus champion."""

    metric: str
    difference: float
    interval: Interval


def answers(artifact: Artifact, rows: Rows, *, classes: int, device: torch.device) -> Answers:
    """Classes are those of the holdout: a champion that knows fewer is wrong there, not broken."""
    x_NF = featured(artifact.task, rows.raw_NF.to(device))
    predicted = _whole(predict(artifact.task, artifact.model, x_NF, batch=_BATCH))
    classes = max(classes, artifact.classes)
    if predicted.min() < 0 or predicted.max() >= classes:
        raise CodeError(
            "MODEL_CODE_BROKEN",
            f"predict of Task gave class {predicted.min()} to {predicted.max()}:"
            f" [data] classes allows 0 to {classes - 1}",
        )
    return Answers(
        digest=artifact.digest,
        labels=rows.labels_N.numpy(),
        predicted=predicted,
        probabilities=_probabilities(artifact, x_NF, classes=classes),
        classes=classes,
    )


def compare(candidate: Answers, champion: Answers, *, metric: str, seed: int) -> Comparison:
    """Accuracy has an exact tool; every other score is compared by a paired bootstrap."""
    classes = max(candidate.classes, champion.classes)
    ours, theirs = replace(candidate, classes=classes), replace(champion, classes=classes)
    score = _score(metric)
    difference = float(score(ours.confusion) - score(theirs.confusion))
    if not np.isfinite(difference):
        raise ConfigError(
            "METRIC_UNKNOWN",
            f"[evaluation] metric {metric} cannot be told from this holdout: choose another metric,"
            " or a holdout with rows of that class",
        )
    if metric == "accuracy":
        return Comparison(metric, difference, _of_accuracy(ours, theirs))
    interval = intervals.paired_bootstrap(
        ours.labels, ours.predicted, theirs.predicted, classes=classes, score=score, seed=seed
    )
    return Comparison(metric, difference, interval)


def _of_accuracy(candidate: Answers, champion: Answers) -> Interval:
    right = candidate.predicted == candidate.labels
    was_right = champion.predicted == champion.labels
    gained, lost = int((right & ~was_right).sum()), int((~right & was_right).sum())
    return intervals.paired_accuracy(gained, lost, len(right))


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
    p_NC = torch.cat(parts).double().cpu().numpy()
    if p_NC.shape != (len(x_NF), artifact.classes) or not np.isfinite(p_NC).all():
        raise CodeError(
            "MODEL_CODE_BROKEN",
            f"probabilities of Task gave shape {p_NC.shape} or values that are no numbers:"
            f" it must be {len(x_NF)} rows of {artifact.classes}",
        )
    unknown = np.zeros((len(p_NC), classes - artifact.classes))
    return np.concatenate([p_NC, unknown], axis=1)
