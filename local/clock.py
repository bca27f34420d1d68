"""Real time for timestamps, scaled time for waits."""

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class Clock:
    """Only waits shrink with the scale (delays, rates, periods, backoffs); timestamps stay true."""

    scale: float = 1.0

    def __post_init__(self) -> None:
        if self.scale <= 0:
            raise ValueError(f"time scale {self.scale} must be above 0")

    def now(self) -> datetime:
        return datetime.now(UTC)

    def scaled(self, seconds: float) -> float:
        return seconds / self.scale
