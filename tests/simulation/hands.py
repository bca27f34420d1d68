"""What people do by hand to endpoints, and what must come of it."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from events.base import Event
from events.catalog import PersonPaged
from events.words import Reason
from functions.jobs import JobStatus, JobView
from functions.ledger import EndpointRecord, RolloutRecord, RolloutState
from tests.builders import MODEL, NAMES
from tests.fakes.endpoints import FakeEndpoints
from tests.fakes.jobs import FakeJobs
from tests.fakes.ledger import FakeLedger

_A_TURN = timedelta(minutes=1)
_LEFT = frozenset({Reason.ENDPOINT_CHANGED, Reason.ENDPOINT_STRANDED, Reason.ARTIFACT_MISSING})
"""Why an endpoint may be left as it is."""
_ACTIVE = frozenset({RolloutState.PROVISIONING, RolloutState.SHIFTING, RolloutState.WATCHING})
Hold = Callable[[object, str, str], None]


@dataclass
class Hands:
    """A person at the console, who knows nothing of rollouts."""

    ledger: FakeLedger
    endpoints: FakeEndpoints
    random: Random
    said: list[Event]
    reached: Counter[str]
    hold: Hold
    changed: list[str] = field(default_factory=list)
    """Configurations that people brought to the endpoint."""
    orphans: list[str] = field(default_factory=list)
    """Jobs that nobody asked for."""

    def under_way(self) -> RolloutRecord | None:
        """A rollout whose endpoint stands still, if there is one."""
        endpoint = self.endpoints.endpoints.get(MODEL)
        if endpoint is None or endpoint.now is None or endpoint.then or endpoint.deleting:
            return None
        rollouts = (r for r in self.ledger.all(RolloutRecord) if r.state in _ACTIVE)
        return next((r for r in rollouts if r.champion is not None), None)

    def change(self, rollout: RolloutRecord) -> str:
        """One of the things that people do; what it was."""
        ways: dict[str, Callable[[RolloutRecord], None]] = {
            "other weights": self._weigh,
            "another configuration": self._configure,
            "deleted and made again": self._make_again,
            "deleted": self._delete,
        }
        name = self.random.choice(sorted(ways))
        ways[name](rollout)
        return name

    def delete_configuration(self) -> None:
        """The one that stands there now."""
        endpoint = self.endpoints.endpoints.get(MODEL)
        if endpoint is not None and endpoint.now is not None:
            self.endpoints.deleted.add(endpoint.now.config)

    def orphan(self, jobs: FakeJobs, number: int) -> str:
        """A job under our name that no run ever asked for."""
        name = NAMES.evaluation_job(MODEL, f"{number:012x}")
        jobs.views[name] = JobView(name=name, status=JobStatus.RUNNING)
        self.orphans.append(name)
        return name

    def _weigh(self, rollout: RolloutRecord) -> None:
        now = self.endpoints.endpoints[MODEL].now
        if now is not None and len(now.weights) > 1:
            self.endpoints.weigh_by_hand(
                MODEL, dict(zip(sorted(now.weights), (33, 67), strict=True))
            )

    def _configure(self, rollout: RolloutRecord) -> None:
        assert rollout.champion is not None
        config, champion = f"by-hand-{len(self.changed)}", rollout.champion
        self.changed.append(config)
        variant = self.random.choice([champion.variant, "mine"])
        self.endpoints.configure_by_hand(MODEL, config, {variant: champion.version})

    def _delete(self, _: RolloutRecord) -> None:
        self.endpoints.delete_by_hand(MODEL)

    def _make_again(self, _: RolloutRecord) -> None:
        self.endpoints.make_by_hand(MODEL)

    # what must hold

    def asked(self, model: str, now: datetime) -> None:
        """Somebody of ours wants another fleet."""
        last = self.last(model)
        endpoint = self.ledger.rows.get((EndpointRecord.kind, model))
        free = isinstance(endpoint, EndpointRecord) and endpoint.rollout is None
        if last is None or last.ended_at is None or last.state is not RolloutState.STOPPED:
            return
        late = now - last.ended_at > _A_TURN
        self.hold(not (free and late), "L3", f"{last.rollout} was left, and is touched")

    def last(self, model: str) -> RolloutRecord | None:
        """The rollout that began last."""
        mine = [r for r in self.ledger.all(RolloutRecord) if r.model == model]
        return max(mine, key=lambda r: r.started_at, default=None)

    @property
    def left(self) -> bool:
        """Whether the endpoint is a person's."""
        last = self.last(MODEL)
        return last is not None and last.state is RolloutState.STOPPED

    @property
    def gone(self) -> bool:
        """Whether somebody deleted it."""
        return MODEL not in self.endpoints.endpoints

    def at_rest(self) -> None:
        """A page for each reason and record, and none without."""
        pages = {(e.about, e.reason) for e in self.said if isinstance(e, PersonPaged)}
        wanted = {(r.rollout, p) for r in self.ledger.all(RolloutRecord) for p in r.paged}
        wanted |= {(f"processing job {each}", Reason.ORPHANED) for each in self.orphans}
        self.hold(pages == wanted, "L3", f"paged for {pages}, noted are {wanted}")
        self.reached.update(f"paged {reason}" for _, reason in pages)
        for rollout in self.ledger.all(RolloutRecord):
            twice = len(set(rollout.paged)) < len(rollout.paged)
            self.hold(not twice, "L3", f"{rollout.rollout} paged twice: {rollout.paged}")
            left = rollout.state is RolloutState.STOPPED
            told = rollout.reason in _LEFT and rollout.reason in rollout.paged
            self.hold(told or not left, "L3", f"{rollout.rollout} was left of {rollout.reason}")
        endpoint = self.endpoints.endpoints.get(MODEL)
        theirs = endpoint is not None and endpoint.now and endpoint.now.config in self.changed
        known = any(Reason.ENDPOINT_CHANGED in r.paged for r in self.ledger.all(RolloutRecord))
        self.hold(known or not theirs, "L3", "a person changed the endpoint, and nobody was told")
