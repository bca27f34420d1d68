"""What `sweep` is told by its environment."""

from functions.settings import Settings


class SweepSettings(Settings):
    """Settings of `sweep`."""

    batch: int = 100
    """Overdue records looked at in one pass."""
