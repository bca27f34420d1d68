"""What must hold in every world: the S and L invariants of the reliability goals, as code."""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import datetime, timedelta

from cli.verify import verified
from events.words import Reason
from functions.evidence import Entry
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
from functions.orphans import OrphanRecord
from functions.registry import Approval, Version
from functions.step_rollout.decide import bake
from tests.builders import MODEL, NAMES, NOON
from tests.fakes.endpoints import FakeEndpoints
from tests.fakes.jobs import FakeJobs
from tests.fakes.ledger import FakeLedger
from tests.fakes.registry import FakeRegistry
from tests.simulation.fakes import LivingTraffic
from tests.simulation.guards import Spending

REJECTION_IS_SEEN_WITHIN = timedelta(hours=3)
"""A bake and a few sweeps: so long a lost rejection may stay unseen under traffic."""
A_TURN = timedelta(minutes=1)
"""As long as a function may take: what happens meanwhile it need not have seen."""
WHOLE_SECONDS = timedelta(seconds=1)
"""One-shot schedules know no less: they fire up to a second early."""
_SEEN = frozenset({Reason.NOT_DEPLOYED, Reason.ASKED_BY_PERSON, Reason.ALARM})
"""What ends a rollout whose fleet never came: the read-back, or whoever was quicker."""
_ENDS = frozenset(
    {
        Reason.JOB_FAILED,
        Reason.JOB_STOPPED,
        Reason.NO_CAPACITY,
        Reason.OVER_BUDGET,
        Reason.SUPERSEDED,
    }
)
"""What a run may end of without a verdict."""
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


@dataclass(frozen=True)
class Sights:
    """What the invariants look at beside the ledger: the world as no function sees it."""

    ledger: FakeLedger
    jobs: FakeJobs
    registry: FakeRegistry
    endpoints: FakeEndpoints
    traffic: LivingTraffic
    accuracy: Mapping[str, float]
    """What a candidate scores, by its drop."""
    whole: Mapping[str, int]
    """How many files each drop has, once all of them and its marker are there."""
    touched: Set[int]
    """Versions on which a person has said a word."""
    spending: Spending


