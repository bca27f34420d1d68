"""How true a model's probabilities are, counted batch by batch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from training.scores import Floats, Ints

_BINS: Final = 10
_LEAST: Final = 1e-12  # what counts as impossible, and would cost infinitely much


@dataclass
class Calibration:
    """Log loss, Brier's score (of all classes, 0 … 2) and the calibration error so far."""

    rows: int = 0
    surprise: float = 0.0
    squares: float = 0.0
    gaps: Floats = field(default_factory=lambda: np.zeros(_BINS))

    def add(self, labels: Ints, probabilities: Floats) -> None:
        picked = probabilities[np.arange(len(labels)), labels].astype(np.float64)
        self.rows += len(labels)
        self.surprise -= float(np.log(np.clip(picked, _LEAST, 1.0)).sum())
        whole = np.einsum("nc,nc->n", probabilities, probabilities, dtype=np.float64)
        self.squares += float((whole - 2 * picked + 1).sum())
        self._in_bins(labels, probabilities)

    def _in_bins(self, labels: Ints, probabilities: Floats) -> None:
        """ECE: how far confidence is from accuracy, in equal bins (Guo et al., 2017)."""
        confidence = probabilities.max(axis=1).astype(np.float64)
        right = (probabilities.argmax(axis=1) == labels).astype(np.float64)
        bin_of = np.minimum((confidence * _BINS).astype(np.int64), _BINS - 1)
        self.gaps += np.bincount(bin_of, weights=confidence - right, minlength=_BINS)

    @property
    def metrics(self) -> dict[str, float]:
        return {
            "log_loss": self.surprise / self.rows,
            "brier": self.squares / self.rows,
            "ece": float(np.abs(self.gaps).sum() / self.rows),
        }
