"""Fits a model to rows: the same seed and rows give the same bits on the same hardware.

A model may draw from Python's, numpy's and torch's randomness: all three are seeded by the run and
kept in its checkpoints.

Letters of the shapes: N rows, B rows of a batch, F columns.
"""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from training.checkpoint import Checkpoints, Progress
from training.config import Recipe
from training.data import Rows
from training.failure import LearningError
from training.log import Log
from training.task import Task
from training.verbs import built, featured, learnable, predict

_WARM_UP: Final = 0.05  # of all steps


@dataclass(frozen=True)
class Fitted:
    model: nn.Module
    finished: bool  # False: it was told to stop, and left a checkpoint


@dataclass(frozen=True)
class Fit:
    """One training: everything that decides its outcome, and where it reports to."""

    task: Task
    rows: Rows
    recipe: Recipe
    seed: int
    device: torch.device
    checkpoints: Checkpoints
    log: Log
    stopping: Callable[[], bool]

    def run(self) -> Fitted:
        _seed(self.seed)
        model = built(self.task).to(self.device)
        x_NF = featured(self.task, self.rows.raw_NF.to(self.device))  # before any state comes back
        y_N = self.rows.labels_N.to(self.device)
        optimizer = AdamW(
            model.parameters(),
            lr=self.recipe.learning_rate,
            weight_decay=self.recipe.weight_decay,
            fused=True,
        )
        progress = self.checkpoints.resume(model, optimizer)
        if progress is not None:
            self.log.info("resumed from a checkpoint", epoch=progress.epoch, batch=progress.batch)
        progress = progress or Progress()
        while progress.epoch < self.recipe.epochs:
            progress = self._epoch(progress, model, optimizer, x_NF, y_N)
            stopped = self.stopping() and progress.epoch < self.recipe.epochs
            if stopped or progress.epoch % self.recipe.checkpoint_every == 0:
                self.checkpoints.save(progress, model, optimizer)
            if stopped:
                return Fitted(model, finished=False)
        return Fitted(model, finished=True)

    def _epoch(
        self, progress: Progress, model: nn.Module, optimizer: Optimizer, x_NF: Tensor, y_N: Tensor
    ) -> Progress:
        """The rest of one epoch, or as much of it as there is time for."""
        model.train()
        size, count = self.recipe.batch_size, self._batches
        order_N = self._order(progress.epoch).to(self.device)
        loss_sum = torch.tensor(progress.loss_sum, dtype=torch.float64, device=self.device)
        for batch in range(progress.batch, count):
            if self.stopping():
                return replace(progress, batch=batch, loss_sum=loss_sum.item())
            picked_B = order_N[batch * size : (batch + 1) * size]
            for group in optimizer.param_groups:
                group["lr"] = self._rate(progress.epoch * count + batch)
            loss = learnable(self.task.loss(model, x_NF[picked_B], y_N[picked_B]))
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            loss_sum += loss.detach()
        self._report(progress.epoch + 1, loss_sum.item() / count, model, x_NF, y_N)
        return Progress(epoch=progress.epoch + 1)

    def _report(self, epoch: int, loss: float, model: nn.Module, x_NF: Tensor, y_N: Tensor) -> None:
        if not math.isfinite(loss):
            raise LearningError(
                "LOSS_NOT_FINITE",
                f"the loss of epoch {epoch} is {loss}: lower learning_rate"
                f" (it is {self.recipe.learning_rate:g}) or look at the data",
            )
        predicted_N = predict(self.task, model, x_NF, batch=4096)
        accuracy = (predicted_N == y_N).double().mean().item()
        self.log.metrics(epoch=epoch, loss=loss, accuracy=accuracy)

    @property
    def _batches(self) -> int:
        return math.ceil(len(self.rows) / self.recipe.batch_size)

    def _order(self, epoch: int) -> Tensor:
        """Drawn from the seed and the epoch alone, so a resume in mid-epoch sees the same order."""
        generator = torch.Generator().manual_seed(seed_of(f"{self.seed}/{epoch}"))
        return torch.randperm(len(self.rows), generator=generator)

    def _rate(self, step: int) -> float:
        """A short linear rise, then half a cosine down to zero; it depends on the step alone."""
        total = self.recipe.epochs * self._batches
        rise = max(1.0, _WARM_UP * total)
        fall = 0.5 * (1 + math.cos(math.pi * step / total))
        return self.recipe.learning_rate * min(1.0, (step + 1) / rise) * fall


def seed_of(run: str) -> int:
    return int.from_bytes(hashlib.sha256(run.encode()).digest()[:4], "big")


def _seed(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