class Invariants:
    """Looks at everything that is written and asked for, while it happens."""

    def __init__(self, sights: Sights) -> None:
        self._sights = sights
        self._ledger = sights.ledger
        self._jobs = sights.jobs
        self._registry = sights.registry
        self.now = NOON
        self.rejected: dict[int, datetime] = {}
        """When a person or the gate rejected a version, by version."""
        self.approved: set[int] = set()
        """Versions that were approved at some time."""
        self._undeployed: set[str] = set()

    # while it happens

    def written(self, before: Record | None, after: Record) -> None:
        """A record as it was and as it is now."""
        if before is not None:
            after.follows(before)
            hold(after.revision >= before.revision, "S8", f"{after.kind} {after.key} went back")
        self._sights.spending.written(before, after, self.now)
        match after:
            case EndpointRecord():
                self._one_rollout(after)
            case DropRecord(state=DropState.ACCEPTED):
                self._whole(after)
            case RunRecord():
                self._run_written(before, after)
            case RolloutRecord():
                self._rollout_written(before, after)
            case _:
                pass

    def _one_rollout(self, endpoint: EndpointRecord) -> None:
        active = [
            r.rollout
            for r in self._ledger.all(RolloutRecord)
            if r.model == endpoint.model and r.state in _ACTIVE
        ]
        hold(len(active) <= 1, "S6", f"rollouts at the same time: {active}")

    def _whole(self, drop: DropRecord) -> None:
        files = self._sights.whole.get(drop.drop)
        hold(files == drop.rows, "S9", f"{drop.key}: {drop.rows} of {files} files were accepted")

    def _run_written(self, before: Record | None, after: RunRecord) -> None:
        if after.state is RunState.FAILED:
            ours = after.reason in _ENDS
            hold(ours, "L1", f"run {after.run} failed of {after.reason}, not of its job")
        judged = isinstance(before, RunRecord) and before.state is RunState.EVALUATING
        if judged and after.state is RunState.APPROVED:
            score, beside = self._score(after.run), self._score_of_version(after.against)
            hold(score >= beside, "S4", f"{after.run} with {score} approved beside {beside}")

    def _score(self, run: str) -> float:
        record = self._ledger.rows[(RunRecord.kind, run)]
        assert isinstance(record, RunRecord)
        return self._sights.accuracy[record.drop or ""]

    def _score_of_version(self, version: int | None) -> float:
        if version is None:
            return 0.0
        return self._score(self._registry.versions[(MODEL, version)].run)

    def _rollout_written(self, before: Record | None, after: RolloutRecord) -> None:
        if not isinstance(before, RolloutRecord):
            self._begins(after)
        elif after.state is RolloutState.SHIFTING and after.step > before.step >= 0:
            baked = self.now - before.step_since >= bake(after) - WHOLE_SECONDS
            hold(baked, "S7", f"{after.rollout} left step {before.step} before its bake was over")
        elif after.state is RolloutState.WATCHING and before.state is not RolloutState.WATCHING:
            self._promoted(after)

    def _begins(self, rollout: RolloutRecord) -> None:
        """By the gate's word alone only beside the champion that it judged against."""
        run = self._ledger.rows[(RunRecord.kind, rollout.run)]
        assert isinstance(run, RunRecord)
        champion = rollout.champion.version if rollout.champion else None
        human = run.overruled or run.definition.gates.approval == "human"
        by_person = human or rollout.version in self._sights.touched
        hold(
            by_person or run.against == champion,
            "S4",
            f"{rollout.rollout} was judged beside {run.against}, and challenges {champion}",
        )

    def _promoted(self, rollout: RolloutRecord) -> None:
        version, sights = rollout.version, self._sights
        endpoint = sights.endpoints.endpoints.get(rollout.model)
        now = endpoint.now if endpoint else None
        there = now is not None and now.config == rollout.config
        hold(there, "L3", f"{rollout.rollout} was promoted, and its fleet is not there")
        if rollout.champion is None:
            return
        since = self.rejected.get(version)
        unseen = since is not None and self.now - since > A_TURN
        hold(not unseen, "S3", f"{rollout.rollout} was promoted, and rejected at {since}")
        least = rollout.definition.rollout.promote_requests
        seen = sights.traffic.seen.get(version, 0)
        hold(seen >= least, "S7", f"{rollout.rollout} was promoted on {seen} requests")
        bad = sights.traffic.bad
        worse = version in bad and rollout.champion.version not in bad
        hold(not worse, "S7", f"{rollout.rollout} fails, and was promoted")
        shares = sights.endpoints.shares(rollout.model)
        hold(shares.get(version) == 100, "S7", f"{rollout.rollout} was promoted at {shares}")

    def asked(
        self, model: str, before: Mapping[int, int], weights: Mapping[int, int], *, alone: bool
    ) -> None:
        """A fleet that somebody wants on an endpoint, and the one that is there, by version.

        One that takes the place of the champion is to have a configuration to go back to.
        """
        hold(sum(weights.values()) == 100, "S5", f"weights {weights}")
        endpoint = self._ledger.rows.get((EndpointRecord.kind, model))
        assert isinstance(endpoint, EndpointRecord)
        if endpoint.champion is not None and endpoint.champion.version not in weights:
            hold(alone, "S5", f"{weights} without v{endpoint.champion.version}")
            self._has_a_way_back(endpoint, weights)
        for version, weight in weights.items():
            if weight > before.get(version, 0):
                self._may_gain(version, endpoint)

    def _has_a_way_back(self, endpoint: EndpointRecord, weights: Mapping[int, int]) -> None:
        """The champion's configuration is kept before its place is taken; or who had it returns."""
        rollout = self._ledger.rows.get((RolloutRecord.kind, endpoint.rollout or ""))
        assert isinstance(rollout, RolloutRecord), f"{weights} for no rollout"
        returns = rollout.champion is not None and rollout.champion.version in weights
        hold(rollout.returns_to or returns, "S5", f"{weights} without a way back")

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

    def undeployed(self, config: str) -> None:
        """SageMaker went back to the fleet before this configuration."""
        for rollout in self._ledger.all(RolloutRecord):
            waits = rollout.state is RolloutState.PROVISIONING and rollout.placed
            if rollout.config == config and waits:
                self._undeployed.add(rollout.rollout)

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
        hold(len(others) < attempt, "S1", f"attempt {attempt} of {run} beside {others}")
        running = [other for other in others if other in self._jobs.running()]
        hold(not running, "S1", f"{name} began while {running} ran")
        record = self._ledger.rows.get((RunRecord.kind, run))
        hold(isinstance(record, RunRecord), "S9", f"{name} trains for no run")
        self._sights.spending.job_started(name, self.now)

    def meanwhile(self, *, serving: Mapping[int, int]) -> None:
        """What holds at any moment, whoever is in the middle of what."""
        hold(sum(serving.values()) in {0, 100}, "S5", f"weights {serving}")
        never = serving.keys() - self.approved
        hold(not never, "S3", f"versions {sorted(never)} serve and were never approved")
        for endpoint in self._ledger.all(EndpointRecord):
            self._one_rollout(endpoint)

    # at the end

    def at_rest(
        self, *, serving: Mapping[int, int], champion: int | None, left: bool = False
    ) -> None:
        """What holds once nothing moves any more; an endpoint that is left is a person's."""
        runs = self._ledger.all(RunRecord)
        versions = list(self._registry.versions.values())
        pairs = {(v.run, v.artifact) for v in versions}
        hold(len(pairs) == len(versions), "S2", "two versions of one training job")
        self._drops_ended(runs)
        if not left:
            self._newest_had_its_turn(champion)
        for rollout in self._ledger.all(RolloutRecord):
            hold(rollout.ended, "L3", f"{rollout.rollout} is {rollout.state}")
            self._marked(rollout)
            unseen = rollout.rollout in self._undeployed and rollout.reason not in _SEEN
            hold(not unseen, "L3", f"{rollout.rollout} was undeployed, and says {rollout.reason}")
            (run,) = (r for r in runs if r.run == rollout.run)
            hold(run.state in _JUDGED, "S4", f"{rollout.rollout} of a run that is {run.state}")
        if champion is not None and serving:
            hold(serving == {champion: 100}, "L3", f"v{champion} is champion, {serving} serve")
        hold(champion is not None or not serving, "S3", f"no champion, and {serving} serve")
        hold(not self._jobs.running(), "L4", f"jobs run on: {self._jobs.running()}")
        self._sights.spending.at_rest()
        self._chained()

    def _drops_ended(self, runs: tuple[RunRecord, ...]) -> None:
        for drop in self._ledger.all(DropRecord):
            hold(drop.ended, "L1", f"drop {drop.key} is {drop.state}")
            made = drop.dataset is None or any(run.dataset == drop.dataset for run in runs)
            hold(made, "L1", f"drop {drop.key} was accepted, and nothing came of it")
        for run in runs:
            ended = run.state not in {RunState.STARTING, RunState.TRAINING, RunState.EVALUATING}
            hold(ended, "L1", f"run {run.run} is {run.state}")
        names = {NAMES.training_job(MODEL, r.run, a + 1) for r in runs for a in range(r.attempt)}
        forgotten = {orphan.name for orphan in self._ledger.all(OrphanRecord)}
        hold(set(self._jobs.trainings) <= names | forgotten, "S1", "a training job of no run")

    def _marked(self, rollout: RolloutRecord) -> None:
        """Who was taken back says so in the registry, unless a person has spoken."""
        version = self._registry.versions[(rollout.model, rollout.version)]
        silent = rollout.state is RolloutState.ABORTED and version.approval is Approval.APPROVED
        spoken = rollout.version in self._sights.touched
        hold(spoken or not silent, "S3", f"{rollout.rollout} was taken back, and is approved")

    def _newest_had_its_turn(self, champion: int | None) -> None:
        """The newest version that was approved by the gate, or waited for a person, had its turn.

        A person who approves what the gate refused is told by the registry's event alone; what was
        never judged, because its run failed, gets no traffic whoever approves it (S4).
        """
        newest = max(
            (v.version for v in self._registry.versions.values() if self._ready(v)), default=0
        )
        tried = max((r.version for r in self._ledger.all(RolloutRecord)), default=0)
        hold(newest <= max(champion or 0, tried), "S6", f"v{newest} is approved, never rolled out")

    def _ready(self, version: Version) -> bool:
        (run,) = (r for r in self._ledger.all(RunRecord) if r.run == version.run)
        overruled = version.version in self._sights.touched and run.state is RunState.REJECTED
        unjudged = run.state is RunState.FAILED
        return version.approval is Approval.APPROVED and not (overruled or unjudged)

    def _chained(self) -> None:
        found = verified(self._ledger.logs())
        hold(not found.faults, "S12", "; ".join(found.faults))
        entries: list[Entry] = self._ledger.notes
        silent = [e for e in entries if not (e.event and e.cause and e.by)]
        hold(not silent, "S12", f"{len(silent)} lines without event, cause or actor")
