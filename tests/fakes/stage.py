"""A whole stage in memory: every function over fakes, joined by nothing but the routes."""

import json
from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from functools import cached_property
from random import Random
from typing import Any

from events.base import SOURCE
from events.catalog import RollbackRequested
from events.foreign import FOREIGN, AlarmChanged, ObjectCreated, ScheduleFired
from functions.accept_drop.handler import AcceptDrop
from functions.aws.book import Book
from functions.aws.endpoints import EndpointBusyError
from functions.aws.ledger import StaleRecordError
from functions.definition import Deployed
from functions.evidence import Entry
from functions.gate_model.handler import GateModel
from functions.jobs import JobStatus
from functions.ledger import (
    DropRecord,
    EndpointRecord,
    Record,
    RolloutRecord,
    RunRecord,
    RunState,
)
from functions.places import Places
from functions.registry import Approval
from functions.roll_back.handler import RollBack
from functions.roll_back.verified import NotVerifiedError, Verified
from functions.routes import ROUTES
from functions.start_evaluation.handler import StartEvaluation
from functions.start_rollout.handler import StartRollout
from functions.start_rollout.placing import Placing
from functions.start_training.handler import StartTraining
from functions.step_rollout.handler import StepRollout
from functions.sweep.handler import Sweep, SweepError
from functions.sweep.inspection import Inspection
from functions.turn import Told, Turn, taken
from local.patterns import Pattern, compile_pattern
from tests.builders import MODEL, NAMES, NOON, a_deployed, a_report, digest
from tests.fakes.alarms import FakeAlarms
from tests.fakes.bus import Envelope, FakeBus, envelope
from tests.fakes.calls import Calls, CrashError
from tests.fakes.definitions import FakeDefinitions
from tests.fakes.drops import FakeDrops
from tests.fakes.endpoints import FakeEndpoints
from tests.fakes.inventory import FakeInventory
from tests.fakes.jobs import FakeJobs
from tests.fakes.ledger import FakeLedger
from tests.fakes.objects import FakeObjects
from tests.fakes.registry import FakeRegistry
from tests.fakes.scaling import FakeScaling
from tests.fakes.schedules import FakeSchedules
from tests.fakes.traffic import PLENTY, FakeTraffic

PLACES = {"prefix": NAMES.prefix, "data_bucket": "data"}
SWEEP_EVERY = timedelta(minutes=5)
_LAMBDA_TRIES = 3
_NOT_AGAIN = 0.7
COMES_AGAIN = (CrashError, EndpointBusyError, NotVerifiedError, StaleRecordError, SweepError)


def _wires() -> dict[str, list[tuple[Pattern, str]]]:
    """Patterns and whom they wake, by the detail-types they are about."""
    found: dict[str, list[tuple[Pattern, str]]] = defaultdict(list)
    for route in ROUTES:
        pattern = route.pattern(PLACES)
        for name in pattern["detail-type"]:
            found[name].append((compile_pattern(pattern), route.to))
    return found


_WIRES = _wires()


def routed_to(raw: Envelope) -> list[str]:
    """The functions an event wakes."""
    wires = _WIRES.get(raw["detail-type"], ())
    return sorted({unit for pattern, unit in wires if pattern.matches(raw)})


