"""What `sweep` is told by its environment."""

from functions.settings import Settings


class SweepSettings(Settings):
    """Settings of `sweep`."""

    batch: int = 10_000
    """Overdue records looked at in one pass, as far as its time goes."""
