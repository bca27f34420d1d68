"""Counts the calls of all fakes in one row; at one of them it dies or is interrupted when told."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field


class CrashError(Exception):
    """The sandbox died at this call; what the call did before that stays done."""


@dataclass
class Calls:
    """Every call to the outside, in order."""

    made: list[str] = field(default_factory=list)
    dies_at: int | None = None
    """The number of the call (from 1) at which the sandbox dies, once."""
    applied: bool = False
    """Whether it dies after the call took effect, or before."""
    died: int = 0
    interrupted_at: int | None = None
    """The number of the call before which somebody else gets in, once."""
    interruption: Callable[[], None] | None = None

    def one(self, name: str) -> AbstractContextManager[None]:
        """Around what a fake does in one call."""
        return self._around(name)

    @contextmanager
    def _around(self, name: str) -> Iterator[None]:
        self.made.append(name)
        dying = len(self.made) == self.dies_at
        if len(self.made) == self.interrupted_at and self.interruption is not None:
            interruption, self.interruption = self.interruption, None
            interruption()
        if dying and not self.applied:
            self._die(name)
        yield
        if dying and self.applied:
            self._die(name)

    def _die(self, name: str) -> None:
        self.died += 1
        raise CrashError(f"died at call {len(self.made)}: {name}")
