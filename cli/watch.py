"""Follows a drop, a run or a rollout to its end, telling each thing that changes."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from cli.errors import EndedBadlyError, NothingToDoError, TimedOutError
from cli.render import drop_line, rollout_line, run_line, under_way
from functions.aws.ledger import Ledger
from functions.ledger import (
    DropRecord,
    DropState,
    EndpointRecord,
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

    def drop(self, model: str, drop: str, run_of: Callable[[str], str]) -> None:
        """From a drop to its champion, or to whatever it ends with; `run_of` its dataset."""
        record = self._until(
            lambda: self.ledger.get(DropRecord, f"{model}#{drop}"),
            lambda found: found.ended,
            drop_line,
        )
        if record.state is not DropState.ACCEPTED or record.dataset is None:
            raise EndedBadlyError(record.reason, f"drop {model}/{drop}: {record.message}")
        self.run(run_of(record.dataset))

    def run(self, id_: str, *, attempt: int = 1) -> None:
        """From a run that was asked for to its champion; an earlier attempt's end is not its."""

        def look() -> RunRecord | None:
            found = self.ledger.get(RunRecord, id_)
            return found if found is not None and found.attempt >= attempt else None

        run = self._until(look, lambda found: found.state in _JUDGED, run_line)
        if run.state in _FAILED_RUNS or run.version is None:
            raise EndedBadlyError(run.reason, f"run {run.run}: {run.message}")
        if run.state is RunState.HELD:
            self.tell(f"it waits for a person: `sluice approve {run.model} {run.version}`")
        else:
            self.version(run.model, run.version, run=run.run)

    def version(self, model: str, version: int, *, run: str | None = None) -> None:
        """A version's rollout, until it is the champion; it may be passed over or judged again."""
        rollout = self._rollout(
            model, version, lambda found: found.state not in _UNDER_WAY, run=run
        )
        if rollout.state not in {RolloutState.WATCHING, RolloutState.COMPLETED}:
            rollout = self._rollout(model, version, lambda found: found.ended)
            raise EndedBadlyError(rollout.reason, f"version {version}: {rollout.message}")

    def returned(self, model: str, version: int) -> None:
        """A rollout that was asked back, until its champion has all traffic."""
        rollout = self._rollout(model, version, lambda found: found.ended)
        if rollout.state is RolloutState.STOPPED:
            raise EndedBadlyError(rollout.reason, f"version {version}: {rollout.message}")
        if rollout.state is not RolloutState.ABORTED:
            raise NothingToDoError(f"the watch over version {version} was over before: it serves")

    def _rollout(
        self,
        model: str,
        version: int,
        ended: Callable[[RolloutRecord], bool],
        *,
        run: str | None = None,
    ) -> RolloutRecord:
        id_ = rollout_id(self.names.endpoint(model), version)

        def look() -> RolloutRecord | None:
            found = self.ledger.get(RolloutRecord, id_)
            if found is None:
                self._still_waits(model, version, run)
            return found

        return self._until(look, ended, rollout_line)

    def _still_waits(self, model: str, version: int, run: str | None) -> None:
        """Raise EndedBadlyError when the version's turn will not come any more."""
        endpoint = self.ledger.get(EndpointRecord, model) or EndpointRecord(model=model)
        serves = endpoint.champion.version if endpoint.champion else 0
        newest = max(endpoint.waiting or 0, serves)
        if newest > version:
            raise EndedBadlyError(None, f"version {version} was passed over: {newest} is newer")
        record = self.ledger.get(RunRecord, run) if run else None
        if record is not None and record.state in _FAILED_RUNS:
            raise EndedBadlyError(record.reason, f"run {record.run}: {record.message}")
        if endpoint.waiting == version:
            self._tell(f"version {version} waits behind {endpoint.rollout}")

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
