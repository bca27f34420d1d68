"""The evaluation job: artifacts and a holdout in, evidence out."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import torch

from training import artifact, data, dataset, plots, report
from training.config import Config
from training.container import EvaluationJob, EvaluationPlaces
from training.dataset import Holdout
from training.evaluate import Answers, answers, compare
from training.log import Log
from training.loop import seed_of
from training.report import Evaluation
from training.task import Code
from training.train import choose_device


def judge(
    places: EvaluationPlaces, environment: Mapping[str, str], *, root: Path, log: Log
) -> Evaluation:
    began = time.monotonic()
    job = EvaluationJob.read(environment)
    log = log.about(run=job.run, model=job.model)
    config = Config.parse(Code.find(job.model, root=root).model_toml)
    device = choose_device(config.recipe)
    holdout = dataset.holdout(places.holdout)
    log.info("evaluation starts", files=len(holdout.files), device=str(device))
    with tempfile.TemporaryDirectory() as scratch:
        judged = [
            _answers(archive, Path(scratch) / archive.parent.name, holdout, config, device)
            for archive in (places.candidate, places.champion)
            if archive == places.candidate or archive.is_file()
        ]
    evaluation = _evaluation(job, config, holdout.digest, *judged)
    report.write(evaluation, places.output)
    plots.draw(evaluation, places.output)
    log.info(
        "evaluation is done",
        seconds=round(time.monotonic() - began, 3),
        report=report.report(evaluation),
    )
    return evaluation


def _answers(
    archive: Path, folder: Path, holdout: Holdout, config: Config, device: torch.device
) -> Answers:
    """Each model sees the same rows by its own columns and features."""
    model = artifact.read(artifact.unpack(archive, folder), device=device)
    rows = data.read(holdout.files, config, columns=model.columns)
    return answers(model, rows, classes=config.classes, device=device)


def _evaluation(
    job: EvaluationJob,
    config: Config,
    holdout: str,
    candidate: Answers,
    champion: Answers | None = None,
) -> Evaluation:
    seed = seed_of(job.run)
    return Evaluation(
        model=job.model,
        run=job.run,
        holdout=holdout,
        candidate=candidate,
        champion=champion,
        comparison=(
            None
            if champion is None
            else compare(candidate, champion, metric=config.metric, seed=seed)
        ),
        seed=seed,
    )
