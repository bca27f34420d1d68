"""Keeps the state of a training so that a resumed one ends in the same bits.

One safetensors file holds all of it: a rename makes it whole on this disk and one PUT makes it
whole in S3, where a pair of files could come apart. Nothing is pickled.
"""

from __future__ import annotations

import json
import os
import random
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from training import weights
from training.failure import ArtifactError

_KEEP: Final = 2


@dataclass(frozen=True)
class Progress:
    """How far the training is: so many epochs done, and so many batches of the next one."""

    epoch: int = 0
    batch: int = 0
    loss_sum: float = 0.0  # over the batches of the epoch under way


@dataclass(frozen=True)
class Checkpoints:
    """The identity ties a checkpoint to one run: state of another must never leak into it."""

    folder: Path
    identity: dict[str, str]

    def save(self, progress: Progress, model: nn.Module, optimizer: Optimizer) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        tensors = _state(model, optimizer)
        metadata = self.identity | {
            "progress": json.dumps(asdict(progress)),
            "random": json.dumps(random.getstate()),
            "random.numpy": json.dumps(
                np.random.get_state(legacy=False), default=np.ndarray.tolist
            ),
            "content": weights.content_digest(tensors),
        }
        path = self.folder / f"checkpoint-{progress.epoch:06d}-{progress.batch:08d}.safetensors"
        partial = path.with_suffix(".partial")
        weights.save(partial, tensors, metadata)
        _sync(partial)
        partial.replace(path)
        for old in sorted(self.folder.glob("checkpoint-*.safetensors"))[:-_KEEP]:
            old.unlink()
        return path

    def resume(self, model: nn.Module, optimizer: Optimizer) -> Progress | None:
        """The newest whole checkpoint of this run; a damaged one falls back to the one before."""
        for path in sorted(self.folder.glob("checkpoint-*.safetensors"), reverse=True):
            try:
                tensors, metadata = weights.load(path)
            except ArtifactError:
                continue
            if self._is_ours(tensors, metadata):
                _restore(tensors, metadata, model, optimizer)
                return Progress(**json.loads(metadata["progress"]))
        return None

    def _is_ours(self, tensors: dict[str, Tensor], metadata: dict[str, str]) -> bool:
        return self.identity.items() <= metadata.items() and weights.content_digest(
            tensors
        ) == metadata.get("content")


def _state(model: nn.Module, optimizer: Optimizer) -> dict[str, Tensor]:
    state = {f"model.{name}": value for name, value in model.state_dict().items()}
    for index, slots in optimizer.state_dict()["state"].items():
        state |= {f"optimizer.{index}.{slot}": value for slot, value in slots.items()}
    state["random.cpu"] = torch.get_rng_state()
    if torch.cuda.is_available():
        state["random.cuda"] = torch.cuda.get_rng_state()
    return state


def _restore(
    tensors: dict[str, Tensor], metadata: dict[str, str], model: nn.Module, optimizer: Optimizer
) -> None:
    model.load_state_dict(_under(tensors, "model."))
    slots: dict[int, dict[str, Tensor]] = {}
    for name, value in _under(tensors, "optimizer.").items():
        index, slot = name.split(".", 1)
        slots.setdefault(int(index), {})[slot] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": slots, "param_groups": groups})
    torch.set_rng_state(tensors["random.cpu"])
    if "random.cuda" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["random.cuda"])
    version, numbers, gauss = json.loads(metadata["random"])
    random.setstate((version, tuple(numbers), gauss))
    np.random.set_state(json.loads(metadata["random.numpy"]))


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
