"""torch.compile where it pays: a few steps of both are timed, and the slower one is left."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final, cast

import torch
from torch import nn

from training.learner import Learner
from training.source import Batch

_WARM: Final = 3  # steps that compile, and fill caches
_TIMED: Final = 10
_WORTH: Final = 0.98  # of the eager time: below it the difference is no noise

Compiler = Callable[[nn.Module], nn.Module]


def _compile(model: nn.Module) -> nn.Module:
    return cast(nn.Module, torch.compile(model))


def choose(learner: Learner, batch: Batch, *, compiler: Compiler = _compile) -> None:
    """Nothing of the steps that are timed stays in what is learned."""
    if not learner.recipe.compile:
        return
    rows = batch.part(learner.world.rank, learner.world.size).first(learner.ways.micro_batch)
    eager = learner.runner
    with learner.untouched():
        plain = _seconds(learner, rows)
        learner.runner = compiler(eager)
        fast = _tried(learner, rows)
    wins = fast is not None and fast < _WORTH * plain
    if learner.world.any(not wins, learner.device):
        learner.runner = eager
    learner.ways = replace(learner.ways, compiled=learner.runner is not eager)
    learner.log.info(
        "compiling was tried", kept=learner.ways.compiled, eager_s=plain, compiled_s=fast
    )


def go_on(learner: Learner, *, compiler: Compiler = _compile) -> None:
    """As it was chosen when this training began."""
    if learner.ways.compiled:
        learner.runner = compiler(learner.runner)


def _tried(learner: Learner, rows: Batch) -> float | None:
    try:
        return _seconds(learner, rows)
    except Exception as error:  # noqa: BLE001  # a compiler fails in many ways, none of them ours
        learner.log.info("no compiled model", why=f"{type(error).__name__}: {error}"[:500])
        return None


def _seconds(learner: Learner, rows: Batch) -> float:
    """Of the middle one of a few steps."""
    took = []
    for _ in range(_WARM + _TIMED):
        began = time.perf_counter()
        learner.probe(rows)
        if learner.device.type == "cuda":
            torch.cuda.synchronize(learner.device)
        took.append(time.perf_counter() - began)
    return sorted(took[_WARM:])[_TIMED // 2]
