"""Fits a model to rows: the same seed and rows give the same bits on the same hardware.

A training is epochs of steps. A step (`learner.py`) learns from one batch; between two steps the
state may be kept (`checkpoint.py`), and a training that is told to stop leaves it behind. All that
a step needs follows from the seed and its number, so a resumed training is the same training.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

import torch
from torch import Tensor, nn

from training import chance, compiled, memory, source
from training.checkpoint import Checkpoints, Progress
from training.config import Recipe
from training.data import Rows
from training.failure import LearningError
from training.learner import Learner, Ways
from training.log import Log
from training.memory import Memory
from training.parallel import World
from training.schedule import rate
from training.source import Batch, Held, Source
from training.task import Task
from training.verbs import built, predict

_LOOK: Final = 20  # steps between two looks at the losses of a GPU, which cost a wait for it
_AGREE: Final = 10  # steps between two questions whether any process was told to stop


@dataclass(frozen=True)
class Fitted:
    model: nn.Module
    ways: Ways
    finished: bool  # False: it was told to stop, and left a checkpoint


@dataclass
class Losses:
    """Of the epoch under way: their sum, and those that nobody has looked at yet."""

    sum: Tensor  # float64
    every: int
    unseen: list[tuple[int, Batch, Tensor]] = field(default_factory=list)

    def add(self, step: int, batch: Batch, loss: Tensor) -> None:
        self.sum += loss
        self.unseen.append((step, batch, loss))
        if len(self.unseen) >= self.every:
            self.look()

    def look(self) -> None:
        """A loss that is no number ends the training, with the step and its rows."""
        seen, self.unseen = self.unseen, []
        if not seen or bool(torch.isfinite(self.sum)):
            return
        step, batch, loss = next(each for each in seen if not math.isfinite(each[2].item()))
        raise LearningError(
            "LOSS_NOT_FINITE",
            f"the loss of step {step} is {loss.item()} ({batch.shown()} of the dataset): lower"
            ' learning_rate, set not_finite = "skip" or look at the data',
        )


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
    world: World = field(default_factory=World)
    memory: Memory | None = None  # None: the device's own

    def run(self) -> Fitted:
        chance.begin(self.seed)
        model = built(self.task).to(self.device)
        rows = Held.of(self.rows, self.task, device=self.device, seed=self.seed)
        learner = Learner(
            task=self.task,
            model=model,
            recipe=self.recipe,
            seed=self.seed,
            device=self.device,
            memory=self.memory or memory.of(self.device),
            world=self.world,
            log=self.log,
        )
        finished = self._epochs(learner, rows)
        self.checkpoints.flush()
        learner.average.keep()
        return Fitted(model, learner.ways, finished)

    def _epochs(self, learner: Learner, rows: Source) -> bool:
        progress = self._begin(learner, rows)
        while progress.epoch < self.recipe.epochs:
            progress = self._epoch(progress, learner, rows)
            stopped = progress.batch > 0 or self._agreed(0, said=self.stopping())
            stopped = stopped and progress.epoch < self.recipe.epochs
            if stopped or progress.epoch % self.recipe.checkpoint_every == 0:
                self._keep(progress, learner)
            if stopped:
                return False
        return True

    def _begin(self, learner: Learner, rows: Source) -> Progress:
        """Where a checkpoint says; otherwise at the start, once it is known how to make steps."""
        progress = self.checkpoints.resume(learner)
        if progress is not None:
            self.log.info("resumed from a checkpoint", epoch=progress.epoch, batch=progress.batch)
            compiled.go_on(learner)
            return progress
        first = next(rows.epoch(0, size=self.recipe.batch_size))
        learner.model.train()
        learner.fit(first)
        compiled.choose(learner, first)
        return Progress()

    def _epoch(self, progress: Progress, learner: Learner, rows: Source) -> Progress:
        """The rest of one epoch, or as much of it as there is time for."""
        learner.model.train()
        size, count = self.recipe.batch_size, source.batches(rows, self.recipe.batch_size)
        losses = self._losses(progress)
        kept = time.monotonic()
        for index, batch in enumerate(
            rows.epoch(progress.epoch, size=size, start=progress.batch), progress.batch
        ):
            stopped = self._agreed(index, said=self.stopping())
            due = time.monotonic() - kept >= self.recipe.checkpoint_seconds
            if stopped or self._agreed(index, said=due):
                losses.look()
                here = replace(progress, batch=index, loss_sum=self._total(losses.sum))
                if stopped:
                    return here
                self._keep(here, learner)
                kept = time.monotonic()
            step = progress.epoch * count + index
            speed = rate(self.recipe, step, steps=self.recipe.epochs * count)
            losses.add(step, batch, learner.step(step, batch, speed))
        losses.look()
        self._report(progress.epoch + 1, self._total(losses.sum) / count, learner, rows)
        return Progress(epoch=progress.epoch + 1)

    def _losses(self, progress: Progress) -> Losses:
        begun = progress.loss_sum if self.world.leads else 0.0
        total = torch.tensor(begun, dtype=torch.float64, device=self.device)
        return Losses(total, every=_LOOK if self.device.type == "cuda" else 1)

    def _total(self, loss_sum: Tensor) -> float:
        return self.world.total(loss_sum).item()

    def _keep(self, progress: Progress, learner: Learner) -> None:
        if self.world.leads:
            self.checkpoints.save(progress, learner)

    def _agreed(self, index: int, *, said: bool) -> bool:
        """What one process says holds for all, at the steps at which they ask each other."""
        if self.world.size > 1 and index % _AGREE:
            return False
        return self.world.any(said, self.device)

    def _report(self, epoch: int, loss: float, learner: Learner, rows: Source) -> None:
        if not self.world.leads:
            return
        x_NF, y_N = rows.sample()
        with learner.average.applied():
            predicted_N = predict(self.task, learner.model, x_NF, batch=4096)
        accuracy = (predicted_N == y_N).double().mean().item()
        self.log.metrics(epoch=epoch, loss=loss, accuracy=accuracy)
