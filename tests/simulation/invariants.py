"""What must hold in every world: the S and L invariants of the reliability goals, as code."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from cli.verify import verified
from functions.evidence import Entry
from functions.ledger import (
    DropRecord,
    EndpointRecord,
    Record,
    RolloutRecord,
    RolloutState,
    RunRecord,
    RunState,
)
from functions.registry import Approval
from tests.builders import MODEL, NAMES, NOON
from tests.fakes.jobs import FakeJobs
from tests.fakes.ledger import FakeLedger
from tests.fakes.registry import FakeRegistry

REJECTION_IS_SEEN_WITHIN = timedelta(hours=3)
"""A bake and a few sweeps: so long a lost rejection may stay unseen under traffic."""
A_TURN = timedelta(minutes=1)
"""As long as a function may take: what happens meanwhile it need not have seen."""
_ACTIVE = frozenset({RolloutState.PROVISIONING, RolloutState.SHIFTING, RolloutState.ROLLING_BACK})
_JUDGED = frozenset(
    {RunState.APPROVED, RunState.TRAINING, RunState.EVALUATING, RunState.HELD, RunState.REJECTED}
)


class ViolationError(AssertionError):
    """An invariant that does not hold, by its number."""

    def __init__(self, number: str, said: str) -> None:
        super().__init__(f"{number}: {said}")
        self.number = number


def hold(condition: object, number: str, said: str) -> None:
    """Raise ViolationError unless the condition holds."""
    if not condition:
        raise ViolationError(number, said)


class Invariants:
    """Looks at everything that is written and asked for, while it happens."""

    def __init__(self, ledger: FakeLedger, jobs: FakeJobs, registry: FakeRegistry) -> None:
        self._ledger = ledger
        self._jobs = jobs
        self._registry = registry
        self.now = NOON
        self.rejected: dict[int, datetime] = {}
        """When a person or the gate rejected a version, by version."""
        self.approved: set[int] = set()
        """Versions that were approved at some time."""

    # while it happens

    def written(self, before: Record | None, after: Record) -> None:
        """A record as it was and as it is now."""
        if before is not None:
            after.follows(before)
            hold(after.revision >= before.revision, "S8", f"{after.kind} {after.key} went back")
        if isinstance(after, EndpointRecord):
            self._one_rollout(after)
        if isinstance(after, RolloutRecord) and after.state is RolloutState.WATCHING:
            self._on_evidence(before, after)

    def _one_rollout(self, endpoint: EndpointRecord) -> None:
        active = [
            r.rollout
            for r in self._ledger.all(RolloutRecord)
            if r.model == endpoint.model and r.state in _ACTIVE
        ]
        hold(len(active) <= 1, "S6", f"rollouts at the same time: {active}")

    def _on_evidence(self, before: Record | None, after: RolloutRecord) -> None:
        assert isinstance(before, RolloutRecord)
        if before.state is RolloutState.WATCHING or after.champion is None:
            return
        since = self.rejected.get(after.version)
        unseen = since is not None and self.now - since > A_TURN
        hold(not unseen, "S3", f"{after.rollout} was promoted, and rejected at {since}")
        hold(
            before.weight == 100 or before.step + 1 == len(after.definition.rollout.steps),
            "S7",
            f"{after.rollout} was promoted at {before.weight} %",
        )

    def asked(self, model: str, before: Mapping[int, int], weights: Mapping[int, int]) -> None:
        """A fleet that somebody wants on an endpoint, and the one that is there, by version."""
        total = sum(weights.values())
        hold(total in (100, 0) or min(weights.values()) >= 0, "S5", f"weights {weights}")
        endpoint = self._ledger.rows.get((EndpointRecord.kind, model))
        assert isinstance(endpoint, EndpointRecord)
        if endpoint.champion is not None:
            there = endpoint.champion.version in weights
            hold(there, "S5", f"{weights} without v{endpoint.champion.version}")
        for version, weight in weights.items():
            if weight > before.get(version, 0):
                self._may_gain(version, endpoint)

    def _may_gain(self, version: int, endpoint: EndpointRecord) -> None:
        """More traffic only for who was approved and is not rejected; a champion may return."""
        hold(version in self.approved, "S4", f"version {version} was never approved")
        since = self.rejected.get(version)
        late = since is not None and self.now - since > REJECTION_IS_SEEN_WITHIN
        returns = version in {c.version for c in (endpoint.champion, endpoint.previous) if c}
        hold(not late or returns, "S3", f"version {version} was rejected at {since}")

    def decided(self, version: int, approval: Approval) -> None:
        """The registry's word on a version."""
        if approval is Approval.APPROVED:
            self.approved.add(version)
            self.rejected.pop(version, None)
        elif approval is Approval.REJECTED:
            self.rejected.setdefault(version, self.now)

    def job_started(self, name: str) -> None:
        """A training job that was not there before."""
        spec = self._jobs.trainings.get(name)
        if spec is None:
            return
        run = spec.hyperparameters["run"]
        attempt = int(spec.hyperparameters["attempt"])
        others = [
            other
            for other, each in self._jobs.trainings.items()
            if each.hyperparameters["run"] == run and other != name
        ]
        hold(len(others) == attempt - 1, "S1", f"attempt {attempt} of {run} beside {others}")
        running = [other for other in others if other in self._jobs.running()]
        hold(not running, "S1", f"{name} began while {running} ran")
        record = self._ledger.rows.get((RunRecord.kind, run))
        hold(isinstance(record, RunRecord), "S9", f"{name} trains for no run")

    # at the end

    def at_rest(self, *, serving: Mapping[int, int], champion: int | None) -> None:
        """What holds once nothing moves any more."""
        runs = self._ledger.all(RunRecord)
        versions = list(self._registry.versions.values())
        pairs = {(v.run, v.artifact) for v in versions}
        hold(len(pairs) == len(versions), "S2", "two versions of one training job")
        self._drops_ended(runs)
        for rollout in self._ledger.all(RolloutRecord):
            hold(rollout.ended, "L3", f"{rollout.rollout} is {rollout.state}")
            (run,) = (r for r in runs if r.run == rollout.run)
            hold(run.state in _JUDGED, "S4", f"{rollout.rollout} of a run that is {run.state}")
        if champion is not None and serving:
            hold(serving == {champion: 100}, "L3", f"v{champion} is champion, {serving} serve")
        hold(champion is not None or not serving, "S3", f"no champion, and {serving} serve")
        hold(not self._jobs.running(), "L4", f"jobs run on: {self._jobs.running()}")
        self._chained()

    def _drops_ended(self, runs: tuple[RunRecord, ...]) -> None:
        for drop in self._ledger.all(DropRecord):
            hold(drop.settled, "L1", f"drop {drop.key} is {drop.state}")
        for run in runs:
            ended = run.state not in {RunState.STARTING, RunState.TRAINING, RunState.EVALUATING}
            hold(ended, "L1", f"run {run.run} is {run.state}")
        names = {NAMES.training_job(MODEL, r.run, a + 1) for r in runs for a in range(r.attempt)}
        hold(set(self._jobs.trainings) <= names, "S1", "a training job of no run")

    def _chained(self) -> None:
        found = verified(self._ledger.logs())
        hold(not found.faults, "S12", "; ".join(found.faults))
        entries: list[Entry] = self._ledger.notes
        silent = [e for e in entries if not (e.event and e.cause and e.by)]
        hold(not silent, "S12", f"{len(silent)} lines without event, cause or actor")
