"""Follows a drop or a run to its end, telling each thing that changes."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from cli.errors import TimedOutError
from cli.render import drop_line, rollout_line, run_line, under_way
from functions.aws.ledger import Ledger
from functions.ledger import (
    DropRecord,
    DropState,
    Record,
    RolloutRecord,
    RolloutState,
    RunRecord,
    RunState,
)
from functions.names import Names, rollout_id

R = TypeVar("R", bound=Record)
_POLL = 0.3
_ENDED_RUNS = frozenset({RunState.FAILED, RunState.REJECTED, RunState.HELD})
_ENDED_ROLLOUTS = frozenset({RolloutState.WATCHING, RolloutState.COMPLETED, RolloutState.ABORTED})


@dataclass
class Watch:
    """One follower of the ledger."""

    ledger: Ledger
    names: Names
    tell: Callable[[str], None]
    now: Callable[[str, float | None], None] = lambda _what, _share: None
    """Told what is under way, and how much of it is done."""
    pause: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    said: set[str] = field(default_factory=set)

    def drop(self, model: str, drop: str, *, within: float) -> bool:
        """Follow a drop; whether it became a champion. Raises TimedOutError."""
        record = self._until(
            lambda: self.ledger.get(DropRecord, f"{model}#{drop}"),
            lambda found: found.settled,
            drop_line,
            within=within,
        )
        if record.state is not DropState.ACCEPTED or record.dataset is None:
            return False
        return self.dataset(model, record.dataset, within=within)

    def dataset(self, model: str, dataset: str, *, within: float) -> bool:
        """Follow the newest run on a dataset; whether it became a champion."""
        run = self._until(
            lambda: self._newest(model, dataset),
            lambda found: found.state in _ENDED_RUNS or found.version is not None,
            run_line,
            within=within,
        )
        if run.version is None or run.state in _ENDED_RUNS:
            return False
        return self.version(model, run.version, within=within)

    def version(self, model: str, version: int, *, within: float) -> bool:
        """Follow a version's rollout; whether it became champion."""
        id_ = rollout_id(self.names.endpoint(model), version)
        rollout = self._until(
            lambda: self.ledger.get(RolloutRecord, id_),
            lambda found: found.state in _ENDED_ROLLOUTS,
            rollout_line,
            within=within,
        )
        return rollout.state is not RolloutState.ABORTED

    def _newest(self, model: str, dataset: str) -> RunRecord | None:
        runs = [
            run
            for run in self.ledger.all(RunRecord)
            if run.model == model and run.dataset == dataset
        ]
        return max(runs, key=lambda run: run.started_at, default=None)

    def _until(
        self,
        look: Callable[[], R | None],
        ended: Callable[[R], bool],
        line: Callable[[R], str],
        *,
        within: float,
    ) -> R:
        """The record once it has ended; each new line about it is told once."""
        deadline = self.clock() + within
        while self.clock() < deadline:
            found = look()
            if found is not None:
                self._tell(line(found))
                if ended(found):
                    return found
                self.now(*under_way(found))
            self.pause(_POLL)
        raise TimedOutError(
            f"nothing more happened within {within:.0f} s; `sluice status` tells where it stands"
        )

    def _tell(self, line: str) -> None:
        if line not in self.said:
            self.said.add(line)
            self.tell(line)
