"""One simulated world: the stage, with everything that takes time in one queue of moments."""

import hashlib
import heapq
import itertools
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from botocore.exceptions import ClientError, ReadTimeoutError

from events.catalog import TrainingRequested
from events.foreign import AlarmChanged, Foreign, ObjectCreated
from functions.aws.refusals import NoRoomError, RefusedError
from functions.definition import Deployed
from functions.jobs import JobStatus
from functions.ledger import RolloutRecord, RunRecord
from functions.orphans import INSPECTED_EVERY
from functions.registry import Approval, Version
from functions.scaling import Scaling
from tests.builders import MODEL, NAMES, NOON, a_deployed
from tests.fakes.alarms import FakeAlarms
from tests.fakes.bus import Envelope
from tests.fakes.definitions import FakeDefinitions
from tests.fakes.drops import FakeDrops
from tests.fakes.objects import FakeObjects
from tests.fakes.scaling import FakeScaling
from tests.fakes.schedules import FakeSchedules
from tests.fakes.stage import COMES_AGAIN, SWEEP_EVERY, Stage, asks_back, routed_to
from tests.simulation.chaos import Chaos, Fault
from tests.simulation.fakes import (
    ChaoticCalls,
    LateJobs,
    LivingTraffic,
    TimedBus,
    WatchedEndpoints,
    WatchedLedger,
    WatchedRegistry,
)
from tests.simulation.guards import GUARDS, RAISED, TYPES, Spending
from tests.simulation.hands import Hands
from tests.simulation.invariants import Invariants, Sights, ViolationError, hold

DURABLE = (ObjectCreated, AlarmChanged)
"""Events of AWS's that are delivered at least once; SageMaker's are best effort."""
LONGEST = timedelta(days=14)
"""A world that is not at rest by then never will be: the last fault strikes within two days."""
MOST_TURNS = 4000
"""A world usually takes a hundred."""
_TRIES = 3
_DEEPEST = 2
_LATE = (60, 600, 3600, 6 * 3600, 24 * 3600)
_AGAIN = (*COMES_AGAIN, ClientError, NoRoomError, ReadTimeoutError, RefusedError)
_QUICK = {"bake": "5m", "look": "3m", "min_requests": 20, "promote_requests": 100}
STRATEGIES: Mapping[str, Mapping[str, Any]] = {
    "stepped": {"strategy": "stepped", "steps": [50, 100]},
    "all_at_once": {"strategy": "all_at_once"},
    "guardrail": {"strategy": "guardrail"},
}
_SCALED = 0.3
"""How often a person has the first champion scaled."""
_GUARDS_WORK = 0.8
"""How often guardrails see a version that fails before it has all traffic."""
Action = Callable[[], None]


@cache
def deployed(
    approval: str, thrift: str, strategy: str = "stepped", *, raised: bool = False
) -> Deployed:
    """The one model of every world."""
    training = dict(GUARDS[thrift])
    if raised:
        training["budget"] = {**training.get("budget", {}), "prices": RAISED}
    return a_deployed(
        rollout={**_QUICK, **STRATEGIES[strategy]},
        watch={"keep_warm": "10m"},
        gates={"approval": approval},
        training=training,
        serving={"instances": TYPES, "count": 2 if strategy == "guardrail" else 1},
    )


