"""The simulated world with nothing of ours replaced: real adapters and boto3 over one account."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any, cast

from botocore.exceptions import ReadTimeoutError

from cli.verify import verified
from events.base import Event
from events.words import Reason
from functions.allowance import AllowanceRecord
from functions.aws.alarms import Alarms
from functions.aws.bus import Bus, PublishError
from functions.aws.definitions import Definitions
from functions.aws.drops import Drops, Examine
from functions.aws.endpoints import Endpoints
from functions.aws.evidence import TrafficMetrics
from functions.aws.inventory import Inventory
from functions.aws.jobs import Jobs
from functions.aws.ledger import Ledger
from functions.aws.objects import Objects
from functions.aws.registry import Registry
from functions.aws.scaling import ScalableTargets
from functions.aws.schedules import Schedules
from functions.definition import Deployed
from functions.drops import Checked, Dataset, Folder
from functions.drops import Fault as DropFault
from functions.endpoint import Traffic
from functions.evidence import Entry
from functions.ledger import RECORDS, Record
from functions.orphans import OrphanRecord
from functions.turn import Told, Turn
from tests.builders import MODEL, NAMES
from tests.fakes.account.account import Account
from tests.fakes.account.clients import Clients
from tests.fakes.account.dynamodb import DynamoDB, Item
from tests.fakes.account.endpoints import Endpoints as EndpointsOfAws
from tests.fakes.account.events import CloudWatch, EventBridge, Parameters, Scheduler
from tests.fakes.account.jobs import Jobs as JobsOfAws
from tests.fakes.account.messages import Answer, Asked, RefusedError
from tests.fakes.account.recent import Recent
from tests.fakes.account.registry import Registry as RegistryOfAws
from tests.fakes.account.s3 import S3
from tests.fakes.alarms import FakeAlarms
from tests.fakes.bus import Envelope
from tests.fakes.calls import CrashError
from tests.fakes.definitions import FakeDefinitions
from tests.fakes.drops import FakeDrops
from tests.fakes.endpoints import _Fleet
from tests.fakes.objects import FakeObjects
from tests.fakes.scaling import FakeScaling
from tests.fakes.stage import SWEEP_EVERY, Stage
from tests.simulation.callsites import Mode, Site, calling
from tests.simulation.chaos import Chaos
from tests.simulation.fakes import WatchedEndpoints, _by_version
from tests.simulation.invariants import hold
from tests.simulation.world import World, deployed

_ALL: tuple[type[Record], ...] = (*RECORDS, AllowanceRecord, OrphanRecord)
_KINDS = {record.kind: record for record in _ALL}
_AFTER = frozenset({Mode.CRASH_AFTER, Mode.TIMED_OUT, Mode.LOST_ANSWER})
_CODES = {
    Mode.THROTTLED: ("ThrottlingException", 400),
    Mode.INTERNAL: ("InternalFailure", 500),
    Mode.DENIED: ("AccessDeniedException", 400),
    Mode.LIMIT: ("ResourceLimitExceeded", 400),
}
_CODES_OF = {
    ("s3", Mode.THROTTLED): ("SlowDown", 503),
    ("s3", Mode.INTERNAL): ("InternalError", 500),
    ("s3", Mode.DENIED): ("AccessDenied", 403),
    ("cloudwatch", Mode.THROTTLED): ("Throttling", 400),
    ("scheduler", Mode.LIMIT): ("ServiceQuotaExceededException", 402),
}


class SandboxDiedError(BaseException):
    """No code of a function runs after this."""


class Steady(Random):
    """What is left to chance elsewhere is always the same here."""

    def random(self) -> float:
        return 0.5

    def randint(self, a: int, b: int) -> int:
        return (a + b) // 2

    def choice(self, seq: Any) -> Any:
        return seq[0]


@dataclass(frozen=True, order=True)
class Call:
    """A call to AWS, and the function that makes it."""

    unit: str
    site: Site

    def __str__(self) -> str:
        return f"{self.unit}, {self.site}"


@dataclass
class AtCalls(Chaos):
    """No dice: a fault at given calls, counted from 1, and nothing else goes wrong."""

    script: Mapping[int, Mode] = field(default_factory=dict)
    made: list[Call] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = Steady()
        self.kinds = frozenset()

    def at_call(self, _: str) -> None:
        """The fakes behind the account make no calls."""

    def at_site(self, unit: str, site: Site) -> Mode | None:
        """What happens at the next call."""
        if self.over:
            return None
        self.made.append(Call(unit, site))
        return self.script.get(len(self.made))


class StoredDrops(FakeDrops):
    """The data bucket, as people upload to it."""

    def __init__(self, s3: S3) -> None:
        super().__init__()
        self._s3 = s3

    def put(self, model: str, drop: str, files: Mapping[str, bytes]) -> list[str]:
        keys = super().put(model, drop, files)
        for key in keys:
            self._s3.put(self.bucket, key, self.objects[key].body)
        return keys


class StoredObjects(FakeObjects):
    """What jobs and people leave in the artifact bucket."""

    def __init__(self, s3: S3) -> None:
        super().__init__()
        self._s3 = s3

    def leave(self) -> None:
        """Whatever was kept lies in S3 now."""
        for uri, body in self.kept.items():
            bucket, _, key = uri.removeprefix("s3://").partition("/")
            self._s3.put(bucket, key, body)
        self.kept.clear()


class QuickDrops(Drops):
    """Real calls for each file; its rows are not looked at, for they are none."""

    def examine(self, model: str, folder: Folder, look: Examine) -> Dataset | DropFault:
        return super().examine(model, folder, _rows)


def _rows(path: Path, name: str) -> Checked | DropFault:
    if path.read_bytes() == b"bad":
        return DropFault(Reason.FILE_UNREADABLE, f"{name}: not readable")
    return Checked(rows=1, columns=("pixel",), probe=((0.0, 1.0),))


@dataclass(frozen=True)
class Real:
    """The adapters of a Lambda, by the names they have on a stage."""

    pause: Callable[[float], None]
    clock: Callable[[], float]
    ledger: Ledger
    bus: Bus
    definitions: Definitions
    drops: Drops
    objects: Objects
    schedules: Schedules
    jobs: Jobs
    registry: Registry
    endpoints: Endpoints
    inventory: Inventory
    traffic: TrafficMetrics
    alarms: Alarms
    scaling: ScalableTargets

    max_running = 20

    @property
    def paused(self) -> float:
        return self.clock()

    def _pause(self, seconds: float) -> None:
        self.pause(seconds)

    def units(self) -> dict[str, Turn]:
        """Every function, wired as on any stage."""
        return Stage._units(cast("Stage", self))


def real(
    client: Callable[[str], Any], *, pause: Callable[[float], None], clock: Callable[[], float]
) -> Real:
    """The adapters over the clients of an account."""
    objects = Objects(client("s3"))
    return Real(
        pause=pause,
        clock=clock,
        ledger=Ledger(client("dynamodb"), "ledger"),
        bus=Bus(client("events"), "sluice"),
        definitions=Definitions(client("ssm"), NAMES, objects),
        drops=QuickDrops(client("s3"), bucket="data"),
        objects=objects,
        schedules=Schedules(
            client("scheduler"),
            group="sluice",
            role_arn="arn:aws:iam::123456789012:role/schedule",
            bus_arn="arn:aws:events:us-east-1:123456789012:event-bus/sluice",
            undelivered_arn="arn:aws:sqs:us-east-1:123456789012:undelivered",
        ),
        jobs=Jobs(client("sagemaker")),
        registry=Registry(client("sagemaker"), NAMES),
        endpoints=Endpoints(client("sagemaker"), client("sagemaker-runtime"), NAMES),
        inventory=Inventory(client("sagemaker"), NAMES),
        traffic=TrafficMetrics(client("cloudwatch"), NAMES),
        alarms=FakeAlarms(),
        scaling=FakeScaling(),
    )


class WiredWorld(World):
    """Functions, adapters and boto3 as they are deployed; below them the account in memory."""

    chaos: AtCalls
    endpoints: WatchedEndpoints
    drops: StoredDrops
    objects: StoredObjects

    prompt = True
    """Whether an endpoint comes to rest while a function waits for it."""

    def __init__(
        self,
        *,
        approval: str = "auto",
        thrift: str = "none",
        twice: bool = False,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        self.deployed = deployed(approval, thrift)
        self._twice = twice
        self.attempts = 0
        """How often an invocation was a retry."""
        self.touched_by_story: set[str] = set()
        """What a story does once."""
        self.told: list[str] = []
        """Which function did what, of the present moment."""
        self.unit = ""
        """Whose turn it is."""
        self._mode: Mode | None = None
        super().__init__(AtCalls(0), tell=tell, thrift=thrift, strategy="stepped")

    def _cast(self, deployed: Deployed) -> None:
        super()._cast(deployed)
        self.max_running = 20
        self.definitions = FakeDefinitions(self.deployed)
        self.recent = Recent(lambda: self.now)
        self.s3 = S3()
        self.drops = StoredDrops(self.s3)
        self.objects = StoredObjects(self.s3)
        self.s3.put("data", "holdouts/digits/v1/part-0.parquet", b"rows")
        self.dynamodb = DynamoDB(self._kept, self.recent)
        self.aws_jobs = JobsOfAws(self.jobs, self.recent)
        self.aws_endpoints = EndpointsOfAws(self.endpoints, NAMES, self.recent, self._gains)
        self.aws_registry = RegistryOfAws(self.registry, NAMES, self.recent)
        self.events = EventBridge(self._published)
        self.scheduler = Scheduler(self.schedules.waiting)
        parameter = NAMES.definition_parameter(self.deployed.model)
        self.account = Account(
            cloudwatch=(CloudWatch(self._traffic, self.recent),),
            dynamodb=(self.dynamodb,),
            events=(self.events,),
            s3=(self.s3,),
            sagemaker=(self.aws_jobs, self.aws_endpoints, self.aws_registry),
            sagemaker_runtime=(self.aws_endpoints,),
            scheduler=(self.scheduler,),
            ssm=(Parameters({parameter: self.deployed}),),
        )
        self.clients = Clients(self._asked)

    def _units(self) -> dict[str, Turn]:
        """Wired as on any stage, with the real adapters."""
        self.real = real(self.clients, pause=self._pause, clock=lambda: self.paused)
        return self.real.units()

    # what goes wrong at a call

    def _asked(self, asked: Asked) -> Answer:
        """One request; its call's fault strikes at each of its tries."""
        if not asked.again:
            self._mode = self.chaos.at_site(self.unit, calling(asked.operation))
        mode = self._mode
        if mode is None or (mode is Mode.LOST_ANSWER and asked.again):
            return self.account(asked)
        if mode not in _AFTER:
            self._strike_before(mode, asked)
        self.recent.stale, self.events.takes = mode is Mode.STALE, mode is not Mode.NOT_TAKEN
        try:
            return self._struck_after(mode, asked)
        finally:
            self.recent.stale, self.events.takes = False, True

    def _strike_before(self, mode: Mode, asked: Asked) -> None:
        if mode is Mode.CRASH_BEFORE:
            raise SandboxDiedError(mode)
        if mode in _CODES:
            code, status = _CODES_OF.get((asked.service, mode), _CODES[mode])
            raise RefusedError(code, "simulated", status=status)

    def _struck_after(self, mode: Mode, asked: Asked) -> Answer:
        """What is refused by itself is refused also when its answer is lost."""
        try:
            answer = self.account(asked)
        except RefusedError:
            if mode not in _AFTER:
                raise
            answer = Answer()
        if mode is Mode.CRASH_AFTER:
            raise SandboxDiedError(mode)
        if mode in _AFTER:
            raise ReadTimeoutError(endpoint_url=asked.host)
        return answer

    def deliver(self, raw: Envelope) -> None:
        super().deliver(raw)
        if self._twice:
            super().deliver(raw)

    def _pause(self, seconds: float) -> None:
        self.paused += 50 * seconds
        if self.prompt:
            self._settles(MODEL)

    def turn(self, unit: str, raw: Envelope) -> Told:
        self.unit = unit
        try:
            told = super().turn(unit, raw)
            self.told.append(f"{unit} <- {raw['detail-type']}: {type(told.outcome).__name__}")
            return told
        except (SandboxDiedError, PublishError) as error:
            raise CrashError(str(error)) from error

    def _invoke(self, unit: str, raw: Envelope, *, attempt: int) -> None:
        self.attempts += attempt > 1
        super()._invoke(unit, raw, attempt=attempt)

    # what the account does

    def _kept(self, item: Item) -> None:
        """A line of evidence or a record, as it stands in the table now."""
        kind, body = item["kind"]["S"], item["body"]["S"]
        if kind == "EVIDENCE":
            self.ledger.notes.append(Entry.model_validate_json(body))
        elif kind in _KINDS:
            self.ledger._keep(_KINDS[kind].model_validate_json(body))
        self.ledger.writes += 1

    def _gains(self, model: str, fleet: _Fleet) -> None:
        now = self.endpoints.endpoints[model].now
        alone = len(fleet.versions) == 1
        self.endpoints.watch(
            model, _by_version(now) if now else {}, _by_version(fleet), alone=alone
        )

    def _published(self, event: Event) -> None:
        self.bus.said.append(event)
        self.bus.publish_by_hand(event)

    def _traffic(self, endpoint: str, variant: str) -> Traffic:
        with self.by_hand():
            model = NAMES.model_of(endpoint) or ""
            return self.traffic.read(model, variant=variant, since=self.now, until=self.now)

    def _job_ends(self, name: str, after: timedelta) -> None:
        before = self.jobs.views[name]
        super()._job_ends(name, after)
        self.objects.leave()
        self.aws_jobs.ends(name, before)

    def _settles(self, model: str) -> None:
        before = self.aws_endpoints.told(model)
        super()._settles(model)
        self.aws_endpoints.settles(model, before)

    # time

    def begin(self) -> None:
        """The clock of the sweep runs."""
        self.at(SWEEP_EVERY, "", self._tick)

    def step(self) -> bool:
        """The next moment, if there is one."""
        self.told.clear()
        if self._moments:
            self._pass_on()
        return bool(self._moments)

    def waits_for_retry(self) -> bool:
        """Whether Lambda will try a function again."""
        return any("_invoke" in getattr(act, "__qualname__", "") for *_, act in self._moments)

    def rests(self) -> None:
        """What holds at the end; raises ViolationError."""
        self._at_rest()

    def _at_rest(self) -> None:
        super()._at_rest()
        with self.by_hand():
            found = verified(self.real.ledger.logs())
        hold(not found.faults, "S12", "; ".join(found.faults))
