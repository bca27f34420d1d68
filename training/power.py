"""How much holdout decides a difference, and how small a difference a holdout decides."""

from __future__ import annotations

import math
from statistics import NormalDist

CHANCE = 0.9
"""Of seeing a difference that is there."""
_BISECTIONS = 60
_NORMAL = NormalDist()


def rows_to_decide(difference: float, differing: float, *, confidence: float) -> int | None:
    """Rows on which a difference is shown nine times in ten; None when none would do.

    `differing` is the share of rows on which one of two models is right and the other wrong.
    R. Connor, Biometrics 43, 1987, for a test of the upper half of what confidence leaves.
    """
    if difference <= 0 or differing < difference:
        return None
    sure = _NORMAL.inv_cdf(0.5 + confidence / 2)
    seen = _NORMAL.inv_cdf(CHANCE)
    spread = sure * math.sqrt(differing) + seen * math.sqrt(differing - difference**2)
    return math.ceil((spread / difference) ** 2)


def detectable(rows: int, differing: float, *, confidence: float) -> float | None:
    """The least difference of accuracy that so many rows show nine times in ten."""
    low, high = 0.0, differing
    if not rows or (rows_to_decide(high, differing, confidence=confidence) or math.inf) > rows:
        return None
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        needed = rows_to_decide(middle, differing, confidence=confidence)
        if needed is not None and needed <= rows:
            high = middle
        else:
            low = middle
    return high
