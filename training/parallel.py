"""One training in several processes: each learns from its share of every batch.

Gradients are averaged while the backward pass still runs, and only in the last micro-batch of a
step. A process weighs its loss by its share of the rows, so the average is the gradient of the
whole batch, however unevenly that is split.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel


@dataclass(frozen=True)
class World:
    """The processes of a training, by the variables that torchrun sets too."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> World:
        rank, size, local = (
            int(environment.get(name, default))
            for name, default in (("RANK", "0"), ("WORLD_SIZE", "1"), ("LOCAL_RANK", "0"))
        )
        return cls(rank, size, local)

    @property
    def leads(self) -> bool:
        """Whether this one speaks and writes for all."""
        return self.rank == 0

    @contextmanager
    def joined(self, device: torch.device) -> Iterator[None]:
        if self.size == 1:
            yield
            return
        backend = "nccl" if device.type == "cuda" else "gloo"
        dist.init_process_group(backend, rank=self.rank, world_size=self.size)
        try:
            yield
        finally:
            dist.destroy_process_group()

    def replicated(self, model: nn.Module) -> nn.Module:
        """The model with its gradients averaged over all processes."""
        return model if self.size == 1 else DistributedDataParallel(model)

    def averaging(self, model: nn.Module, *, wanted: bool) -> AbstractContextManager[None]:
        """Whether a backward pass averages; it does unless it is told not to."""
        if wanted or not isinstance(model, DistributedDataParallel):
            return nullcontext()
        return model.no_sync()

    def total(self, value: Tensor) -> Tensor:
        if self.size > 1:
            value = value.clone()
            dist.all_reduce(value)
        return value

    def least(self, value: int, device: torch.device) -> int:
        if self.size == 1:
            return value
        told = torch.tensor(value, device=device)
        dist.all_reduce(told, op=dist.ReduceOp.MIN)
        return int(told.item())

    def any(self, said: bool, device: torch.device) -> bool:  # noqa: FBT001  # it is all there is to say
        return said if self.size == 1 else self.least(int(not said), device) == 0
