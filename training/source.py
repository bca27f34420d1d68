"""The rows of an epoch, in batches, in an order that the seed and the epoch alone decide.

Letters of the shapes: N rows, B rows of a batch, F columns.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

import torch
from torch import Tensor

from training.chance import seed_of
from training.data import Rows
from training.task import Task
from training.verbs import featured

_SHOWN: Final = 5


@dataclass(frozen=True)
class Batch:
    """What one step learns from."""

    numbers_B: Tensor  # of the rows in the dataset, from 0
    x_BF: Tensor
    y_B: Tensor

    def __len__(self) -> int:
        return len(self.y_B)

    def first(self, rows: int) -> Batch:
        return Batch(self.numbers_B[:rows], self.x_BF[:rows], self.y_B[:rows])

    def part(self, rank: int, of: int) -> Batch:
        """The rows of one process; the batch itself where there is but one."""
        if of == 1:
            return self
        return Batch(self.numbers_B[rank::of], self.x_BF[rank::of], self.y_B[rank::of])

    def split(self, rows: int) -> Iterator[tuple[Tensor, Tensor]]:
        return zip(torch.split(self.x_BF, rows), torch.split(self.y_B, rows), strict=True)

    def shown(self) -> str:
        """Rows that a person may look up."""
        numbers = ", ".join(str(number) for number in self.numbers_B[:_SHOWN].tolist())
        more = len(self) - _SHOWN
        return f"rows {numbers} and {more} more" if more > 0 else f"rows {numbers}"


class Source(Protocol):
    """Batches of rows, already as the task's features see them."""

    def __len__(self) -> int:
        """Its rows."""

    def epoch(self, number: int, *, size: int, start: int = 0) -> Iterator[Batch]:
        """Batches of `size` rows, from the one numbered `start`; the last may be smaller."""

    def sample(self) -> tuple[Tensor, Tensor]:
        """Rows to tell an accuracy by: all of them, or the same few each time."""


def batches(source: Source, size: int) -> int:
    """So many in an epoch."""
    return math.ceil(len(source) / size)


@dataclass(frozen=True)
class Held:
    """All rows, on the device."""

    x_NF: Tensor
    y_N: Tensor
    seed: int

    @classmethod
    def of(cls, rows: Rows, task: Task, *, device: torch.device, seed: int) -> Held:
        return cls(featured(task, rows.raw_NF.to(device)), rows.labels_N.to(device), seed)

    def __len__(self) -> int:
        return len(self.y_N)

    def epoch(self, number: int, *, size: int, start: int = 0) -> Iterator[Batch]:
        generator = torch.Generator().manual_seed(seed_of(f"{self.seed}/{number}"))
        order_N = torch.randperm(len(self), generator=generator).to(self.y_N.device)
        for picked_B in torch.split(order_N[start * size :], size):
            yield Batch(picked_B, self.x_NF[picked_B], self.y_N[picked_B])

    def sample(self) -> tuple[Tensor, Tensor]:
        return self.x_NF, self.y_N
