"""The training job: verified rows and code in, a verified artifact out."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch

from training import artifact, data, dataset
from training.chance import seed_of
from training.checkpoint import Checkpoints
from training.config import Config, Recipe
from training.container import TrainingJob, TrainingPlaces
from training.data import Rows
from training.log import Log
from training.loop import Fit, Fitted
from training.parallel import World
from training.task import Code, load


def train(
    places: TrainingPlaces,
    *,
    root: Path,
    log: Log,
    stopping: Callable[[], bool],
    world: World | None = None,
) -> bool:
    """False when it was told to stop before the end."""
    began = time.monotonic()
    world = world or World()
    job = TrainingJob.read(places.hyperparameters)
    log = log.about(run=job.run, model=job.model, attempt=job.attempt)
    code = Code.find(job.model, root=root)
    code.verified(job.code)
    config = Config.parse(code.model_toml)
    files = dataset.accepted(places.dataset, places.rows, digest=job.dataset)
    rows = data.learnable(data.read(files, config))
    device = choose_device(config.recipe, world)
    log.info("training starts", rows=len(rows), columns=len(rows.columns), device=str(device))
    fit = Fit(
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
        world=world,
    )
    with world.joined(device):
        fitted = fit.run()
    if not fitted.finished:
        log.info("told to stop: left a checkpoint", folder=str(places.checkpoints))
        return False
    if world.leads:
        seconds = round(time.monotonic() - began, 3)
        _report(places.report, fitted, rows, config.recipe, device=device, seconds=seconds)
        digest = artifact.write(
            places.artifact, model=fitted.model, columns=rows.columns, code=code, job=job
        )
        log.info("training is done", digest=digest, seconds=seconds)
    return True


def _report(
    path: Path,
    fitted: Fitted,
    rows: Rows,
    recipe: Recipe,
    *,
    device: torch.device,
    seconds: float,
) -> None:
    """How the job went, beside what came of it: nothing in it decides the model's digest."""
    document = {
        "rows": len(rows),
        "device": str(device),
        "torch": torch.__version__,
        "seconds": seconds,
        "recipe": asdict(recipe),
        "ways": fitted.ways.told(),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def choose_device(recipe: Recipe, world: World | None = None) -> torch.device:
    """CUDA where there is one, with the deterministic algorithms where they exist."""
    torch.set_num_threads(recipe.threads)
    if not torch.cuda.is_available():
        return torch.device("cpu")
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(mode=True, warn_only=True)
    device = torch.device("cuda", (world or World()).local_rank)
    torch.cuda.set_device(device)
    return device
