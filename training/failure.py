"""What went wrong, as one line that starts with a stable code.

- TrainingError
  - ConfigError    model.toml or the hyperparameters cannot be used
  - CodeError      the code archive, or the model.py in it
  - DataError      the rows are not the ones that were accepted, or not fit to learn from
  - ArtifactError  a model artifact or a weights file
  - LearningError  the model did not learn: the loss is not a number any more
"""

from __future__ import annotations

import errno
import traceback
from contextlib import suppress
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
    text = str(error) if isinstance(error, TrainingError) else _told(error)
    return " ".join(text.split())[:_LIMIT]


def record(path: Path, error: Exception) -> None:
    """On a disk that is full nothing can be left: the log says the same line."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(one_line(error), encoding="utf-8")


def is_of_input(error: Exception) -> bool:
    """Whether another try with the same inputs must end the same way."""
    return isinstance(error, ConfigError | CodeError | DataError | ArtifactError)


def is_of_machine(error: Exception) -> bool:
    """Whether it says nothing of a model: memory or disk ran out."""
    return is_full(error) or _out_of_memory(error) is not None


def is_full(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}


def _told(error: Exception) -> str:
    said = f"{type(error).__name__}: {error}"
    if code := _out_of_memory(error):
        return f"{code}: {said}: set a lower micro_batch or choose a larger instance"
    if is_full(error):
        return f"DISK_FULL: {said} ({_last_line(error)}): train on less data, or give more disk"
    if line := _line_of_model(error):
        return f"MODEL_CODE_FAILED: {said} (model.py, line {line}): correct it and deploy again"
    code = "DISK" if isinstance(error, OSError) else "INTERNAL"
    return f"{code}: {said} ({_last_line(error)}): the job's log has the trace"


def _out_of_memory(error: Exception) -> str | None:
    """torch has an error of its own for a GPU, and none for the host."""
    if type(error).__name__ == "OutOfMemoryError":
        return "CUDA_OUT_OF_MEMORY"
    allocator = isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)
    return "HOST_OUT_OF_MEMORY" if allocator or isinstance(error, MemoryError) else None


def _last_line(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else "no line"


def _line_of_model(error: Exception) -> int | None:
    """Where in the user's module it happened, when it happened below it."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename.endswith("model.py>")]
    return lines[-1] if lines else None
