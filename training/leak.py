"""Looks for rows of the holdout that were trained on, by a hash of their features."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.config import Config
from training.failure import DataError

Hashes = NDArray[np.uint64]
_ODD: Final = 0x9E3779B97F4A7C15


def hashes(raw_NF: NDArray[np.float32]) -> Hashes:
    """64 bits of each row's features, as the model gets them.

    SplitMix64's mixing (Steele, Lea, Flood, OOPSLA 2014), column after column: of a million rows
    and ten million others, two different ones agree by chance once in a million holdouts.
    """
    bits_NF = (raw_NF + np.float32(0)).view(np.uint32)  # minus zero is zero
    mixed = np.full(len(raw_NF), _ODD, dtype=np.uint64)
    for column in bits_NF.T:
        mixed = _mix((mixed ^ column) + np.uint64(_ODD))
    return mixed


def leaked(held: Hashes, trained: Iterable[Hashes]) -> int:
    """How many of the held rows are among those that were trained on."""
    known, counts = np.unique(held, return_counts=True)
    seen = np.zeros(len(known), dtype=bool)
    for portion in trained:
        at = np.minimum(np.searchsorted(known, portion), len(known) - 1)
        seen[at[known[at] == portion]] = True
    return int(counts[seen].sum())


def refuse(found: int, rows: int, config: Config) -> None:
    if found > config.max_leak * rows:
        raise DataError(
            "HOLDOUT_LEAKED",
            f"{found} of {rows} rows of the holdout are in the dataset too, [evaluation] max_leak"
            f" allows {config.max_leak:g}: take them out of the data, or allow for rows that are"
            " alike by nature",
        )


def _mix(value: Hashes) -> Hashes:
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))
