"""The learning rate of a step, which depends on its number alone."""

from __future__ import annotations

import math

from training.config import Recipe


def rate(recipe: Recipe, step: int, *, steps: int) -> float:
    """A linear rise, then half a cosine down to zero, or no fall at all."""
    rise = min(1.0, (step + 1) / max(1.0, recipe.warm_up * steps))
    fall = 0.5 * (1 + math.cos(math.pi * step / steps)) if recipe.schedule == "cosine" else 1.0
    return recipe.learning_rate * rise * fall
