"""The embedded AWS's core on one port, with recorders where the event services would be."""

import atexit
import json
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Protocol, TypeVar

from local.alarms import Alarms
from local.bodies import Bodies
from local.clock import Clock
from local.cloud import Account
from local.cloudformation import CloudFormation
from local.cloudwatch import CloudWatch
from local.eventbridge import EventBus
from local.front import Front
from local.http_messages import HttpRequest, HttpResponse
from local.http_server import HttpServer
from local.images import Images
from local.journal import Journal
from local.lambdas import Lambdas
from local.lasting_moto import LastingMoto
from local.logs import Logs
from local.metrics import Metrics
from local.moto_app import MotoApp
from local.queues import Queues
from local.s3_events import S3Events
from local.sagemaker import SageMaker
from local.scheduler import Scheduler

TIME_SCALE = 600.0


@dataclass
class RecordedMetrics:
    """Keeps what is put; answers every call with nothing."""

    seen: list[tuple[str, str, dict[str, str], float]] = field(default_factory=list)
    operations: dict[str, Any] = field(default_factory=dict)

    def put(self, namespace: str, name: str, dimensions: Any, value: float, **_: Any) -> None:
        self.seen.append((namespace, name, dict(dimensions), value))

    def handle(self, action: str, request: dict[str, Any]) -> dict[str, Any]:
        return {}


class Handles(Protocol):
    @property
    def operations(self) -> Mapping[str, Any]: ...

    def handle(self, action: str, request: dict[str, Any]) -> dict[str, Any]: ...


@dataclass
class RecordedCalls:
    """A service of ours with a memory: what it does not know or accept, it refuses."""

    service: Handles
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    refused: dict[str, Exception] = field(default_factory=dict)

    @property
    def operations(self) -> Mapping[str, Any]:
        return self.service.operations

    def handle(self, action: str, request: dict[str, Any]) -> dict[str, Any]:
        self.calls.append((action, request))
        if action in self.refused:
            raise self.refused[action]
        return self.service.handle(action, request)


@dataclass
class RecordedBus(RecordedCalls):
    """Events are remembered instead of delivered."""

    emitted: list[dict[str, Any]] = field(default_factory=list)

    def emit(
        self, *, source: str, detail_type: str, detail: Mapping[str, Any], resources: Any = ()
    ) -> str:
        event = {
            "source": source,
            "detail-type": detail_type,
            "detail": detail,
            "resources": list(resources),
        }
        self.emitted.append(event)
        return str(uuid.uuid4())

    def handle(self, action: str, request: dict[str, Any]) -> dict[str, Any]:
        if action != "PutEvents":
            return super().handle(action, request)
        entries = request["Entries"]
        for entry in entries:
            detail = json.loads(entry["Detail"])
            self.emit(source=entry["Source"], detail_type=entry["DetailType"], detail=detail)
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "id"} for _ in entries]}


class Core:
    """moto, Lambda, Logs and CloudFormation at work; the calls of the others are recorded."""

    def __init__(self, state: Path) -> None:
        self._front: Callable[[HttpRequest], HttpResponse] = lambda _: HttpResponse(503)
        self.http = HttpServer(0, lambda request: self._front(request))
        self.account = account = Account(f"http://127.0.0.1:{self.http.port}")
        clock = Clock(TIME_SCALE)
        queues = Queues(account)
        self.metrics = RecordedMetrics()
        self.logs = Logs(account, clock, self.metrics)
        self.lambdas = Lambdas(account, clock, self.logs, self.metrics, queues, state)
        self.bus = bus = RecordedBus(EventBus(account, clock, self.lambdas, queues))
        self.scheduler = RecordedCalls(Scheduler(account, clock, self.lambdas, queues, bus))
        self.alarms = RecordedCalls(Alarms(account, clock, Metrics(account, clock), bus))
        self.sagemaker = RecordedCalls(
            SageMaker(account, clock, bus, self.metrics, self.logs, Images([]), state)
        )
        services = {
            "events": self.bus.handle,
            "scheduler": self.scheduler.handle,
            "sagemaker": self.sagemaker.handle,
            "cloudwatch": CloudWatch(account, clock, self.metrics, self.alarms).handle,
            "logs": self.logs.handle,
            "lambda": self.lambdas.handle,
        }
        services["cloudformation"] = CloudFormation(account, clock, services).handle
        kept = Journal(account.store, Bodies(None))
        lasting = LastingMoto(MotoApp(account.id, self.http.port), kept)
        moto = S3Events(account, self.bus).around(lasting)
        self._front = Front(moto, services, lambda *_: HttpResponse(501))
        self.http.start()
        self.lambdas.start()

    def client(self, service: str) -> Any:
        return self.account.client(service)


@cache
def core() -> Core:
    """One for the whole test run: moto keeps its state in the process anyway."""
    state = Path(tempfile.mkdtemp(prefix="embedded-aws-"))
    made = Core(state)

    def end() -> None:
        made.lambdas.stop()
        shutil.rmtree(state, ignore_errors=True)

    atexit.register(end)
    return made


T = TypeVar("T")


def eventually(look: Callable[[], T], *, seconds: float = 20.0) -> T:
    """The first truthy answer; AssertionError when there was none in time."""
    deadline = time.monotonic() + seconds
    while True:
        seen = look()
        if seen:
            return seen
        assert time.monotonic() < deadline, f"nothing within {seconds} seconds"
        time.sleep(0.02)
