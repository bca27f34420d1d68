"""One step of learning: gradients of the whole batch, by as many rows at once as memory holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_, get_total_norm
from torch.optim import AdamW

from training import chance, memory
from training.average import Average
from training.config import Recipe
from training.failure import LearningError
from training.log import Log
from training.memory import Adjustment, Memory
from training.parallel import World
from training.source import Batch
from training.task import Task
from training.verbs import learnable


@dataclass(frozen=True)
class Ways:
    """How the steps are made, as found out so far; a resumed training goes on so."""

    micro_batch: int  # rows at once
    compiled: bool = False
    adjustments: tuple[Adjustment, ...] = ()
    skipped: int = 0  # batches whose loss was no number

    @classmethod
    def read(cls, told: dict[str, object]) -> Ways:
        made = told.pop("adjustments")
        adjustments = tuple(Adjustment(**each) for each in made)  # type: ignore[attr-defined]  # of `asdict`
        return cls(**told, adjustments=adjustments)  # type: ignore[arg-type]  # of `asdict`

    def told(self) -> dict[str, object]:
        return asdict(self)


@dataclass
class Learner:
    """A model and what changes it."""

    task: Task
    model: nn.Module
    recipe: Recipe
    seed: int
    device: torch.device
    memory: Memory
    world: World
    log: Log
    ways: Ways = field(init=False)
    optimizer: AdamW = field(init=False)
    average: Average = field(init=False)
    runner: nn.Module = field(init=False)  # the model, as it is called: over processes, compiled

    def __post_init__(self) -> None:
        rows = self.recipe.micro_batch or self.recipe.batch_size
        self.ways = Ways(min(rows, self.recipe.batch_size))
        self.optimizer = AdamW(
            self.model.parameters(),
            lr=self.recipe.learning_rate,
            weight_decay=self.recipe.weight_decay,
            fused=True,
        )
        self.average = Average.of(self.model, self.recipe.ema)
        self.runner = self.world.replicated(self.model)

    def step(self, number: int, batch: Batch, rate: float) -> Tensor:
        """This process's share of the loss, as it was before the weights followed it."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        buffers = [(each, each.clone()) for each in self.model.buffers()]
        done: list[tuple[Tensor, bool]] = []
        while not memory.fits(lambda: done.append(self._attempt(number, batch)), self.memory):
            self._halve(number)
            for buffer, was in buffers:
                buffer.copy_(was)
        loss, usable = done[0]
        if usable:
            self.average.follow()
        else:
            self._skip(number, batch)
        return loss if usable else torch.zeros_like(loss)

    def fit(self, batch: Batch) -> None:
        """Finds how many rows at once the memory holds, by steps of which nothing stays."""
        if self.recipe.micro_batch or not self.memory.tells:
            return
        mine = batch.part(self.world.rank, self.world.size)
        with self.untouched(), self.memory.without(self.recipe.headroom):
            found = memory.largest(
                lambda rows: memory.fits(lambda: self.probe(mine.first(rows)), self.memory),
                len(mine),
            )
        rows = memory.balanced(len(mine), self.world.least(found, self.device))
        self.ways = replace(self.ways, micro_batch=rows)
        self.log.info("as many rows at once as fit", rows=rows, of=len(mine), found=found)

    def probe(self, batch: Batch) -> None:
        """A whole step on these rows at once, in this process alone."""
        chance.begin_step(self.seed, 0, rank=self.world.rank)
        with self.world.averaging(self.runner, wanted=False):
            self._backward(batch.x_BF, batch.y_B, share=1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()

    @contextmanager
    def untouched(self) -> Iterator[None]:
        """Whatever is tried inside, before the first step, leaves no trace in what is learned."""
        kept = {name: value.cpu().clone() for name, value in self.model.state_dict().items()}
        try:
            yield
        finally:
            self.model.load_state_dict(kept)
            self.optimizer.state.clear()
            self.optimizer.zero_grad()

    def _attempt(self, number: int, batch: Batch) -> tuple[Tensor, bool]:
        chance.begin_step(self.seed, number, rank=self.world.rank)
        self.optimizer.zero_grad()
        loss = self._gradients(batch)
        norm = self._clipped()
        usable = norm is None or self._usable(loss, norm)
        if usable:
            self.optimizer.step()
        return loss, usable

    def _gradients(self, batch: Batch) -> Tensor:
        """The sum over micro-batches, each weighed by its share of the batch's rows."""
        mine = batch.part(self.world.rank, self.world.size)
        weight = float(len(mine) > 0)  # a process without rows takes part with one that is 0
        mine = mine if weight else batch.first(1)
        parts = list(mine.split(self.ways.micro_batch))
        total = torch.zeros((), device=self.device)
        for index, (x_BF, y_B) in enumerate(parts, 1):
            share = weight * len(y_B) / len(batch)
            with self.world.averaging(self.runner, wanted=index == len(parts)):
                total += share * self._backward(x_BF, y_B, share=share * self.world.size)
        return total

    def _backward(self, x_BF: Tensor, y_B: Tensor, *, share: float) -> Tensor:
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self._halved_precision):
            loss = learnable(self.task.loss(self.runner, x_BF, y_B))
        torch.autograd.backward(loss * share)
        return loss.detach()

    @property
    def _halved_precision(self) -> bool:
        if self.recipe.precision != "auto":
            return self.recipe.precision == "bfloat16"
        return self.device.type == "cuda" and torch.cuda.is_bf16_supported()

    def _clipped(self) -> Tensor | None:
        """The length of the gradient where somebody wants to know it."""
        if self.recipe.clip_norm:
            return clip_grad_norm_(self.model.parameters(), self.recipe.clip_norm)
        if self.recipe.not_finite == "skip":
            return get_total_norm(
                [each.grad for each in self.model.parameters() if each.grad is not None]
            )
        return None

    def _usable(self, loss: Tensor, norm: Tensor) -> bool:
        if self.recipe.not_finite != "skip":
            return True
        broken = not bool(torch.isfinite(loss) & torch.isfinite(norm))
        return not self.world.any(broken, self.device)

    def _halve(self, number: int) -> None:
        was = self.ways.micro_batch
        if was == 1 or self.world.size > 1:
            raise LearningError(
                memory.code(self.device),
                f"step {number}: {was} rows at once do not fit into the memory of"
                f" {self.device.type}: set a lower micro_batch or choose a larger instance",
            )
        made = Adjustment(number, was, (was + 1) // 2)
        self.ways = replace(
            self.ways, micro_batch=made.rows, adjustments=(*self.ways.adjustments, made)
        )
        self.log.info("out of memory: fewer rows at once", step=number, was=was, rows=made.rows)

    def _skip(self, number: int, batch: Batch) -> None:
        self.ways = replace(self.ways, skipped=self.ways.skipped + 1)
        self.log.info("a batch is left out: no finite loss", step=number, rows=batch.shown())
