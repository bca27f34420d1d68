"""The story in one picture: who had the traffic, what failed, how long answers took."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from demo.traffic import Answer

_COLOURS = ("#4477AA", "#228833", "#CCBB44", "#EE6677", "#AA3377", "#66CCEE")
_FAILED = "#BBBBBB"
_BIN = 0.5

Mark = tuple[float, str]
"""Seconds since the story's begin, and a word."""


def draw(
    path: Path,
    answers: Sequence[Answer],
    *,
    begun: float,
    marks: Sequence[Mark],
    objective: float,
) -> None:
    """Three panels over time; `objective` is the latency objective in seconds."""
    ordered = sorted(answers, key=lambda answer: answer.at)
    times = np.array([answer.at - begun for answer in ordered])
    figure, (share, failed, slow) = plt.subplots(
        3, 1, figsize=(11, 7), sharex=True, height_ratios=(3, 1, 2), layout="constrained"
    )
    edges = np.arange(0, times.max() + _BIN, _BIN)
    versions = sorted({a.version for a in ordered if a.version is not None})
    colours = {v: _COLOURS[(v - 1) % len(_COLOURS)] for v in versions}
    _shares(share, ordered, times, edges, colours)
    bad = times[[not answer.ok for answer in ordered]]
    failed.hist(bad, bins=edges.tolist(), color="#EE6677")
    failed.set_ylabel(f"failed per {_BIN} s")
    for version in versions:
        mine = [i for i, answer in enumerate(ordered) if answer.version == version]
        seconds = [ordered[i].seconds * 1000 for i in mine]
        slow.plot(times[mine], seconds, ".", ms=2, color=colours[version], label=f"v{version}")
    slow.axhline(objective * 1000, color="black", lw=0.8, ls="--", label="objective")
    slow.set_yscale("log")
    slow.set_ylabel("answer, ms")
    slow.set_xlabel("seconds since `make demo`")
    slow.legend(loc="upper left", markerscale=4, ncols=len(versions) + 1, frameon=False)
    _marks(share, [failed, slow], marks)
    figure.suptitle("Drop data in, get a better model out, and never a worse one", fontsize=13)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _shares(
    axes: Axes,
    answers: Sequence[Answer],
    times: "np.ndarray[tuple[int], np.dtype[np.float64]]",
    edges: "np.ndarray[tuple[int], np.dtype[np.float64]]",
    colours: dict[int, str],
) -> None:
    all_, _ = np.histogram(times, edges)
    counts = {
        f"v{version}": np.histogram(times[[a.version == version for a in answers]], edges)[0]
        for version in colours
    }
    counts["failed"] = np.histogram(times[[not a.ok for a in answers]], edges)[0]
    whole = np.maximum(all_, 1)
    stacked = [100 * count / whole for count in counts.values()]
    axes.stackplot(
        edges[:-1],
        *stacked,
        labels=list(counts),
        colors=[*colours.values(), _FAILED],
        step="post",
    )
    axes.set_ylabel("share of answers, %")
    axes.set_ylim(0, 100)
    axes.legend(loc="lower left", ncols=len(counts))


def _marks(top: Axes, others: Sequence[Axes], marks: Sequence[Mark]) -> None:
    for i, (at, word) in enumerate(marks):
        for axes in (top, *others):
            axes.axvline(at, color="black", lw=0.6, alpha=0.5)
        top.annotate(
            word,
            (at, 100),
            xytext=(2, 3 + 11 * (i % 3)),
            textcoords="offset points",
            fontsize=8,
            annotation_clip=False,
        )
