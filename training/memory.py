"""Running out of memory as an outcome: fewer rows at once, the same rows in a step.

A step of B rows is made of micro-batches whose gradients are summed, so its result does not depend
on how many rows fit. How many do is searched for on a GPU, and halved where that was too many.
"""

from __future__ import annotations

import gc
import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

import torch


class Memory(Protocol):
    """What holds the activations: a GPU's memory, or the host's."""

    @property
    def tells(self) -> bool:
        """Whether asking for too much is refused, and can be tried; a host kills the process."""

    def free(self) -> None:
        """Gives back what nobody uses any more."""

    def without(self, headroom: float) -> AbstractContextManager[None]:
        """A context in which that share of it is not to be had."""


@dataclass(frozen=True)
class Adjustment:
    """Fewer rows at once from this step on, because that many did not fit."""

    step: int
    was: int
    rows: int


class Host:
    """The host's memory: what is too much for it ends the process, so nothing is tried."""

    tells = False

    def free(self) -> None:
        gc.collect()

    @contextmanager
    def without(self, headroom: float) -> Iterator[None]:
        yield


@dataclass(frozen=True)
class Cuda:
    """A GPU's memory, through torch's caching allocator."""

    device: torch.device
    tells = True

    def free(self) -> None:
        gc.collect()
        torch.cuda.empty_cache()

    @contextmanager
    def without(self, headroom: float) -> Iterator[None]:
        torch.cuda.set_per_process_memory_fraction(1 - headroom, self.device)
        try:
            yield
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0, self.device)


def of(device: torch.device) -> Memory:
    return Cuda(device) if device.type == "cuda" else Host()


def is_out_of_memory(error: BaseException) -> bool:
    """torch has an error of its own for a GPU, and only words for the host."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)


def fits(attempt: Callable[[], object], memory: Memory) -> bool:
    """Whether an attempt has the memory it needs; nothing of one that has not is left."""
    try:
        attempt()
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
    else:
        return True
    memory.free()  # only here: the error's traceback held everything that was in use
    return False


def largest(fitting: Callable[[int], bool], most: int) -> int:
    """The largest number of rows that fits, by bisection; 1 when not even that does."""
    if fitting(most):
        return most
    low, high = 1, most  # low may fit, high does not
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fitting(middle) else (low, middle)
    return low


def balanced(rows: int, most: int) -> int:
    """Micro-batches of one size, as few as `most` rows at once allow: 64 by 60 is twice 32."""
    return math.ceil(rows / math.ceil(rows / most))


def code(device: torch.device) -> str:
    """Of the failure, when there is no way left to need less."""
    return "CUDA_OUT_OF_MEMORY" if device.type == "cuda" else "HOST_OUT_OF_MEMORY"
