"""`[evaluation]` and `[gates]` of `model.toml`: what a candidate is measured and judged by."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from functions.sections import Instance, Seconds, Section, Share, Text

_LONGEST_EVALUATION = 9 * 86400
"""The end of any processing job."""
_MOST_SLICES = 50
LOSSES = ("log_loss", "brier", "ece")
"""What the evaluation tells of probabilities; less is better in all of them."""
Loss = Annotated[float, Field(ge=0)]
Confidence = Annotated[float, Field(ge=0.5, le=0.9999)]


class Evaluation(Section):
    """`[evaluation]`: the frozen holdout and the metric that decides."""

    holdout: str = Field(default="v1", pattern=r"^[A-Za-z0-9][A-Za-z0-9_.=-]{0,62}$")
    """Its id: `sluice drop MODEL FOLDER --holdout v1`. Runs wait until it is there."""
    metric: str = "accuracy"
    """`accuracy`, `balanced_accuracy`, `f1_macro`, `f1_weighted`, `recall_min`, the recall of one
    class, such as `recall_3`, or, of a model that gives probabilities, `auroc`."""
    slices: tuple[Text, ...] = Field(default=(), max_length=_MOST_SLICES)
    """Columns of the holdout whose values part its rows, such as `region`: each part is compared
    on its own, by accuracy. A number with many values is parted at its quartiles; of many texts
    the commonest count."""
    max_leak: Share = 0.01
    """Share of the holdout's rows that may be in the dataset too, by a hash of their features; with
    more the run ends as HOLDOUT_LEAKED. 1: not looked for, and the dataset is not downloaded."""
    instance: Instance = "ml.m5.xlarge"
    """Where candidate and champion are evaluated."""
    max_runtime: Seconds = Field(default=3600, ge=1, le=_LONGEST_EVALUATION)
    """At least one second, at most nine days."""


class Gates(Section):
    """`[gates]`: what a candidate must show before it may be rolled out."""

    min: dict[str, Share] = Field(default_factory=dict)
    """The least of any score that may be the metric, and of `auprc`."""
    max: dict[str, Loss] = Field(default_factory=dict)
    """The most of `log_loss`, `brier` (0 … 2) or `ece`, of a model that gives probabilities."""
    min_rows: int = Field(default=100, ge=1)
    """Rows a holdout must have to decide anything."""
    max_drop: Share = 0.0
    """How far the candidate may lie below the champion: the whole interval of the difference must
    lie above minus this. 0 asks for a metric that is surely better, which an equally good candidate
    passes by luck alone, once in forty; a margin, such as 0.01, lets through what is surely no
    worse than that, equally good ones too."""
    confidence: Confidence = 0.95
    """Of that interval, which has two sides: 0.95 is wrong above in one case of forty."""
    slice_drop: Share = 0.0
    """How far accuracy on a slice may lie below the champion's where it is surely worse there, as
    many slices as there are (Holm's correction)."""
    slice_min: Share = 0.0
    """The least accuracy on every slice of at least 30 rows."""
    first: Literal["auto", "human"] = "auto"
    """A first model has no champion beside it: `auto` asks for the minimums, and for surely more
    accuracy than naming the commonest class; `human` for a person's word on top."""
    approval: Literal["auto", "human", "auto_if_better"] = "auto"
    """With `human` a version waits in the registry for a person's word; with `auto_if_better` one
    does that is not surely better than the champion. Both put before a person what the holdout
    cannot decide; with `auto` that is refused as UNDECIDED."""

    @field_validator("max")
    @classmethod
    def _of_known_losses(cls, most: dict[str, float]) -> dict[str, float]:
        for name in most:
            if name not in LOSSES:
                raise ValueError(f"unknown loss {name!r}; known here: {', '.join(LOSSES)}")
        return most


def scores(classes: int) -> tuple[str, ...]:
    """What the evaluation tells of a model of so many classes; more is better in all of them."""
    return (*_OF_ALL_CLASSES, "auroc", "auprc", *(f"recall_{c}" for c in range(classes)))


def deciding(classes: int) -> tuple[str, ...]:
    """Those of them that may be the metric: there is a test of their difference."""
    return tuple(name for name in scores(classes) if name != "auprc")


_OF_ALL_CLASSES = ("accuracy", "balanced_accuracy", "f1_macro", "f1_weighted", "recall_min")