class World(Stage):
    """A stage whose time is a queue of moments, each with what happens then."""

    longest = LONGEST
    most_turns = MOST_TURNS
    bus: TimedBus
    ledger: WatchedLedger
    traffic: LivingTraffic

    def __init__(
        self,
        chaos: Chaos,
        *,
        tell: Callable[[str], None] | None = None,
        thrift: str | None = None,
        strategy: str | None = None,
    ) -> None:
        self.chaos = chaos
        self.thrift = thrift
        self.strategy = strategy
        self.random = self.chaos.random
        self.turns = 0
        self._moments: list[tuple[datetime, int, str, Action]] = []
        self._numbers = itertools.count()
        self._digest = hashlib.sha256()
        self._tell = tell
        self._timed: set[str] = set()
        self._moving: set[str] = set()
        self._depth = 0
        self.quiet_until = NOON
        self.whole: dict[str, int] = {}
        self.touched: set[int] = set()
        self.short: set[int] = set()
        """Training jobs that get no machines, by how many there were by then."""
        super().__init__()

    def _cast(self, _: Deployed) -> None:
        chaos = self.chaos
        self.calls = ChaoticCalls(chaos, self._somebody_else, self.phase, lambda: self.now)
        self.bus = TimedBus(self.calls, self._post)
        self.ledger = WatchedLedger(self.calls)
        self.jobs = LateJobs(self.bus, self.calls)
        self.registry = WatchedRegistry(NAMES, self.bus, self.calls)
        self.endpoints = WatchedEndpoints(NAMES, self.bus, self.calls)
        self.schedules = FakeSchedules(self.calls)
        self.objects = FakeObjects(self.calls)
        self.drops = FakeDrops(self.calls)
        self.approval = self.random.choice(["auto", "auto", "human"])
        self.thrift = self.thrift or self.random.choice(list(GUARDS))
        self.max_running = self.random.choice([1, 20])
        self.strategy = self.strategy or self.random.choice([*STRATEGIES, "stepped"])
        self.definitions = FakeDefinitions(self._deployed(), calls=self.calls)
        self.spending = Spending(
            self.ledger,
            self.jobs,
            limits=lambda: self.definitions.deployed[MODEL].definition.training,
            most_running=lambda: self.max_running,
            hold=hold,
        )
        self._cast_scaling()
        self.traffic = LivingTraffic(
            self.calls, self.endpoints, silent=lambda: self.now < self.quiet_until
        )
        self.accuracy: dict[str, float] = {}
        self.invariants = Invariants(
            Sights(
                self.ledger,
                self.jobs,
                self.registry,
                self.endpoints,
                self.traffic,
                self.accuracy,
                self.whole,
                self.touched,
                self.spending,
            )
        )
        self.hands = Hands(
            self.ledger, self.endpoints, self.random, self.bus.said, self.spending.reached, hold
        )
        self.ledger.watch = self.invariants.written
        self.endpoints.watch = self._fleet_asked
        self.registry.watch = self._version_told

    def _cast_scaling(self) -> None:
        self.alarms = FakeAlarms(self.calls)
        self.scaling = FakeScaling(self.calls)
        self.scaled = self.random.random() < _SCALED

    def _deployed(self, *, raised: bool = False) -> Deployed:
        strategy = self.strategy or "stepped"
        return deployed(self.approval, self.thrift or "none", strategy, raised=raised)

    # time

    def at(self, after: timedelta, label: str, action: Action) -> None:
        """Have something happen later."""
        heapq.heappush(self._moments, (self.now + after, next(self._numbers), label, action))

    def run(self) -> str:
        """Until nothing moves any more; the digest of all that happened. Raises ViolationError."""
        end = self.now + self.longest
        self.at(SWEEP_EVERY, "", self._tick)
        while self._moments:
            self._pass_on()
            if self.now > end:
                still = [f"{r.kind} {r.key} {getattr(r, 'state', '')}" for r in self.open()]
                raise ViolationError("L1", f"still open after {self.longest}: {still}")
        self._at_rest()
        return self._digest.hexdigest()

    def note(self, line: str) -> None:
        """One line of the story."""
        when = self.now - NOON
        self._digest.update(f"{when} {line}\n".encode())
        if self._tell is not None:
            self._tell(f"{when!s:>22}  {'  ' * self._depth}{line}")

    def phase(self) -> str:
        """Where the world stands: the rollout under way, or the run, or nothing."""
        for rollout in self.ledger.all(RolloutRecord):
            if not rollout.ended:
                return f"rollout {rollout.state}"
        for run in self.ledger.all(RunRecord):
            if run.ended_at is None:
                return f"run {run.state}"
        return "idle"

    def _pass_on(self) -> None:
        when, _, label, action = heapq.heappop(self._moments)
        self.now = self.invariants.now = max(self.now, when)
        if label:
            self.note(label)
        action()
        self._look_around()

    def _somebody_else(self) -> None:
        """Another function takes its turn between two calls of this one."""
        soon = self.now + timedelta(minutes=1)
        if self._depth < _DEEPEST and self._moments and self._moments[0][0] <= soon:
            self._depth += 1
            try:
                self._pass_on()
            finally:
                self._depth -= 1

    def _tick(self) -> None:
        """The sweep, every five minutes; those that would find nothing are left out."""
        if (due := self._next_due()) is not None and due <= self.now:
            self.sweep()
            due = self._next_due()
        ahead = [at for at in (due, self._moments[0][0] if self._moments else None) if at]
        if ahead and (self._moments or self.open()):
            wait = max(SWEEP_EVERY, -(-(min(ahead) - self.now) // SWEEP_EVERY) * SWEEP_EVERY)
            self.at(wait, "", self._tick)

    def _next_due(self) -> datetime | None:
        return min(
            (due for r in self.ledger.records() if (due := self.ledger.due(r))), default=None
        )

    # events

    def _post(self, raw: Envelope, kind: type[Foreign] | None) -> None:
        """EventBridge takes an event: it arrives, perhaps late, perhaps more than once."""
        name, phase, chaos = raw["detail-type"], self.phase(), self.chaos
        if not routed_to(raw):
            return
        best_effort = kind is not None and kind not in DURABLE
        if best_effort and chaos.happens(Fault.EVENT_LOST, state=name):
            self.note(f"lost: {name}")
            return
        copies = 1
        if chaos.happens(Fault.EVENT_TWICE, state=name):
            copies = self.random.randint(2, 4)
        for _ in range(copies):
            delay = self.random.random() * 2
            if chaos.happens(Fault.EVENT_LATE, state=phase):
                delay = self.random.choice(_LATE) * (0.5 + self.random.random() / 2)
            self.at(timedelta(seconds=delay), "", lambda: self.deliver(raw))

    def _invoke(self, unit: str, raw: Envelope, *, attempt: int) -> None:
        self.turns += 1
        hold(self.turns <= self.most_turns, "L4", f"no rest after {self.turns} turns")
        try:
            outcome = type(self.turn(unit, raw).outcome).__name__
        except _AGAIN as error:
            outcome = f"{type(error).__name__}: {error}"
            if attempt < _TRIES:
                again = attempt + 1
                self.at(
                    timedelta(minutes=attempt), "", lambda: self._invoke(unit, raw, attempt=again)
                )
            else:
                self.dead.append((unit, raw))
        self.note(f"{unit} <- {raw['detail-type']}: {outcome}")

    # what takes AWS time

    def _look_around(self) -> None:
        """Whatever was begun ends some time."""
        for name in self.jobs.running():
            if name not in self._timed and name not in self.hands.orphans:
                self._timed.add(name)
                self.invariants.job_started(name)
                minutes = self._takes()
                self.at(minutes, "", lambda n=name, m=minutes: self._job_ends(n, m))  # type: ignore[misc]  # bound now
        for model, endpoint in self.endpoints.endpoints.items():
            if (endpoint.then or endpoint.deleting) and model not in self._moving:
                self._moving.add(model)
                self.at(self._deploys_in(), "", lambda model=model: self._settles(model))  # type: ignore[misc]  # bound now
        for name, (at, event) in list(self.schedules.waiting.items()):
            if name not in self._timed:
                self._timed.add(name)
                if self.chaos.happens(Fault.SCHEDULE_LOST, state=event.detail_type()):
                    del self.schedules.waiting[name]
                else:
                    self.at(max(at - self.now, timedelta()), "", self._schedules_fire)

    def _schedules_fire(self) -> None:
        for event in self.schedules.fire(self.now):
            self.bus.publish_by_hand(event)

    def _deploys_in(self) -> timedelta:
        if self.chaos.happens(Fault.DEPLOY_SLOW, state=self.phase()):
            return timedelta(hours=self.random.randint(2, 12))
        return timedelta(seconds=self.random.randint(10, 600))

    def _takes(self) -> timedelta:
        """How long a job takes."""
        if self.chaos.happens(Fault.JOB_DEAR, state=self.phase()):
            return timedelta(hours=1)
        return timedelta(minutes=self.random.randint(2, 20))

    def _job_ends(self, name: str, after: timedelta) -> None:
        if name not in self.jobs.running():
            return
        state = "training" if name in self.jobs.trainings else "evaluation"
        self.jobs.billable = round(after.total_seconds())
        number = len(self.jobs.trainings) if state == "training" else 0
        if number in self.short or (
            number and self.chaos.happens(Fault.JOB_SHORT, state=self.phase())
        ):
            self.jobs.end(name, JobStatus.FAILED, "CapacityError: none", short=True)
        elif number and self.chaos.happens(Fault.SPOT_WAITED, state=self.phase()):
            self.jobs.end(name, JobStatus.STOPPED, short=True)
        elif self.chaos.happens(Fault.JOB_FAILED, state=state):
            self.jobs.end(name, JobStatus.FAILED, "no disk")
        elif self.chaos.happens(Fault.JOB_STOPPED, state=state):
            self.jobs.end(name, JobStatus.STOPPED)
        else:
            self.end(name)
        if state == "training":
            self.spending.job_ended(name, self.now)
        self.note(f"{state} job ends: {self.jobs.views[name].status}")

    def _settles(self, model: str) -> None:
        """An update comes to its end, or to nothing."""
        self._moving.discard(model)
        endpoint = self.endpoints.endpoints.get(model)
        moved = endpoint is not None and endpoint.then is not None and endpoint.now is not None
        wanted = endpoint.then.config if endpoint and endpoint.then else ""
        if moved and self._guarded(model):
            said = self.random.choice(["", "One or more alarms are in ALARM state"])
            self.endpoints.give_up(model, said)
            self.invariants.undeployed(wanted)
        elif moved and self.chaos.happens(Fault.DEPLOY_SILENT, state=self.phase()):
            self.endpoints.give_up(model)
            self.invariants.undeployed(wanted)
        elif moved and self.chaos.happens(Fault.DEPLOY_FAILED, state=self.phase()):
            self.endpoints.give_up(model, "no capacity")
            self.invariants.undeployed(wanted)
        elif self._is_stranded(model, moved=moved):
            self.endpoints.strand(model)
        else:
            self.endpoints.settle(model)
        self._remember(model)
        self._alarms_ring(model)

    def _guarded(self, model: str) -> bool:
        """Whether guardrails see that what comes is bad; they may also miss it."""
        coming = self.endpoints.endpoints[model].then
        bad = coming is not None and self.traffic.bad & set(coming.versions.values())
        return bool(bad and coming and coming.guard and self.random.random() < _GUARDS_WORK)

    def _remember(self, model: str) -> None:
        """Who stands where from now on."""
        endpoint = self.endpoints.endpoints.get(model)
        if endpoint is not None and endpoint.now is not None:
            if self.scaled and not self.traffic.stood:
                self.scaling.targets["blue"] = Scaling(variant="blue", least=1, most=3)
            self.traffic.stood.append((self.now, endpoint.now.versions))

    def _is_stranded(self, model: str, *, moved: bool) -> bool:
        """Whether another fleet neither comes nor goes."""
        endpoint = self.endpoints.endpoints.get(model)
        if not moved or endpoint is None or endpoint.then is None or endpoint.now is None:
            return False
        other = endpoint.then.config != endpoint.now.config
        return other and self.chaos.happens(Fault.ROLLBACK_FAILED, state=self.phase())

    def _fleet_asked(
        self, model: str, before: Mapping[int, int], weights: Mapping[int, int], *, alone: bool
    ) -> None:
        self.invariants.asked(model, before, weights, alone=alone)
        self.hands.asked(model, self.now)

    def _alarms_ring(self, model: str) -> None:
        """A version that fails in service is seen by its alarm, some minutes later."""
        endpoint = self.endpoints.endpoints.get(model)
        now = endpoint.now if endpoint else None
        for variant, version in now.versions.items() if now else ():
            if now and now.weights[variant] and version in self.traffic.bad:
                minutes = timedelta(minutes=self.random.randint(1, 5))
                self.at(minutes, f"v{version} rings", lambda v=variant: self.alarm(v))  # type: ignore[misc]  # bound now

    def _pause(self, seconds: float) -> None:
        """A function waits inside its turn; meanwhile AWS may go on."""
        self.paused += 50 * seconds
        if self.random.random() < 0.3:
            self._settles(MODEL)

    # what people do

    def _version_told(self, version: Version, *, new: bool) -> None:
        """A version is new, or its word changed."""
        self.invariants.decided(version.version, version.approval)
        if not new:
            return
        if self.chaos.happens(Fault.PROBE_BROKEN):
            self.endpoints.broken.add(version.version)
        if self.chaos.happens(Fault.BAD_IN_SERVICE):
            self.traffic.bad.add(version.version)
        waits = version.approval is Approval.PENDING
        if waits or self.chaos.happens(Fault.PERSON_REJECTS):
            word = Approval.APPROVED if waits and self.random.random() < 0.7 else Approval.REJECTED
            self._decides_later(version.version, word)
        if self.chaos.happens(Fault.PERSON_APPROVES):
            self._decides_later(version.version, Approval.APPROVED)
        if self.chaos.happens(Fault.PERSON_RETURNS):
            self._later(lambda: self.asks_back(version.version))
        self._hands_on(self.hands)

    def _decides_later(self, version: int, word: Approval) -> None:
        self._later(lambda: self.decides(version, word))

    def decides(self, version: int, word: Approval) -> None:
        """A person gives a word on a version."""
        self.note(f"a person says v{version} is {word}")
        self.touched.add(version)
        with self.by_hand():
            self.registry.decide(MODEL, version, approval=word, reason="a person says so")

    def asks_back(self, version: int) -> None:
        """A person wants the traffic back from a version, if it ever had any."""
        known = [r for r in self.ledger.all(RolloutRecord) if r.version == version]
        if known:
            self.note(f"a person wants v{version} back")
            self.bus.publish_by_hand(asks_back(self, version))

    def leaves_an_orphan(self) -> None:
        """A job runs that no record knows, until the hour's inspection stops it."""
        self._wait_for_its_end(self.hands.orphan(self.jobs, len(self.hands.orphans)))

    def _wait_for_its_end(self, orphan: str) -> None:
        if orphan in self.jobs.running():
            into = timedelta(seconds=self.now.timestamp() % INSPECTED_EVERY.total_seconds())
            self.at(INSPECTED_EVERY - into, "", self.sweep)
            self.at(INSPECTED_EVERY - into, "", lambda: self._wait_for_its_end(orphan))

    def _hands_on(self, hands: Hands) -> None:
        if self.chaos.happens(Fault.CONFIG_DELETED):
            self._later(hands.delete_configuration)
        if Fault.PERSON_CHANGES in self.chaos.kinds and self.random.random() < 0.5:
            self._later(self._changes_the_endpoint)

    def _changes_the_endpoint(self, patience: int = 100) -> None:
        """A person at the console, as soon as a rollout is under way."""
        rollout = self.hands.under_way()
        if self.chaos.over or not patience:
            return
        if rollout is None:
            wait = timedelta(minutes=self.random.randint(1, 9))
            self.at(wait, "", lambda: self._changes_the_endpoint(patience - 1))
            return
        self.chaos.strikes(Fault.PERSON_CHANGES, state=str(rollout.state))
        self.note(f"a person changes the endpoint: {self.hands.change(rollout)}")

    def asks_for_runs(self) -> None:
        """`sluice train` for every run; only one that failed is to be begun once more."""
        for run in self.ledger.all(RunRecord):
            self.bus.publish_by_hand(
                TrainingRequested(
                    model=run.model,
                    dataset=run.dataset,
                    run=run.run,
                    attempt=run.attempt + 1,
                    person=True,
                    cause="a person",
                )
            )

    def raise_prices(self) -> None:
        """A person writes higher prices into model.toml and deploys."""
        self.definitions.deployed[MODEL] = self._deployed(raised=True)

    def _later(self, action: Action) -> None:
        longest = self.random.choice([20, 20, 600])
        self.at(timedelta(minutes=self.random.randint(1, longest)), "", action)

    def by_hand(self) -> "Calm":
        """What is done inside is done by people: nothing goes wrong at its calls."""
        return Calm(self.chaos)

    # the end

    def _at_rest(self) -> None:
        hold(not self.open(), "L4", f"still open: {[f'{r.kind} {r.key}' for r in self.open()]}")
        champion = self.endpoint.champion
        known = self.traffic.stood and not (self.hands.left or self.hands.gone)
        if self.scaled and champion is not None and known:
            scaled = champion.variant in self.scaling.targets
            hold(scaled, "S5", f"v{champion.version} is not scaled any more")
        self.hands.at_rest()
        self.invariants.at_rest(
            serving={} if self.hands.left or self.hands.gone else self.serving,
            champion=self.champion,
            left=self.hands.left,
        )
        writes = self.ledger.writes
        self.sweep()
        hold(self.ledger.writes == writes, "L5", "the sweep wrote on a world at rest")


class Calm:
    """A time in which nothing goes wrong."""

    def __init__(self, chaos: Chaos) -> None:
        self._chaos = chaos

    def __enter__(self) -> None:
        self._before, self._chaos.over = self._chaos.over, True

    def __exit__(self, *_: object) -> None:
        self._chaos.over = self._before
