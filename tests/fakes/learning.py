"""A training small enough for a blink, whose model runs out of memory when it is told to."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.checkpoint import Checkpoints
from training.config import Recipe
from training.data import Rows
from training.log import Log
from training.loop import Fit, Fitted
from training.memory import Memory

RECIPE = Recipe(epochs=3, batch_size=16, checkpoint_every=1)


@dataclass
class Scarce:
    """Memory for so many rows at once; like a GPU's it says so."""

    rows: int
    tells: bool = True
    share: float = 1.0
    freed: int = 0

    def free(self) -> None:
        self.freed += 1

    @contextmanager
    def without(self, headroom: float) -> Iterator[None]:
        self.share = 1 - headroom
        yield
        self.share = 1.0

    def hold(self, rows: int) -> None:
        if rows > int(self.rows * self.share):
            raise torch.OutOfMemoryError(f"CUDA out of memory: {rows} rows")


@dataclass
class CloudTask:
    """Three clouds; every forward pass asks `hold` for the memory of its rows."""

    hold: Callable[[int], None] = lambda _: None
    dropout: float = 0.0
    seen: list[int] = field(default_factory=list)

    def build(self) -> nn.Module:
        return nn.Sequential(
            nn.Linear(4, 8),
            nn.BatchNorm1d(8, affine=False, momentum=None),
            nn.Linear(8, 3),
            nn.Dropout(self.dropout),
        )

    def features(self, raw: Tensor) -> Tensor:
        return raw / 5

    def loss(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        self.seen.append(len(x))
        logits = model(x)
        self.hold(len(x))
        return functional.cross_entropy(logits, y)

    def predict(self, model: nn.Module, x: Tensor) -> Tensor:
        answers: Tensor = model(x).argmax(dim=1)
        return answers


@dataclass
class PlainTask(CloudTask):
    """Without anything that depends on who else is in the batch."""

    def build(self) -> nn.Module:
        return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(self.dropout), nn.Linear(8, 3))


def cloud_rows(rows: int = 100) -> Rows:
    generator = torch.Generator().manual_seed(5)
    labels = torch.randint(0, 3, (rows,), generator=generator)
    raw = torch.randn(rows, 4, generator=generator) + 2.0 * labels[:, None]
    return Rows(("a", "b", "c", "d"), raw, labels)


@dataclass
class Training:
    """One training, to be run as often as wanted: it goes on from its own checkpoints."""

    folder: Path
    task: CloudTask
    recipe: Recipe = RECIPE
    rows: Rows = field(default_factory=cloud_rows)
    memory: Memory | None = None
    said: io.StringIO = field(default_factory=io.StringIO)

    def run(self, stopping: Callable[[], bool] = lambda: False) -> Fitted:
        torch.set_num_threads(1)
        return Fit(
            task=self.task,
            rows=self.rows,
            recipe=self.recipe,
            seed=7,
            device=torch.device("cpu"),
            checkpoints=Checkpoints(self.folder, {"run": "r"}),
            log=Log(self.said),
            stopping=stopping,
            memory=self.memory,
        ).run()

    def losses(self) -> list[float]:
        """Of every epoch that was told."""
        lines = [line.split() for line in self.said.getvalue().splitlines()]
        told = [dict(word.split("=") for word in line) for line in lines if "epoch=" in line[0]]
        return [float(line["loss"]) for line in told]


def weights_of(fitted: Fitted) -> Tensor:
    return torch.cat([value.detach().flatten() for value in fitted.model.parameters()])
