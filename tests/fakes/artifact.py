"""A model artifact as a training leaves it, for the model of the fake container."""

from __future__ import annotations

from pathlib import Path

import torch

from tests.fakes.container import COLUMNS, MODEL_PY, MODEL_TOML
from training.artifact import write
from training.container import TrainingJob
from training.task import Code, load

JOB = TrainingJob("clouds", "0123456789ab", "d" * 64, "c" * 64, "1")


def write_artifact(folder: Path, *, source: str = MODEL_PY) -> str:
    """Its digest; the weights are those of an untrained model, the same each time."""
    torch.manual_seed(0)
    code = Code(source.encode(), MODEL_TOML.encode(), None)
    model = load(code.model_py, name="model.py").build()
    return write(folder, model=model, columns=COLUMNS, code=code, job=JOB)
