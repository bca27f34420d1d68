"""The stage the story plays on: the home, and waiting for what should come."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from cli import actions
from cli.errors import TimedOutError
from cli.home import Home, Local
from cli.upload import gather
from functions.ledger import DropRecord, EndpointRecord, RolloutRecord, RunRecord, RunState
from functions.names import rollout_id

MODEL = "digits"
T = TypeVar("T")
_POLL = 0.1
_ENDED = frozenset({RunState.APPROVED, RunState.REJECTED, RunState.HELD, RunState.FAILED})


@dataclass
class Stage:
    """The embedded AWS with Sluice in it."""

    home: Home
    local: Local
    dropped: dict[str, float]
    """When each drop was there for the first time, in seconds since the epoch."""

    def drop(self, name: str, folder: Path) -> None:
        """Drop a folder under an id, also one that was used, as any S3 client may."""

        last = [0.0]

        def arrived(_name: str, _sent: int, _size: int) -> None:
            last[0] = time.time()

        actions.again(self.home, MODEL, gather([folder]), id_=name, progress=arrived)
        self.dropped.setdefault(name, last[0])

    def record(self, drop: str) -> DropRecord | None:
        return self.home.ledger.get(DropRecord, f"{MODEL}#{drop}")

    def settled(self, drop: str) -> DropRecord:
        """A drop once it is accepted, rejected or expired."""
        return self.until(lambda: _if(self.record(drop), lambda d: d.ended), f"drop {drop}")

    def runs(self) -> list[RunRecord]:
        """Every run, oldest first."""
        return sorted(self.home.ledger.all(RunRecord), key=lambda run: run.started_at)

    def judged(self, drop: str) -> RunRecord:
        """The run of a drop once the gate (or a failure) has ended it."""

        def look() -> RunRecord | None:
            found = [r for r in self.runs() if r.drop == drop and r.state in _ENDED]
            return found[0] if found else None

        return self.until(look, f"the run of {drop}")

    def rollout(self, version: int) -> RolloutRecord | None:
        id_ = rollout_id(self.home.names.endpoint(MODEL), version)
        return self.home.ledger.get(RolloutRecord, id_)

    def champion(self) -> int | None:
        endpoint = self.home.ledger.get(EndpointRecord, MODEL)
        return endpoint.champion.version if endpoint and endpoint.champion else None

    def until(self, look: Callable[[], T | None], what: str, *, within: float = 90.0) -> T:
        """What `look` finds, as soon as it finds something; raises TimedOutError."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            found = look()
            if found is not None:
                return found
            time.sleep(_POLL)
        raise TimedOutError(f"{what}: nothing within {within:.0f} s")

    def client(self, service: str) -> Any:
        return self.home.connect(service)


def _if(value: T | None, holds: Callable[[T], bool]) -> T | None:
    return value if value is not None and holds(value) else None
