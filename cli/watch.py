"""Follows a drop, a run or a rollout to its end, telling each thing that changes."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from cli.errors import EndedBadlyError, TimedOutError
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
_JUDGED = frozenset({RunState.APPROVED, RunState.HELD, RunState.REJECTED, RunState.FAILED})
_FAILED_RUNS = frozenset({RunState.FAILED, RunState.REJECTED})
_UNDER_WAY = frozenset({RolloutState.PROVISIONING, RolloutState.SHIFTING})


@dataclass
class Watch:
    """One follower of the ledger; raises EndedBadlyError with the record's own reason."""

    ledger: Ledger
    names: Names
    tell: Callable[[str], None]
    within: float
    """Seconds, for all that is followed together; then TimedOutError."""
    now: Callable[[str, float | None], None] = lambda _what, _share: None
    """Told what is under way, and how much of it is done."""
    pause: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    seen: dict[str, Record] = field(default_factory=dict)
    """The newest of each kind of record that was followed."""
    _begun: float | None = None
    _said: set[str] = field(default_factory=set)

    def drop(self, model: str, drop: str) -> None:
        """From a drop to its champion, or to whatever it ends with."""
        record = self._until(
            lambda: self.ledger.get(DropRecord, f"{model}#{drop}"),
            lambda found: found.settled,
            drop_line,
        )
        if record.state is not DropState.ACCEPTED or record.dataset is None:
            raise EndedBadlyError(record.reason, f"drop {model}/{drop}: {record.message}")
        dataset = record.dataset
        self._run(lambda: self._newest(model, dataset))

    def run(self, run: str) -> None:
        """From a run that was asked for to its champion."""
        self._run(lambda: self.ledger.get(RunRecord, run))

    def _run(self, look: Callable[[], RunRecord | None]) -> None:
        run = self._until(look, lambda found: found.state in _JUDGED, run_line)
        if run.state in _FAILED_RUNS or run.version is None:
            raise EndedBadlyError(run.reason, f"run {run.run}: {run.message}")
        if run.state is RunState.HELD:
            self.tell(f"it waits for a person: `sluice approve {run.model} {run.version}`")
        else:
            self.version(run.model, run.version)

    def version(self, model: str, version: int) -> None:
        """A version's rollout, until it is the champion."""
        rollout = self._rollout(model, version, lambda found: found.state not in _UNDER_WAY)
        if rollout.state not in {RolloutState.WATCHING, RolloutState.COMPLETED}:
            rollout = self._rollout(model, version, lambda found: found.ended)
            raise EndedBadlyError(rollout.reason, f"version {version}: {rollout.message}")

    def returned(self, model: str, version: int) -> None:
        """A rollout that was asked back, until its champion has all traffic."""
        self._rollout(model, version, lambda found: found.ended)

    def _rollout(
        self, model: str, version: int, ended: Callable[[RolloutRecord], bool]
    ) -> RolloutRecord:
        id_ = rollout_id(self.names.endpoint(model), version)
        return self._until(lambda: self.ledger.get(RolloutRecord, id_), ended, rollout_line)

    def _newest(self, model: str, dataset: str) -> RunRecord | None:
        runs = [
            run
            for run in self.ledger.all(RunRecord)
            if run.model == model and run.dataset == dataset
        ]
        return max(runs, key=lambda run: run.started_at, default=None)

    def _until(
        self, look: Callable[[], R | None], ended: Callable[[R], bool], line: Callable[[R], str]
    ) -> R:
        """The record once it has ended; each new line about it is told once."""
        while not self._late():
            found = look()
            if found is not None:
                self.seen[found.kind.lower()] = found
                self._tell(line(found))
                if ended(found):
                    return found
                self.now(*under_way(found))
            self.pause(_POLL)
        raise TimedOutError(
            f"not at its end after {self.within:.0f} s; `sluice status` tells where it stands"
        )

    def _late(self) -> bool:
        now = self.clock()
        self._begun = now if self._begun is None else self._begun
        return now >= self._begun + self.within

    def _tell(self, line: str) -> None:
        if line not in self._said:
            self._said.add(line)
            self.tell(line)
