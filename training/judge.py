"""The evaluation job: artifacts and a holdout in, evidence out."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from training import artifact, dataset, holdout, leak, plots, report, slices
from training.artifact import Artifact, Pin
from training.chance import seed_of
from training.config import Config
from training.container import EvaluationJob, EvaluationPlaces
from training.dataset import Holdout
from training.evaluate import Answers, Asked, Comparison, compare, with_constant
from training.failure import ArtifactError, DataError
from training.holdout import Portion
from training.leak import Hashes
from training.log import Log
from training.report import Evaluation
from training.rival import Rival
from training.scores import Ints
from training.slices import Outcome, Search
from training.task import Code
from training.train import choose_device

if TYPE_CHECKING:
    import pyarrow as pa

_ALL: Final = 1.0  # a leak of everything is allowed: nobody looks for one


def judge(
    places: EvaluationPlaces, environment: Mapping[str, str], *, root: Path, log: Log
) -> Evaluation:
    began = time.monotonic()
    job = EvaluationJob.read(environment)
    log = log.about(run=job.run, model=job.model)
    code = Code.find(job.model, root=root)
    config = Config.parse(code.model_toml)
    _pinned(places, job)
    held = dataset.holdout(places.holdout, format=config.format)
    with tempfile.TemporaryDirectory() as scratch:
        device = choose_device(config.recipe)
        folder = artifact.unpack(places.candidate, Path(scratch) / "candidate")
        model = artifact.read(folder, pin=Pin("candidate", job=job, code=code), device=device)
        beside = Path(scratch) / "champion"
        rival = Rival.find(places.champion, job, beside, config, device)
        log.info(
            "evaluation starts", files=len(held.files), device=str(device), champion=rival.said
        )
        asked = Asked(model, config.classes, device)
        hearing = _Hearing(config, asked, rival, Search(model.columns))
        labels = hearing.hold(held.files)
        leaked = _leaked(places, model, config, hearing.hashes)
        evaluation = _evaluation(hearing, labels, job, held, leaked)
    report.write(evaluation, places.output)
    plots.draw(evaluation, places.output)
    log.info(
        "evaluation is done",
        seconds=round(time.monotonic() - began, 3),
        report=report.report(evaluation),
    )
    return evaluation


def _pinned(places: EvaluationPlaces, job: EvaluationJob) -> None:
    """A champion that nobody named is none, and whoever put it there is up to something."""
    if job.champion is None and places.champion.is_file():
        raise ArtifactError(
            "CHAMPION_UNPINNED",
            "a champion comes as an archive and its digest, the job lacks SLUICE_CHAMPION_DIGEST:"
            " nothing was run; start a new run",
        )


@dataclass
class _Hearing:
    """One pass over the holdout: both models answer, and what the rows are is noted."""

    config: Config
    candidate: Asked
    rival: Rival
    search: Search
    labels: list[Ints] = field(default_factory=list)
    hashes: list[Hashes] = field(default_factory=list)
    parted: dict[str, list[pa.Array]] = field(default_factory=dict)

    def hold(self, files: Sequence[Path]) -> Ints:
        """The labels of all rows."""
        there = holdout.columns_of(files, self.config)
        self.rival.lacks(there)
        columns = tuple(dict.fromkeys((*self.search.columns, *self.rival.columns)))
        slices = tuple(dict.fromkeys(self.config.slices))
        for portion in holdout.portions(files, self.config, columns, slices=slices):
            self._hear(portion)
        return _told_apart(self.labels)

    def _hear(self, portion: Portion) -> None:
        rows = portion.rows
        self.candidate.hear(rows)
        self.rival.hear(rows)
        own_NF = rows.raw_NF.numpy()[:, : len(self.search.columns)]
        self.search.add(own_NF)
        self.labels.append(rows.labels_N.numpy())
        if self.config.max_leak < _ALL:
            self.hashes.append(leak.hashes(own_NF))
        for name, values in portion.parted.items():
            self.parted.setdefault(name, []).extend(values.chunks)


def _told_apart(parts: Sequence[Ints]) -> Ints:
    if not parts:
        raise DataError("HOLDOUT_EMPTY", "its files hold no rows: upload the holdout anew")
    labels = np.concatenate(parts)
    if (labels == labels[0]).all():
        raise DataError(
            "HOLDOUT_ONE_CLASS",
            f"all {len(labels)} rows of the holdout have label {labels[0]}: nothing can be told"
            " apart; make a holdout with rows of every class",
        )
    return labels


def _evaluation(
    hearing: _Hearing, labels: Ints, job: EvaluationJob, held: Holdout, leaked: int | None
) -> Evaluation:
    config, rival, seed = hearing.config, hearing.rival, seed_of(job.run)
    ours, theirs = hearing.candidate.answers(labels), rival.answers(labels, config.metric)
    was_right = None if theirs is None else theirs.predicted == labels
    outcome = Outcome(ours.predicted == labels, was_right)
    return Evaluation(
        model=job.model,
        run=job.run,
        holdout=held.digest,
        candidate=ours,
        champion=theirs,
        comparison=None if theirs is None else _compared(ours, theirs, config, seed),
        seed=seed,
        constant=with_constant(ours, confidence=config.confidence),
        failure=rival.failure,
        against=rival.digest,
        slices=slices.told(slices.declared(hearing.parted, outcome)),
        found=hearing.search.found(outcome),
        leaked=leaked,
    )


def _compared(ours: Answers, theirs: Answers, config: Config, seed: int) -> Comparison:
    return compare(ours, theirs, metric=config.metric, seed=seed, confidence=config.confidence)


def _leaked(
    places: EvaluationPlaces, model: Artifact, config: Config, held: Sequence[Hashes]
) -> int | None:
    """None when nobody looked: leaks are allowed, or the job got no dataset."""
    if not held or not places.dataset.is_file():
        return None
    files = dataset.accepted(places.dataset, places.rows, digest=model.dataset)
    trained = (
        leak.hashes(portion.rows.raw_NF.numpy())
        for portion in holdout.portions(files, config, model.columns)
    )
    rows = sum(map(len, held))
    found = leak.leaked(np.concatenate(held), trained)
    leak.refuse(found, rows, config)
    return found
