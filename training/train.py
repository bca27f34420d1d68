"""The training job: verified rows and code in, a verified artifact out."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import torch

from training import artifact, data, dataset
from training.checkpoint import Checkpoints
from training.config import Config, Recipe
from training.container import TrainingJob, TrainingPlaces
from training.log import Log
from training.loop import Fit, seed_of
from training.task import Code, load


def train(places: TrainingPlaces, *, root: Path, log: Log, stopping: Callable[[], bool]) -> bool:
    """False when it was told to stop before the end."""
    began = time.monotonic()
    job = TrainingJob.read(places.hyperparameters)
    log = log.about(run=job.run, model=job.model, attempt=job.attempt)
    code = Code.find(job.model, root=root)
    code.verified(job.code)
    config = Config.parse(code.model_toml)
    files = dataset.accepted(places.dataset, places.rows, digest=job.dataset)
    rows = data.read(files, config)
    device = choose_device(config.recipe)
    log.info("training starts", rows=len(rows), columns=len(rows.columns), device=str(device))
    fitted = Fit(
        task=load(code.model_py, name="model.py"),
        rows=rows,
        recipe=config.recipe,
        seed=seed_of(job.run),
        device=device,
        checkpoints=Checkpoints(
            places.checkpoints,
            {"run": job.run, "dataset": job.dataset, "code": job.code, "model": job.model},
        ),
        log=log,
        stopping=stopping,
    ).run()
    if not fitted.finished:
        log.info("told to stop: left a checkpoint", folder=str(places.checkpoints))
        return False
    digest = artifact.write(
        places.artifact, model=fitted.model, columns=rows.columns, code=code, job=job
    )
    log.info("training is done", digest=digest, seconds=round(time.monotonic() - began, 3))
    return True


def choose_device(recipe: Recipe) -> torch.device:
    """CUDA where there is one, with the deterministic algorithms where they exist."""
    torch.set_num_threads(recipe.threads)
    if not torch.cuda.is_available():
        return torch.device("cpu")
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(mode=True, warn_only=True)
    return torch.device("cuda")
