"""Where SageMaker puts things in a container, and what it says of the job."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from training.failure import ConfigError

_MODEL: Final = re.compile(r"[a-z][a-z0-9-]{0,23}")


@dataclass(frozen=True)
class TrainingPlaces:
    base: Path

    @property
    def hyperparameters(self) -> Path:
        return self.base / "input" / "config" / "hyperparameters.json"

    @property
    def rows(self) -> Path:
        return self.base / "input" / "data" / "train"

    @property
    def dataset(self) -> Path:
        return self.base / "input" / "data" / "dataset" / "dataset.json"

    @property
    def checkpoints(self) -> Path:
        return self.base / "checkpoints"

    @property
    def artifact(self) -> Path:
        return self.base / "model"

    @property
    def report(self) -> Path:
        """SageMaker keeps this folder as output.tar.gz, beside the model."""
        return self.base / "output" / "data" / "training.json"

    @property
    def failure(self) -> Path:
        return self.base / "output" / "failure"


@dataclass(frozen=True)
class EvaluationPlaces:
    base: Path

    @property
    def candidate(self) -> Path:
        return self._input / "candidate" / "model.tar.gz"

    @property
    def champion(self) -> Path:
        return self._input / "champion" / "model.tar.gz"

    @property
    def holdout(self) -> Path:
        return self._input / "holdout"

    @property
    def dataset(self) -> Path:
        return self._input / "dataset" / "dataset.json"

    @property
    def rows(self) -> Path:
        return self._input / "train"

    @property
    def output(self) -> Path:
        return self.base / "processing" / "output"

    @property
    def failure(self) -> Path:
        return self.base / "output" / "message"

    @property
    def _input(self) -> Path:
        return self.base / "processing" / "input"


@dataclass(frozen=True)
class TrainingJob:
    """The hyperparameters of CreateTrainingJob."""

    model: str
    run: str
    dataset: str
    code: str
    attempt: str

    @classmethod
    def read(cls, path: Path) -> TrainingJob:
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigError(
                "HYPERPARAMETERS_UNREADABLE", f"{path} holds no JSON object: {error}"
            ) from error
        if not isinstance(raw, dict):
            raise ConfigError("HYPERPARAMETERS_UNREADABLE", f"{path} holds no JSON object")
        return cls(
            model=model_name(_text(raw, "model"), where="hyperparameter model"),
            run=_text(raw, "run"),
            dataset=_text(raw, "dataset_digest"),
            code=_text(raw, "code_digest"),
            attempt=_text(raw, "attempt"),
        )


@dataclass(frozen=True)
class EvaluationJob:
    """The environment of CreateProcessingJob."""

    model: str
    run: str
    champion: str | None = None  # digest of the model that serves; None: there is none

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> EvaluationJob:
        return cls(
            model=model_name(_variable(environment, "SLUICE_MODEL"), where="SLUICE_MODEL"),
            run=_variable(environment, "SLUICE_RUN"),
            champion=environment.get("SLUICE_CHAMPION_DIGEST"),
        )


def model_name(name: str, *, where: str) -> str:
    if _MODEL.fullmatch(name) is None:
        raise ConfigError(
            "MODEL_NAME", f"{where} is {name!r}: a model's name matches {_MODEL.pattern}"
        )
    return name


def _text(raw: dict[str, object], name: str) -> str:
    value = raw.get(name)
    if not isinstance(value, str) or not value:
        raise ConfigError(
            "HYPERPARAMETER_MISSING", f"hyperparameter {name} is {value!r}: it must be a string"
        )
    return value


def _variable(environment: Mapping[str, str], name: str) -> str:
    if value := environment.get(name):
        return value
    raise ConfigError("ENVIRONMENT_MISSING", f"environment variable {name} is not set")
