"""The evaluation job: artifacts and a holdout in, evidence out."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import torch

from training import artifact, data, dataset, plots, report
from training.artifact import Pin
from training.chance import seed_of
from training.config import Config
from training.container import EvaluationJob, EvaluationPlaces
from training.dataset import Holdout
from training.evaluate import Answers, answers, compare
from training.failure import ArtifactError
from training.log import Log
from training.report import Evaluation
from training.task import Code
from training.train import choose_device


def judge(
    places: EvaluationPlaces, environment: Mapping[str, str], *, root: Path, log: Log
) -> Evaluation:
    began = time.monotonic()
    job = EvaluationJob.read(environment)
    log = log.about(run=job.run, model=job.model)
    code = Code.find(job.model, root=root)
    config = Config.parse(code.model_toml)
    pinned = _pinned(places, job, code)
    device = choose_device(config.recipe)
    holdout = dataset.holdout(places.holdout, format=config.format)
    log.info("evaluation starts", files=len(holdout.files), device=str(device))
    with tempfile.TemporaryDirectory() as scratch:
        judged = [
            _answers(archive, pin, Path(scratch) / pin.what, holdout, config, device)
            for archive, pin in pinned
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


def _pinned(places: EvaluationPlaces, job: EvaluationJob, code: Code) -> list[tuple[Path, Pin]]:
    """The candidate is this run's, made by this code; the champion the one the ledger names."""
    candidate = (places.candidate, Pin("candidate", job=job, code=code))
    if job.champion is None and not places.champion.is_file():
        return [candidate]
    if job.champion is None or not places.champion.is_file():
        lacks = "SLUICE_CHAMPION_DIGEST" if job.champion is None else str(places.champion)
        raise ArtifactError(
            "CHAMPION_UNPINNED",
            f"a champion comes as an archive and its digest, the job lacks {lacks}:"
            " nothing was run; start a new run",
        )
    return [candidate, (places.champion, Pin("champion", digest=job.champion))]


def _answers(
    archive: Path,
    pin: Pin,
    folder: Path,
    holdout: Holdout,
    config: Config,
    device: torch.device,
) -> Answers:
    """Each model sees the same rows by its own columns and features."""
    model = artifact.read(artifact.unpack(archive, folder), pin=pin, device=device)
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