class Stage:
    """The functions, their world and its clock."""

    patience = 1000
    """How many moves it may take to come to rest."""
    paused = 0.0
    """Seconds that functions have waited inside their turns."""
    max_running = 20
    """Training jobs at a time, of all models."""
    failing: frozenset[str] = frozenset()
    """What the names of jobs that fail end with."""

    def __init__(self, *, retries: bool = True, **sections: Any) -> None:
        self.now = NOON
        self.retries = retries
        """Whether Lambda comes again after an error."""
        self.timers = True
        """Whether one-shot schedules fire."""
        self.dead: list[tuple[str, Envelope]] = []
        """What Lambda gave up on."""
        self.disorder: Random | None = None
        """Brings events out of order and more than once, as this says."""
        self._failed: list[tuple[str, Envelope, int]] = []
        self._cast(a_deployed(**sections))
        self.units = self._units()

    def _cast(self, deployed: Deployed) -> None:
        """Everybody the functions speak to."""
        self.accuracy: dict[str, float] = {}
        """What a candidate scores, by its drop."""
        self.calls = Calls()
        self.bus = FakeBus(self.calls)
        self.ledger = FakeLedger(self.calls)
        self.jobs = FakeJobs(self.bus, self.calls)
        self.registry = FakeRegistry(NAMES, self.bus, self.calls)
        self.endpoints = FakeEndpoints(NAMES, self.bus, self.calls)
        self.schedules = FakeSchedules(self.calls)
        self.objects = FakeObjects(self.calls)
        self.drops = FakeDrops(self.calls)
        self.definitions = FakeDefinitions(deployed, calls=self.calls)
        self.traffic = FakeTraffic(self.calls, everywhere=PLENTY)
        self.alarms = FakeAlarms(self.calls)
        self.scaling = FakeScaling(self.calls)

    @cached_property
    def inventory(self) -> FakeInventory:
        """What SageMaker lists."""
        return FakeInventory(NAMES, self.jobs, self.endpoints, self.calls)

    def _units(self) -> dict[str, Turn]:
        book = Book(self.ledger, self.bus)
        places = Places("artifacts")
        return {
            "accept_drop": AcceptDrop(
                book=book,
                definitions=self.definitions,
                drops=self.drops,
                objects=self.objects,
                schedules=self.schedules,
                places=places,
            ),
            "start_training": StartTraining(
                book=book,
                definitions=self.definitions,
                jobs=self.jobs,
                names=NAMES,
                objects=self.objects,
                places=places,
                data_bucket="data",
                image="training",
                role_arn="arn:aws:iam::123456789012:role/train",
                max_running=self.max_running,
            ),
            "start_evaluation": StartEvaluation(
                book=book,
                jobs=self.jobs,
                names=NAMES,
                places=places,
                data_bucket="data",
                image="evaluation",
                role_arn="arn:aws:iam::123456789012:role/evaluate",
            ),
            "gate_model": GateModel(
                book=book,
                jobs=self.jobs,
                objects=self.objects,
                registry=self.registry,
                names=NAMES,
                places=places,
                image="serving",
            ),
            "start_rollout": StartRollout(
                book=book,
                registry=self.registry,
                names=NAMES,
                placing=Placing(
                    book=book,
                    endpoints=self.endpoints,
                    alarms=self.alarms,
                    scaling=self.scaling,
                    names=NAMES,
                    image="serving",
                    role_arn="arn:aws:iam::123456789012:role/serve",
                ),
            ),
            "step_rollout": StepRollout(
                book=book,
                endpoints=self.endpoints,
                traffic=self.traffic,
                objects=self.objects,
                registry=self.registry,
                scaling=self.scaling,
                schedules=self.schedules,
                names=NAMES,
                places=places,
            ),
            "roll_back": RollBack(
                book=book,
                registry=self.registry,
                names=NAMES,
                scaling=self.scaling,
                verified=Verified(
                    self.endpoints,
                    self.objects,
                    places,
                    pause=self._pause,
                    clock=lambda: self.paused,
                ),
            ),
            "sweep": Sweep(
                ledger=self.ledger,
                book=book,
                batch=100,
                inspection=Inspection(book, self.inventory, self.endpoints, NAMES),
            ),
        }

    def _pause(self, seconds: float) -> None:
        """A function waits inside its turn; meanwhile AWS goes on."""
        self.paused += seconds
        self.endpoints.settle(MODEL)

    # What people and AWS do

    def drop(self, drop: str, *files: str, marker: str = "_SUCCESS") -> None:
        """Upload files and, last, the marker; S3 tells of each."""
        contents = {name: f"{drop} {name}".encode() for name in files or ("part-0.parquet",)}
        self.upload(drop, contents | {marker: b""})

    def upload(self, drop: str, files: dict[str, bytes], *, model: str = MODEL) -> None:
        """Upload files as they are; S3 tells of each."""
        for key in self.drops.put(model, drop, files):
            self.bus.happens(
                ObjectCreated, {"bucket": {"name": "data"}, "object": {"key": key, "size": 1}}
            )

    def alarm(self, variant: str) -> None:
        """The 5xx alarm of a variant goes off, a second later."""
        self.now += timedelta(seconds=1)
        metric = {"dimensions": {"EndpointName": NAMES.endpoint(MODEL), "VariantName": variant}}
        self.bus.happens(
            AlarmChanged,
            {
                "alarmName": NAMES.alarm(MODEL, variant, "5xx"),
                "state": {"value": "ALARM", "reason": "3 of 3", "timestamp": self.now.isoformat()},
                "configuration": {"metrics": [{"metricStat": {"metric": metric}}]},
            },
        )

    def lose_aws_events(self) -> None:
        """From now on no event of AWS's but S3's arrives."""
        self.bus.silent = {kind for kind in FOREIGN if kind not in {ObjectCreated, ScheduleFired}}

    # How time goes by

    def settle(self, *, until: Callable[[], bool] = lambda: False) -> None:
        """Deliver, retry and let AWS finish what it was asked, until nothing moves."""
        for _ in range(self.patience):
            if until():
                return
            if self.bus.queue:
                self.deliver(self._next())
            elif not self._aws_moves() and not self._lambda_retries():
                return
        raise AssertionError(f"the stage does not come to rest: {self.bus.names()[-8:]}")

    def _next(self) -> Envelope:
        queue, disorder = self.bus.queue, self.disorder
        if disorder is None:
            return queue.popleft()
        at = disorder.randrange(len(queue))
        raw = queue[at]
        if disorder.random() < _NOT_AGAIN:
            del queue[at]
        return raw

    def elapse(self, time: timedelta) -> None:
        """Time goes by, sweep after sweep."""
        end = self.now + time
        while self.now < end:
            self.now = min(end, self.now + SWEEP_EVERY)
            if self.timers:
                for event in self.schedules.fire(self.now):
                    raw = envelope(SOURCE, event.detail_type(), json.loads(event.detail()))
                    self.bus.queue.append(raw)
            self.settle()
            self.sweep()
            self.settle()

    def rest(self, *, within: timedelta = timedelta(hours=12)) -> None:
        """Time goes by until nothing is open, neither in the ledger nor in the schedules."""
        end = self.now + within
        self.settle()
        while self.open() or (self.timers and self.schedules.waiting):
            assert self.now < end, f"still open after {within}: {self.open()}"
            self.elapse(SWEEP_EVERY)

    def sweep(self) -> None:
        """The clock wakes the sweep."""
        raw = envelope(ScheduleFired.source, ScheduleFired.detail_types[0], {})
        self._invoke("sweep", raw, attempt=1)

    def deliver(self, raw: Envelope) -> None:
        """EventBridge hands one event to every function it is routed to."""
        for unit in routed_to(raw):
            self._invoke(unit, raw, attempt=1)

    def turn(self, unit: str, raw: Envelope) -> Told:
        """One invocation of one function."""
        return taken(self.units[unit], raw, unit, clock=lambda: self.now)

    def _invoke(self, unit: str, raw: Envelope, *, attempt: int) -> None:
        try:
            self.turn(unit, raw)
        except COMES_AGAIN:
            if self.retries and attempt < _LAMBDA_TRIES:
                self._failed.append((unit, raw, attempt + 1))
            else:
                self.dead.append((unit, raw))

    def _lambda_retries(self) -> bool:
        failed, self._failed = self._failed, []
        for unit, raw, attempt in failed:
            self._invoke(unit, raw, attempt=attempt)
        return bool(failed)

    def _aws_moves(self) -> bool:
        running = self.jobs.running()
        for name in running:
            self.end(name)
        endpoints = self.endpoints.endpoints.items()
        moving = [m for m, e in endpoints if e.then is not None or e.deleting]
        updating = moving if self.endpoints.hurries else []
        for model in updating:
            self.endpoints.settle(model)
        return bool(running or updating)

    def end(self, job: str) -> None:
        """A job ends well, unless it is to fail; an evaluation leaves its report."""
        if job.endswith(tuple(self.failing)):
            self.jobs.end(job, JobStatus.FAILED, "no disk")
            return
        spec = self.jobs.evaluations.get(job)
        if spec is not None:
            run = spec.environment["SLUICE_RUN"]
            champion = _run_in(spec.champion_uri) if spec.champion_uri else None
            report = a_report(
                self._accuracy(run),
                champion=None if champion is None else self._accuracy(champion),
                champion_digest=None if champion is None else digest(champion),
                run=run,
            )
            judged = replace_digest(report.model_dump(mode="json"), digest(run))
            self.objects.kept[f"{spec.output_uri}/report.json"] = json.dumps(judged).encode()
        self.jobs.end(job)

    def _accuracy(self, run: str) -> float:
        drops = (r.drop for r in self.ledger.all(RunRecord) if r.run == run)
        return self.accuracy.get(next(drops) or "", 0.95)

    # What there is to see

    def open(self) -> list[Record]:
        """Records the sweep would still look at; what waits for a person is at rest."""
        open_ = (r for r in self.ledger.records() if r.due_at or r.outbox)
        return [r for r in open_ if not self.waits_for_a_person(r)]

    def waits_for_a_person(self, record: Record) -> bool:
        """Whether only a person's word, which has not been given, can move it on."""
        if not isinstance(record, RunRecord) or record.state is not RunState.HELD or record.outbox:
            return False
        version = self.registry.versions.get((MODEL, record.version or 0))
        return version is not None and version.approval is Approval.PENDING

    def run_of(self, drop: str) -> RunRecord:
        """The run a drop made."""
        (run,) = (r for r in self.ledger.all(RunRecord) if r.drop == drop)
        return run

    def drop_of(self, drop: str) -> DropRecord:
        """A drop's record."""
        (found,) = (r for r in self.ledger.all(DropRecord) if r.drop == drop)
        return found

    def rollout_of(self, version: int) -> RolloutRecord:
        """A version's rollout."""
        (found,) = (r for r in self.ledger.all(RolloutRecord) if r.version == version)
        return found

    @property
    def endpoint(self) -> EndpointRecord:
        """The endpoint's record; an empty one before the first."""
        found = self.ledger.all(EndpointRecord)
        return found[0] if found else EndpointRecord(model=MODEL)

    @property
    def champion(self) -> int | None:
        """The version that serves, by the ledger."""
        champion = self.endpoint.champion
        return champion.version if champion else None

    @property
    def serving(self) -> dict[int, int]:
        """Percent of traffic by version, by the endpoint."""
        known = MODEL in self.endpoints.endpoints
        return {v: w for v, w in self.endpoints.shares(MODEL).items() if w} if known else {}

    def essence(self) -> dict[str, object]:
        """What must not depend on when anything died, was late or came twice."""
        states = {
            f"{record.kind} {record.key}": str(getattr(record, "state", ""))
            for record in self.ledger.records()
        }
        return {
            "states": states,
            "champion": self.champion,
            "serving": self.serving,
            "held": self.endpoint.rollout,
            "jobs": sorted(self.jobs.views),
            "versions": sorted(
                (v.version, v.approval.value, v.run) for v in self.registry.versions.values()
            ),
            "said": sorted(set(self.bus.names()) - _ASKED_AGAIN),
        }

    def notes(self) -> list[Entry]:
        """All evidence that says something."""
        return [entry for entry in self.ledger.notes if entry.text]


_ASKED_AGAIN = {
    "DropOverdue",
    "TrainingRequested",
    "TrainingJobSettled",
    "EvaluationJobSettled",
    "VersionApproved",
    "RolloutStepDue",
    "RollbackRequested",
}
"""What only the sweep and the schedules say, as often as it takes."""


def replace_digest(report: dict[str, Any], candidate: str) -> dict[str, Any]:
    """The report with another candidate's digest."""
    return report | {"candidate": report["candidate"] | {"digest": candidate}}


def _run_in(uri: str) -> str:
    return uri.split("/runs/")[1].split("/")[1]


def asks_back(stage: Stage, version: int) -> RollbackRequested:
    """A person wants the traffic back."""
    return RollbackRequested.model_validate(
        {
            "rollout": stage.rollout_of(version).rollout,
            "model": MODEL,
            "reason": "ASKED_BY_PERSON",
            "message": "a person asked",
        },
        strict=False,
    )
