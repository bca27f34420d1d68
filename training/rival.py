"""The champion beside a candidate: what is wrong with it is no fault of the candidate."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from training import artifact
from training.artifact import Pin
from training.config import Config
from training.container import EvaluationJob
from training.data import Rows
from training.evaluate import Answers, Asked
from training.failure import DataError, is_of_machine, one_line
from training.scores import Ints


@dataclass
class Rival:
    """Asked as long as it answers; then it is told why it does not, and a person decides."""

    digest: str | None = None
    asked: Asked | None = None
    failure: str | None = None

    @classmethod
    def find(
        cls, archive: Path, job: EvaluationJob, folder: Path, config: Config, device: torch.device
    ) -> Rival:
        """Nothing of one that is not the ledger's is run."""
        rival = cls(job.champion)
        if job.champion is not None:
            pin = Pin("champion", digest=job.champion)
            try:
                model = artifact.read(artifact.unpack(archive, folder), pin=pin, device=device)
                rival.asked = Asked(model, config.classes, device)
            except Exception as error:  # noqa: BLE001  # whatever an old artifact brings along
                rival.fail(error)
        return rival

    @property
    def columns(self) -> tuple[str, ...]:
        return self.asked.artifact.columns if self.asked else ()

    @property
    def said(self) -> str:
        return self.failure or self.digest or "none"

    def fail(self, error: Exception) -> None:
        if is_of_machine(error):
            raise error
        self.asked, self.failure = None, one_line(error)

    def lacks(self, columns: list[str]) -> None:
        """The holdout has to have the columns it was trained on."""
        if missing := [name for name in self.columns if name not in columns]:
            self.fail(DataError("DATA_SCHEMA", f"the holdout lacks {', '.join(missing[:5])}"))

    def hear(self, rows: Rows) -> None:
        if self.asked is not None:
            try:
                self.asked.hear(rows)
            except Exception as error:  # noqa: BLE001  # whatever an old model's code raises
                self.fail(error)

    def answers(self, labels: Ints, metric: str) -> Answers | None:
        answers = self.asked.answers(labels) if self.asked else None
        if answers is not None and metric == "auroc" and answers.probabilities is None:
            self.fail(DataError("METRIC_UNKNOWN", "it gives no probabilities, which auroc needs"))
            return None
        return answers
