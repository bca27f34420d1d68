"""Real time for timestamps, scaled time for waits."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True)
class Clock:
    """Only waits shrink with the scale (delays, rates, periods, backoffs); timestamps stay true."""

    scale: float = 1.0
    _ahead: list[timedelta] = field(default_factory=list, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.scale <= 0:
            raise ValueError(f"time scale {self.scale} must be above 0")

    def now(self) -> datetime:
        return datetime.now(UTC) + sum(self._ahead, timedelta())

    def jump(self, seconds: float) -> None:
        """From now on timestamps are so much later, or earlier; waits that run do not notice."""
        self._ahead.append(timedelta(seconds=seconds))

    def scaled(self, seconds: float) -> float:
        return seconds / self.scale
