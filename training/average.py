"""The exponential moving average of a model's weights, which often answers better than the last."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Average:
    """A decay of 0 keeps none: the average is then the model itself."""

    model: nn.Module
    decay: float
    state: dict[str, Tensor]

    @classmethod
    def of(cls, model: nn.Module, decay: float) -> Average:
        state = {name: value.detach().clone() for name, value in model.named_parameters()}
        return cls(model, decay, state if decay else {})

    def follow(self) -> None:
        if self.state:
            now = [value.detach() for value in self.model.parameters()]
            torch._foreach_lerp_(list(self.state.values()), now, 1 - self.decay)

    def load(self, state: dict[str, Tensor]) -> None:
        for name, value in self.state.items():
            value.copy_(state[name])

    @torch.no_grad()
    def keep(self) -> None:
        """The model is the average from now on."""
        for name, value in self.model.named_parameters():
            value.copy_(self.state.get(name, value))

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The model answers with the average for a while."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    @torch.no_grad()
    def _swap(self) -> None:
        parameters = dict(self.model.named_parameters())
        for name, kept in self.state.items():
            now = parameters[name].detach().clone()
            parameters[name].copy_(kept)
            kept.copy_(now)
