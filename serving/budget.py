"""What all connections together may take of one thing: bytes of bodies, bytes of rows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(eq=False)
class Budget:
    """Touched by the event loop only."""

    limit: int
    taken: int = 0

    def take(self, amount: int) -> bool:
        if self.taken + amount > self.limit:
            return False
        self.taken += amount
        return True

    def give(self, amount: int) -> None:
        self.taken -= amount
