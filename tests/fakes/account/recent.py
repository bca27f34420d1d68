"""What has just changed, and what a read that is not consistent yet still tells of it."""

from collections.abc import Callable, Hashable
from datetime import datetime, timedelta
from typing import TypeVar

T = TypeVar("T")
STILL_OLD = timedelta(minutes=2)
"""How long a read may not see a change: long enough for a call that is made once more."""


class Recent:
    """Things as they were before their last change."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.before: dict[Hashable, tuple[datetime, object]] = {}
        self.stale = False
        """Whether the present call does not see what has just changed."""
        self._clock = clock

    def changes(self, thing: Hashable, before: object) -> None:
        """A thing becomes another; `before` is None for what was not there."""
        self.before[thing] = (self._clock(), before)

    def seen(self, thing: Hashable, now: T) -> T:
        """What the present call sees of a thing."""
        at, before = self.before.get(thing, (None, None))
        if self.stale and at is not None and self._clock() - at < STILL_OLD:
            return before  # type: ignore[return-value]  # of the same kind as what came after it
        return now

    def visible(self) -> list[tuple[str, datetime, object]]:
        """What may still be seen as it was."""
        now = self._clock()
        return sorted(
            (
                (str(thing), at, before)
                for thing, (at, before) in self.before.items()
                if now - at < STILL_OLD
            ),
            key=lambda each: each[0],
        )
