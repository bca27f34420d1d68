"""Writes what the evaluation found: SageMaker's model quality, and the report a gate reads."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from training import intervals, scores
from training.evaluate import Answers, Comparison
from training.scores import Ints


@dataclass(frozen=True)
class Evaluation:
    """All that was found of one candidate."""

    model: str
    run: str
    holdout: str
    candidate: Answers
    champion: Answers | None
    comparison: Comparison | None
    seed: int
    constant: Comparison | None = None  # beside naming the commonest class
    failure: str | None = None  # why the champion gave no answers
    against: str | None = None  # the digest of that champion
    slices: Sequence[Mapping[str, object]] = ()
    found: Sequence[Mapping[str, object]] = ()  # where a search saw it weak
    leaked: int | None = None  # rows of the holdout that were trained on; None: not looked for


def write(evaluation: Evaluation, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "evaluation.json", model_quality(evaluation))
    _write(folder / "report.json", report(evaluation))


def report(evaluation: Evaluation) -> dict[str, object]:
    return {
        "run": evaluation.run,
        "model": evaluation.model,
        "rows": len(evaluation.candidate.labels),
        "holdout_digest": evaluation.holdout,
        "candidate": _told(evaluation.candidate),
        "champion": _champion(evaluation),
        "champion_failure": evaluation.failure,
        "comparison": evaluation.comparison and _compared(evaluation.comparison),
        "constant": evaluation.constant and _compared(evaluation.constant),
        "slices": list(evaluation.slices),
        "found": list(evaluation.found),
        "leaked": evaluation.leaked,
    }


def model_quality(evaluation: Evaluation) -> dict[str, object]:
    """The multiclass layout of SageMaker Model Monitor, which Studio and model cards read."""
    matrix = evaluation.candidate.confusion
    constant = {
        f"{name}_best_constant_classifier": scalar
        for name, scalar in _scalars(scores.best_constant(matrix), evaluation.seed).items()
    }
    return {
        "multiclass_classification_metrics": {
            "confusion_matrix": {
                str(row): {str(column): int(cell) for column, cell in enumerate(cells)}
                for row, cells in enumerate(matrix)
            },
            **_scalars(matrix, evaluation.seed),
            **constant,
        },
        "dataset": {
            "item_count": len(evaluation.candidate.labels),
            "holdout_digest": evaluation.holdout,
        },
    }


def _scalars(matrix: Ints, seed: int) -> dict[str, dict[str, float | str]]:
    spread = intervals.deviations(matrix, scores.weighted, seed=seed)
    return {
        name: {"value": float(value), "standard_deviation": _or_nan(spread[name])}
        for name, value in scores.weighted(matrix).items()
    }


def _or_nan(value: float) -> float | str:
    """The layout's own word, because JSON has no number for it."""
    return value if math.isfinite(value) else "NaN"


def _told(answers: Answers) -> dict[str, object]:
    return {"digest": answers.digest, "metrics": answers.metrics}


def _champion(evaluation: Evaluation) -> dict[str, object] | None:
    """One that gave no answers is known by its digest."""
    if evaluation.failure is not None:
        return {"digest": evaluation.against, "metrics": {}}
    return None if evaluation.champion is None else _told(evaluation.champion)


def _compared(comparison: Comparison) -> dict[str, object]:
    return {
        "metric": comparison.metric,
        "difference": comparison.difference,
        "low": comparison.interval.low,
        "high": comparison.interval.high,
        "confidence": comparison.interval.confidence,
        "test": comparison.test,
        "p": comparison.p,
        "detectable": comparison.detectable,
        "rows_to_decide": comparison.rows_to_decide,
    }


def _write(path: Path, document: dict[str, object]) -> None:
    text = json.dumps(document, indent=2, sort_keys=True, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")
