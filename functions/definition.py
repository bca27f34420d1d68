"""What a user writes in `model.toml`: every key checked, unknown keys refused with a hint."""

import difflib
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from events.words import is_model_name
from functions.names import digest_of

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class DefinitionError(ValueError):
    """A `model.toml` that cannot be used; the message says where and what to write instead."""

    code = "BAD_DEFINITION"


def seconds(value: object) -> object:
    """`"10m"` as 600 seconds; numbers are seconds already."""
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|[smhd])", value)
    if match is None:
        raise ValueError(f"{value!r} is not a duration; write for example '90s', '10m' or '2h'")
    unit = match[2]
    return float(match[1]) * (0.001 if unit == "ms" else _UNITS[unit])


_LONGEST = 366 * 86400
Seconds = Annotated[float, BeforeValidator(seconds), Field(gt=0, le=_LONGEST, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """A table of `model.toml`."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")


class Data(Section):
    """`[data]`: what a drop must look like."""

    format: Literal["parquet", "csv", "jsonl"] = "parquet"
    features: tuple[str, ...] = Field(min_length=1)
    """Column names, or shell patterns such as `pixel_*` (columns in the file's order)."""
    target: str = "label"
    classes: int | None = Field(default=None, ge=2)
    """For classification: labels are the integers 0 … classes-1."""
    range: dict[str, tuple[float, float]] = Field(default_factory=dict)
    complete_within: Seconds = 1800


class Training(Section):
    """`[training]`: where and how long."""

    instances: tuple[str, ...] = Field(default=("ml.g5.xlarge",), min_length=1)
    max_runtime: Seconds = 3600
    spot: bool = True
    hyperparameters: dict[str, str | int | float | bool] = Field(default_factory=dict)


class Evaluation(Section):
    """`[evaluation]`: the frozen holdout and the metric that decides."""

    holdout: str = Field(default="v1", pattern=r"^[A-Za-z0-9][A-Za-z0-9_.=-]{0,62}$")
    metric: str = "accuracy"
    instance: str = "ml.m5.xlarge"


class Gates(Section):
    """`[gates]`: what a candidate must show before it may be rolled out."""

    min: dict[str, float] = Field(default_factory=dict)
    max_drop: float = Field(default=0.0, ge=0)
    """How far the candidate may lie below the champion, by the interval's lower bound."""
    approval: Literal["auto", "human"] = "auto"


class Serving(Section):
    """`[serving]`: hardware and the latency objective."""

    hardware: Literal["gpu", "cpu"] = "gpu"
    instances: tuple[str, ...] = Field(default=("ml.g5.xlarge",), min_length=1)
    max_batch: int = Field(default=32, ge=1, le=1024)
    latency: Seconds = 0.25
    """The slowest acceptable p99 of the model's answer."""


class Rollout(Section):
    """`[rollout]`: how traffic moves and what it takes."""

    strategy: Literal["stepped"] = "stepped"
    steps: tuple[int, ...] = (5, 25, 50, 100)
    """Percent of traffic on the challenger, rising, ending at 100."""
    bake: Seconds = 600
    min_requests: int = Field(default=20, ge=1)
    """Requests the challenger must have answered within a step before it moves on."""
    promote_requests: int = Field(default=100, ge=1)
    """Requests over the whole rollout before promotion."""
    max_errors: Share = 0.01
    """Error share a challenger may have beyond the champion's."""

    @model_validator(mode="after")
    def _rise_to_all(self) -> "Rollout":
        rising = all(a < b for a, b in zip(self.steps, self.steps[1:], strict=False))
        if not self.steps or not rising or self.steps[0] < 1 or self.steps[-1] != 100:
            raise ValueError(f"steps must rise from at least 1 to 100 percent, not {self.steps}")
        return self


class Watch(Section):
    """`[watch]`: the time after promotion."""

    keep_warm: Seconds = 3600


class Definition(Section):
    """A whole `model.toml`."""

    data: Data
    training: Training = Training()
    evaluation: Evaluation = Evaluation()
    gates: Gates = Gates()
    serving: Serving = Serving()
    rollout: Rollout = Rollout()
    watch: Watch = Watch()

    @property
    def digest(self) -> str:
        """Identity of what shapes a candidate: data, training and evaluation, not the rollout."""
        shaping = self.model_dump(mode="json", include={"data", "training", "evaluation"})
        return digest_of(shaping)


class Deployed(BaseModel):
    """A model as a stage knows it: its definition and the code that trains it."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    model: str
    definition: Definition
    code_uri: str
    code: str
    """Digest of the code's zip."""


def read_definition(folder: Path) -> Definition:
    """The definition in `folder`/model.toml; raises DefinitionError."""
    path = folder / "model.toml"
    if not is_model_name(folder.name):
        raise DefinitionError(
            f"{folder}: {folder.name!r} is no model name; use at most 24 of a-z, 0-9 and '-',"
            " starting with a letter"
        )
    try:
        return definition_from(tomllib.loads(path.read_text("utf-8")), where=str(path))
    except FileNotFoundError:
        raise DefinitionError(f"{path}: no such file; a model needs a model.toml") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DefinitionError(f"{path}: not valid TOML: {error}") from error


def definition_from(table: Mapping[str, Any], *, where: str) -> Definition:
    """Check a parsed `model.toml`; raises DefinitionError with the first fault and a remedy."""
    try:
        return Definition.model_validate(table)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        path = tuple(str(part) for part in first["loc"])
        remedy = _nearest(path) if first["type"] == "extra_forbidden" else first["msg"]
        raise DefinitionError(f"{where}: [{'.'.join(path)}]: {remedy}") from error


def _nearest(path: tuple[str, ...]) -> str:
    """What may have been meant by the unknown key at `path`."""
    known = _keys_at(path[:-1])
    close = difflib.get_close_matches(path[-1], known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(sorted(known))}"
    return f"unknown key {path[-1]!r}; {hint}"


def _keys_at(path: tuple[str, ...]) -> list[str]:
    section: type[BaseModel] = Definition
    for part in path:
        inner = section.model_fields[part].annotation
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        section = inner
    return list(section.model_fields)
