"""The part of model.toml that training and evaluation need, with strict types.

It takes what a deployment takes, and means the same by what is left out.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
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
_MOST_THREADS: Final = 1024

Table = Mapping[str, object]


@dataclass(frozen=True)
class Bound:
    """Values of the columns that match the pattern lie within low and high, both included."""

    pattern: str
    low: float
    high: float


@dataclass(frozen=True)
class Recipe:
    """[training.hyperparameters]: all of them, with what holds when model.toml is silent."""

    epochs: int = 30
    batch_size: int = 64
    learning_rate: float = 0.003
    weight_decay: float = 0.01
    checkpoint_every: int = 5  # epochs
    threads: int = 1  # on a CPU: one gives the same bits on any number of cores


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
    known = {field.name: field.default for field in fields(Recipe)}
    if unknown := sorted(set(table) - set(known)):
        raise ConfigError(
            "CONFIG_INVALID",
            f"[training.hyperparameters] has {', '.join(unknown)}: known are {', '.join(known)}",
        )
    where = "training.hyperparameters"
    whole = {
        name: _whole(table, where, name)
        for name, default in known.items()
        if name in table and isinstance(default, int)
    }
    real = {
        name: _number(table[name], f"[{where}] {name}")
        for name, default in known.items()
        if name in table and isinstance(default, float)
    }
    recipe = Recipe(**whole, **real)  # type: ignore[arg-type]  # split by the type of the default
    for name, value in (whole | real).items():
        if value < 0 or (value == 0 and name != "weight_decay"):
            raise ConfigError("CONFIG_INVALID", f"[{where}] {name} is {value}: it must be above 0")
    for name, value in whole.items():
        most = _MOST_THREADS if name == "threads" else _MANY
        if value > most:
            raise ConfigError("CONFIG_INVALID", f"[{where}] {name} is {value}: at most {most}")
    return recipe


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
