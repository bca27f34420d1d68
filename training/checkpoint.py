"""Keeps the state of a training so that a resumed one ends in the same bits.

One safetensors file holds all of it: a rename makes it whole on this disk and one PUT makes it
whole in S3, where a pair of files could come apart. Nothing is pickled. The state is copied between
two steps and written beside the ones that follow.
"""

from __future__ import annotations

import json
import os
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from torch import Tensor

from training import weights
from training.failure import ArtifactError
from training.learner import Learner, Ways

_KEEP: Final = 2


@dataclass(frozen=True)
class Progress:
    """How far the training is: so many epochs done, and so many batches of the next one."""

    epoch: int = 0
    batch: int = 0
    loss_sum: float = 0.0  # over the batches of the epoch under way


@dataclass
class Checkpoints:
    """The identity ties a checkpoint to one run: state of another must never leak into it."""

    folder: Path
    identity: dict[str, str]
    _writer: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))
    _writing: Future[None] | None = None

    def save(self, progress: Progress, learner: Learner) -> None:
        """Returns once the state is copied, and the checkpoint before this one is whole."""
        self.flush()
        tensors = _copied(learner)
        metadata = self.identity | {
            "progress": json.dumps(asdict(progress)),
            "ways": json.dumps(learner.ways.told()),
        }
        name = f"checkpoint-{progress.epoch:06d}-{progress.batch:08d}.safetensors"
        self._writing = self._writer.submit(self._write, self.folder / name, tensors, metadata)

    def flush(self) -> None:
        """Until all that was saved is on the disk; what went wrong there is told here."""
        if self._writing is not None:
            writing, self._writing = self._writing, None
            writing.result()

    def resume(self, learner: Learner) -> Progress | None:
        """The newest whole checkpoint of this run; a damaged one falls back to the one before."""
        for path in sorted(self.folder.glob("checkpoint-*.safetensors"), reverse=True):
            try:
                tensors, metadata = weights.load(path)
            except ArtifactError:
                continue
            if self._is_ours(tensors, metadata):
                _restore(tensors, learner)
                learner.ways = Ways.read(json.loads(metadata["ways"]))
                return Progress(**json.loads(metadata["progress"]))
        return None

    def _write(self, path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        content = {"content": weights.content_digest(tensors)}
        weights.save(partial, tensors, metadata | content)
        _sync(partial)
        partial.replace(path)
        _sync(self.folder)
        for old in sorted(self.folder.glob("checkpoint-*.safetensors"))[:-_KEEP]:
            old.unlink()

    def _is_ours(self, tensors: dict[str, Tensor], metadata: dict[str, str]) -> bool:
        return self.identity.items() <= metadata.items() and weights.content_digest(
            tensors
        ) == metadata.get("content")


def _copied(learner: Learner) -> dict[str, Tensor]:
    state = {f"model.{name}": value for name, value in learner.model.state_dict().items()}
    state |= {f"average.{name}": value for name, value in learner.average.state.items()}
    for index, slots in learner.optimizer.state_dict()["state"].items():
        state |= {f"optimizer.{index}.{slot}": value for slot, value in slots.items()}
    return {name: value.detach().to("cpu", copy=True) for name, value in state.items()}


def _restore(tensors: dict[str, Tensor], learner: Learner) -> None:
    learner.model.load_state_dict(_under(tensors, "model."))
    learner.average.load(_under(tensors, "average."))
    slots: dict[int, dict[str, Tensor]] = {}
    for name, value in _under(tensors, "optimizer.").items():
        index, slot = name.split(".", 1)
        slots.setdefault(int(index), {})[slot] = value
    groups = learner.optimizer.state_dict()["param_groups"]
    learner.optimizer.load_state_dict({"state": slots, "param_groups": groups})


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
