"""What went wrong, as one line that starts with a stable code.

- TrainingError
  - ConfigError    model.toml or the hyperparameters cannot be used
  - CodeError      the code archive, or the model.py in it
  - DataError      the rows are not the ones that were accepted, or not fit to learn from
  - ArtifactError  a model artifact or a weights file
  - LearningError  the model did not learn: the loss is not a number any more
"""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Final

_LIMIT: Final = 1024  # SageMaker keeps this much of a failure text


class TrainingError(Exception):
    """Carries the code apart from the words, so that a machine can act on it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class ConfigError(TrainingError):
    """model.toml or the hyperparameters cannot be used."""


class CodeError(TrainingError):
    """The code archive cannot be used, or its model.py broke."""


class DataError(TrainingError):
    """The rows are not the ones accepted, or not fit to learn from."""


class ArtifactError(TrainingError):
    """A model artifact or a weights file is damaged or foreign."""


class LearningError(TrainingError):
    """The loss stopped being a number."""


def one_line(error: Exception) -> str:
    text = str(error) if isinstance(error, TrainingError) else f"{_code(error)}: {_words(error)}"
    return " ".join(text.split())[:_LIMIT]


def record(path: Path, error: Exception) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(one_line(error), encoding="utf-8")


def _code(error: Exception) -> str:
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return "OUT_OF_MEMORY"
    if _line_of_model(error):
        return "MODEL_CODE_FAILED"
    return "DISK" if isinstance(error, OSError) else "INTERNAL"


def _words(error: Exception) -> str:
    line = _line_of_model(error)
    return f"{type(error).__name__}: {error}" + (f" (model.py, line {line})" if line else "")


def _line_of_model(error: Exception) -> int | None:
    """Where in the user's module it happened, when it happened below it."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename.endswith("model.py>")]
    return lines[-1] if lines else None
