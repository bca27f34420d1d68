"""The part of model.toml that training and evaluation need, with strict types.

It takes what a deployment takes, and means the same by what is left out.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Final

from training import scores
from training.failure import ConfigError

FORMATS: Final = ("parquet", "csv", "jsonl")
DEFAULT_TARGET: Final = "label"
DEFAULT_METRIC: Final = "accuracy"
DEFAULT_MAX_LEAK: Final = 0.01
DEFAULT_CONFIDENCE: Final = 0.95
MOST_CLASSES: Final = 1000
_MOST_SLICES: Final = 50
_MANY: Final = 100_000
_ABOVE_0: Final = math.ulp(0.0)

Table = Mapping[str, object]


@dataclass(frozen=True)
class Bound:
    """Values of the columns that match the pattern lie within low and high, both included."""

    pattern: str
    low: float
    high: float


def _whole_from(default: int, low: int, most: int) -> int:
    return field(default=default, metadata={"low": low, "most": most})


def _real_from(default: float, low: float, most: float = math.inf) -> float:
    return field(default=default, metadata={"low": low, "most": most})


def _one_of(*words: str) -> str:
    return field(default=words[0], metadata={"words": words})


@dataclass(frozen=True)
class Recipe:
    """[training.hyperparameters]: all of them, with what holds when model.toml is silent."""

    epochs: int = _whole_from(30, 1, _MANY)
    batch_size: int = _whole_from(64, 1, _MANY)  # rows of a step
    micro_batch: int = _whole_from(0, 0, _MANY)  # rows on the device at once; 0: what fits
    headroom: float = _real_from(0.1, 0.0, 0.9)  # share of the device's memory kept free
    learning_rate: float = _real_from(0.003, _ABOVE_0)
    weight_decay: float = _real_from(0.01, 0.0)
    schedule: str = _one_of("cosine", "constant")
    warm_up: float = _real_from(0.05, 0.0, 1.0)  # share of all steps
    clip_norm: float = _real_from(0.0, 0.0)  # 0: gradients are as they are
    ema: float = _real_from(0.0, 0.0, 0.99999)  # decay of the averaged weights; 0: none
    precision: str = _one_of("auto", "float32", "bfloat16")  # auto: bfloat16 where CUDA has it
    compile: bool = False  # by torch.compile, where that is measured to be faster
    not_finite: str = _one_of("stop", "skip")  # what a batch does whose loss is no number
    checkpoint_every: int = _whole_from(5, 1, _MANY)  # epochs
    checkpoint_seconds: int = _whole_from(300, 1, _MANY)  # at most, inside an epoch
    in_memory: int = _whole_from(2048, 1, _MANY)  # MiB of rows; more of them are streamed
    threads: int = _whole_from(1, 1, 1024)  # on a CPU: one gives the same bits on any cores


@dataclass(frozen=True)
class Config:
    format: str
    features: tuple[str, ...]  # names or patterns
    target: str
    classes: int
    bounds: tuple[Bound, ...]
    recipe: Recipe
    metric: str
    slices: tuple[str, ...] = ()  # columns whose values part the holdout
    max_leak: float = DEFAULT_MAX_LEAK  # share of the holdout's rows
    confidence: float = DEFAULT_CONFIDENCE  # of the intervals a gate judges by

    @classmethod
    def parse(cls, text: bytes) -> Config:
        document = _document(text)
        data, evaluation = _table(document, "data"), _table(document, "evaluation")
        target = _text(data, "data", "target", default=DEFAULT_TARGET)
        classes = _classes(data)
        return cls(
            format=_format(data),
            features=_features(data, target),
            target=target,
            classes=classes,
            bounds=_bounds(_table(data, "range")),
            recipe=_recipe(_table(_table(document, "training"), "hyperparameters")),
            metric=_metric(evaluation, classes),
            slices=_slices(evaluation),
            max_leak=_share(evaluation, "evaluation", "max_leak", default=DEFAULT_MAX_LEAK),
            confidence=_confidence(_table(document, "gates")),
        )


def classes_of(text: bytes) -> int:
    """All that is asked of the model.toml of a model that exists: it was written by older rules."""
    return _classes(_table(_document(text), "data"))


def _document(text: bytes) -> Table:
    try:
        return tomllib.loads(text.decode())
    except ValueError as error:
        raise ConfigError("CONFIG_INVALID", f"model.toml is no TOML: {error}") from error


def _classes(data: Table) -> int:
    classes = _whole(data, "data", "classes")
    if not 2 <= classes <= MOST_CLASSES:
        raise ConfigError(
            "CONFIG_INVALID", f"[data] classes is {classes}: 2 at least, {MOST_CLASSES} at most"
        )
    return classes


def _format(data: Table) -> str:
    value = _text(data, "data", "format", default=FORMATS[0])
    if value not in FORMATS:
        raise ConfigError(
            "CONFIG_INVALID", f"[data] format is {value!r}: known are {', '.join(FORMATS)}"
        )
    return value


def _recipe(table: Table) -> Recipe:
    known = {each.name: each for each in fields(Recipe)}
    if unknown := sorted(set(table) - set(known)):
        raise ConfigError(
            "CONFIG_INVALID",
            f"[training.hyperparameters] has {', '.join(unknown)}: known are {', '.join(known)}",
        )
    told = {name: _setting(table, known[name]) for name in table}
    return Recipe(**told)  # type: ignore[arg-type]  # each has the type of its default


def _setting(table: Table, of: Field[object]) -> object:
    where, name = "training.hyperparameters", of.name
    match of.default:
        case bool():
            return _switch(table, where, name)
        case str():
            return _word(table, where, name, of.metadata["words"])
        case int():
            value: float = _whole(table, where, name)
        case _:
            value = _number(table[name], f"[{where}] {name}")
    low, most = of.metadata["low"], of.metadata["most"]
    if value <= 0 < low:
        raise ConfigError("CONFIG_INVALID", f"[{where}] {name} is {value}: it must be above 0")
    if not low <= value <= most:
        raise ConfigError("CONFIG_INVALID", f"[{where}] {name} is {value}: from {low} to {most}")
    return value


def _features(data: Table, target: str) -> tuple[str, ...]:
    value = data.get("features")
    names = [n for n in value if isinstance(n, str) and n] if isinstance(value, list) else []
    if not names or value != names:
        raise ConfigError(
            "CONFIG_INVALID", f"[data] features is {value!r}: it must be a list of column names"
        )
    if target in names:
        raise ConfigError(
            "CONFIG_INVALID", f"[data] target {target!r} is among the features: take it out there"
        )
    return tuple(names)


def _bounds(table: Table) -> tuple[Bound, ...]:
    return tuple(_bound(pattern, value) for pattern, value in table.items())


def _bound(pattern: str, value: object) -> Bound:
    where = f"[data.range] {pattern!r}"
    if not isinstance(value, list) or len(value) != 2:
        raise ConfigError("CONFIG_INVALID", f"{where} is {value!r}: it must be [low, high]")
    low, high = (_number(bound, where) for bound in value)
    if low > high:
        raise ConfigError("CONFIG_INVALID", f"{where} is {value!r}: low is above high")
    return Bound(pattern, low, high)


def _metric(table: Table, classes: int) -> str:
    name = _text(table, "evaluation", "metric", default=DEFAULT_METRIC)
    known = [score for score in scores.names(classes) if score != "auprc"]
    if name not in known:
        few = ", ".join(known[:-classes])
        raise ConfigError(
            "METRIC_UNKNOWN",
            f"[evaluation] metric is {name!r}: known are {few}, {known[-classes]} … {known[-1]}",
        )
    return name


def _slices(evaluation: Table) -> tuple[str, ...]:
    value = evaluation.get("slices", [])
    names = [n for n in value if isinstance(n, str) and n] if isinstance(value, list) else None
    if names is None or value != names or len(names) > _MOST_SLICES:
        raise ConfigError(
            "CONFIG_INVALID",
            f"[evaluation] slices is {value!r}: a list of column names, {_MOST_SLICES} at most",
        )
    return tuple(names)


def _share(table: Table, where: str, name: str, *, default: float) -> float:
    value = _number(table.get(name, default), f"[{where}] {name}")
    if not 0 <= value <= 1:
        raise ConfigError("CONFIG_INVALID", f"[{where}] {name} is {value:g}: from 0 to 1")
    return value


def _confidence(gates: Table) -> float:
    value = _number(gates.get("confidence", DEFAULT_CONFIDENCE), "[gates] confidence")
    if not 0.5 <= value <= 0.9999:
        raise ConfigError("CONFIG_INVALID", f"[gates] confidence is {value:g}: from 0.5 to 0.9999")
    return value


def _table(parent: Table, name: str) -> Table:
    value = parent.get(name, {})
    if not isinstance(value, dict):
        raise ConfigError("CONFIG_INVALID", f"{name} in model.toml is {value!r}: it is a table")
    return value


def _text(table: Table, where: str, name: str, *, default: str) -> str:
    value = table.get(name, default)
    if not isinstance(value, str) or not value:
        raise ConfigError("CONFIG_INVALID", f"[{where}] {name} is {value!r}: it must be a string")
    return value


def _word(table: Table, where: str, name: str, known: tuple[str, ...]) -> str:
    value = table.get(name)
    if not isinstance(value, str) or value not in known:
        raise ConfigError(
            "CONFIG_INVALID", f"[{where}] {name} is {value!r}: known are {', '.join(known)}"
        )
    return value


def _switch(table: Table, where: str, name: str) -> bool:
    value = table.get(name)
    if not isinstance(value, bool):
        raise ConfigError(
            "CONFIG_INVALID", f"[{where}] {name} is {value!r}: it must be true or false"
        )
    return value


def _whole(table: Table, where: str, name: str) -> int:
    value = table.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ConfigError(
            "CONFIG_INVALID", f"[{where}] {name} is {value!r}: it must be a whole number"
        )
    return value


def _number(value: object, where: str) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ConfigError("CONFIG_INVALID", f"{where} is {value!r}: it must be a number")
    if not math.isfinite(value):
        raise ConfigError("CONFIG_INVALID", f"{where} is {value}: it must be a finite number")
    return float(value)
