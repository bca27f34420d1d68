"""How often and how long a delivery is tried, for rules' targets and schedules alike."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

MOST_ATTEMPTS = 185
OLDEST = 86_400
_LONGEST_PAUSE = 480
Jitter = Callable[[], float]


def some_jitter() -> float:
    """Which part of a pause is taken, so that what failed together does not come back so."""
    return random.uniform(0.8, 1.0)


@dataclass(frozen=True)
class Retry:
    """A target's retry policy; `max_age` in seconds."""

    attempts: int = MOST_ATTEMPTS
    max_age: float = OLDEST

    @classmethod
    def of(cls, target: Mapping[str, Any]) -> "Retry":
        policy = target.get("RetryPolicy", {})
        return cls(
            attempts=int(policy.get("MaximumRetryAttempts", MOST_ATTEMPTS)),
            max_age=float(policy.get("MaximumEventAgeInSeconds", OLDEST)),
        )

    def pause(self, tries: int) -> float:
        """Seconds before the next try: twice the last up to eight minutes, a day for all 185."""
        return float(min(2 ** min(tries - 1, 10), _LONGEST_PAUSE))

    def exhausted(self, tries: int, age: float) -> str:
        """Which limit `tries` tries and a next one at `age` are over; nothing for neither."""
        if tries > self.attempts:
            return "MaximumRetryAttempts"
        return "MaximumEventAgeInSeconds" if age > self.max_age else ""
