"""Randomness that depends on the run and the step alone.

Python's, numpy's and torch's generators are seeded anew at every step. So nothing of them has to be
kept in a checkpoint, a step that is tried again draws the same, and so does one that is resumed on
other machines.
"""

from __future__ import annotations

import hashlib
import random

import numpy as np
import torch


def seed_of(run: str) -> int:
    return int.from_bytes(hashlib.sha256(run.encode()).digest()[:4], "big")


def begin(seed: int) -> None:
    """Before the first step: the model's first weights, and what features draw."""
    random.seed(seed)
    np.random.seed(seed)
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_available():
        torch.cuda.manual_seed(seed)


def begin_step(seed: int, step: int, *, rank: int) -> None:
    begin(seed_of(f"{seed}/step/{step}/{rank}"))
