"""The part of model.toml that training and evaluation need, with strict types."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final

from training.failure import ConfigError

DEFAULT_METRIC: Final = "accuracy"

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
    features: tuple[str, ...]  # names or patterns
    target: str
    classes: int
    bounds: tuple[Bound, ...]
    recipe: Recipe
    metric: str

    @classmethod
    def parse(cls, text: bytes) -> Config:
        try:
            document = tomllib.loads(text.decode())
        except ValueError as error:
            raise ConfigError("CONFIG_INVALID", f"model.toml is no TOML: {error}") from error
        data = _table(document, "data")
        classes = _whole(data, "data", "classes")
        if classes < 2:
            raise ConfigError("CONFIG_INVALID", f"[data] classes is {classes}: at least 2")
        return cls(
            features=_names(data),
            target=_text(data, "data", "target"),
            classes=classes,
            bounds=_bounds(_table(data, "range")),
            recipe=_recipe(_table(_table(document, "training"), "hyperparameters")),
            metric=_metric(_table(document, "evaluation")),
        )


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
    return recipe


def _names(data: Table) -> tuple[str, ...]:
    value = data.get("features")
    names = [n for n in value if isinstance(n, str) and n] if isinstance(value, list) else []
    if not names or value != names:
        raise ConfigError(
            "CONFIG_INVALID", f"[data] features is {value!r}: it must be a list of column names"
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


def _metric(table: Table) -> str:
    return _text(table, "evaluation", "metric") if "metric" in table else DEFAULT_METRIC


def _table(parent: Table, name: str) -> Table:
    value = parent.get(name, {})
    if not isinstance(value, dict):
        raise ConfigError("CONFIG_INVALID", f"{name} in model.toml is {value!r}: it is a table")
    return value


def _text(table: Table, where: str, name: str) -> str:
    value = table.get(name)
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
    return float(value)
