"""Reads a handwritten digit from its 8 by 8 pixels."""

import torch
from torch import Tensor, nn
from torch.nn import functional

PIXEL_MAX = 16.0


class Task:
    """Letters of the shapes: B rows of a batch, F pixels, C digits."""

    def build(self) -> nn.Module:
        return nn.Sequential(
            nn.Linear(64, 256),
            nn.GELU(),
            nn.Dropout(0.2),
            nn.Linear(256, 128),
            nn.GELU(),
            nn.Linear(128, 10),
        )

    def features(self, raw: Tensor) -> Tensor:
        return raw / (PIXEL_MAX / 2) - 1.0

    def loss(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        logits_BC = model(x)
        return functional.cross_entropy(logits_BC, y)

    def predict(self, model: nn.Module, x: Tensor) -> Tensor:
        logits_BC = model(x)
        return torch.argmax(logits_BC, dim=1)

    def probabilities(self, model: nn.Module, x: Tensor) -> Tensor:
        logits_BC = model(x)
        return torch.softmax(logits_BC, dim=1)
