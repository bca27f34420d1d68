"""Draws the evidence: where the candidate errs, and how it stands beside the champion."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from training.evaluate import Answers
from training.report import Evaluation

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours: told apart with every common colour blindness, and in grey.
_CANDIDATE: Final = "#0072B2"
_CHAMPION: Final = "#E69F00"
_INK: Final = "#333333"
_QUIET: Final = "#8a8a8a"
_READABLE: Final = 20  # classes whose cells can still hold a number
_LISTED: Final = 30  # classes that fit one below the other
_DPI: Final = 150


def draw(evaluation: Evaluation, folder: Path) -> None:
    _save(_confusion(evaluation), folder / "confusion.png")
    _save(_comparison(evaluation), folder / "comparison.png")


def _confusion(evaluation: Evaluation) -> Figure:
    figure = _figure(7.0, 6.4)
    axes = figure.add_subplot()
    matrix = evaluation.candidate.confusion
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
    if len(matrix) <= _READABLE:
        _number_cells(axes, evaluation.candidate, shares)
        axes.set_xticks(range(len(matrix)))
        axes.set_yticks(range(len(matrix)))
    axes.set_xlabel("answer")
    axes.set_ylabel("truth")
    wrong = int(matrix.sum() - np.trace(matrix))
    accuracy = evaluation.candidate.metrics["accuracy"]
    _title(
        axes,
        f"{evaluation.model}: {wrong} of {int(matrix.sum())} answers are wrong",
        f"candidate of run {evaluation.run}, accuracy {accuracy:.3f}",
    )
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(image, ax=axes, fraction=0.046, pad=0.03)
    bar.set_label("share of the true class")
    bar.outline.set_visible(False)
    return figure


def _number_cells(
    axes: Axes, answers: Answers, shares: np.ndarray[tuple[int, ...], np.dtype[np.float64]]
) -> None:
    for (row, column), count in np.ndenumerate(answers.confusion):
        if count:
            error = row != column
            axes.text(
                column,
                row,
                str(count),
                ha="center",
                va="center",
                fontweight="bold" if error else "normal",
                color="white" if shares[row, column] > 0.5 else "#D55E00" if error else _INK,
            )


def _comparison(evaluation: Evaluation) -> Figure:
    shown = _worst_classes(evaluation.candidate)
    figure = _figure(7.6, 2.9 + 0.28 * len(shown))
    top, bottom = figure.subplots(2, 1, height_ratios=[1.0, max(2.2, 0.3 * len(shown))])
    _difference(top, evaluation)
    _recalls(bottom, evaluation, shown)
    return figure


def _difference(axes: Axes, evaluation: Evaluation) -> None:
    comparison = evaluation.comparison
    axes.set_yticks([])
    axes.spines[["left", "top", "right"]].set_visible(False)
    if comparison is None:
        accuracy = evaluation.candidate.metrics["accuracy"]
        silent = evaluation.failure is not None
        which, why = ("", "gave no answers") if silent else ("first ", "is not there yet")
        _title(
            axes,
            f"{evaluation.model}: the {which}candidate has accuracy {accuracy:.3f}",
            f"run {evaluation.run}: the champion to compare it with {why}",
        )
        axes.set_xlim(0.0, 1.0)
        axes.plot([accuracy], [0], "o", color=_CANDIDATE, markersize=9)
        axes.set_xlabel("accuracy")
        return
    low, high = comparison.interval.low, comparison.interval.high
    gain, before = comparison.difference, evaluation.candidate.metrics[comparison.metric]
    before -= gain
    axes.axvline(0.0, color=_QUIET, linewidth=1)
    axes.plot([low, high], [0, 0], color=_CANDIDATE, linewidth=3, solid_capstyle="round")
    axes.plot([gain], [0], "o", color=_CANDIDATE, markersize=9)
    reach = 1.25 * max(abs(low), abs(high), 0.01)
    axes.set_xlim(-reach, reach)
    axes.set_xlabel(
        f"{comparison.metric} of the candidate minus the champion's,"
        f" with its {comparison.interval.confidence:.0%} interval"
    )
    _title(
        axes,
        f"{evaluation.model}: {comparison.metric} {before:.3f} → {before + gain:.3f}",
        f"{gain:+.3f} ({low:+.3f} to {high:+.3f}) on {len(evaluation.candidate.labels)} rows"
        f" of the holdout, run {evaluation.run}",
    )


def _recalls(axes: Axes, evaluation: Evaluation, shown: list[int]) -> None:
    places = np.arange(len(shown))[::-1]
    ours = [evaluation.candidate.metrics[f"recall_{index}"] for index in shown]
    if evaluation.champion is not None:
        told = evaluation.champion.metrics
        theirs = [told.get(f"recall_{index}", np.nan) for index in shown]
        axes.hlines(places, theirs, ours, color="#c4c4c4", linewidth=2, zorder=1)
        axes.plot(theirs, places, "D", color=_CHAMPION, markersize=9, label="champion")
    axes.plot(ours, places, "o", color=_CANDIDATE, markersize=6, label="candidate")
    axes.set_yticks(places, [str(index) for index in shown])
    axes.set_ylim(-0.7, len(shown) - 0.3)
    axes.set_xlabel("recall")
    axes.set_ylabel("class")
    axes.grid(axis="x", color="#e6e6e6")
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    axes.spines[["left", "top", "right"]].set_visible(False)
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, frameon=False)


def _worst_classes(answers: Answers) -> list[int]:
    """In their own order; of very many only those with the lowest recall."""
    told = [index for index in range(answers.classes) if f"recall_{index}" in answers.metrics]
    worst = sorted(told, key=lambda index: answers.metrics[f"recall_{index}"])[:_LISTED]
    return sorted(worst)


def _title(axes: Axes, title: str, subtitle: str) -> None:
    axes.set_title(f"{title}\n", loc="left", fontsize=13, fontweight="bold", color=_INK)
    axes.text(0, 1.02, subtitle, transform=axes.transAxes, color=_QUIET, va="bottom")


def _figure(width: float, height: float) -> Figure:
    """Without pyplot: no global state, and a third of its import time."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=_DPI, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, metadata={"Software": None})
