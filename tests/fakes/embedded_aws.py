"""The embedded AWS's core on one port, with recorders where the event services would be."""

import atexit
import json
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from local.clock import Clock
from local.cloud import Account
from local.cloudformation import CloudFormation
from local.cloudwatch import CloudWatch
from local.front import Front
from local.http_messages import HttpRequest, HttpResponse
from local.http_server import HttpServer
from local.lambdas import Lambdas
from local.logs import Logs
from local.moto_app import MotoApp
from local.queues import Queues
from local.s3_events import S3Events

TIME_SCALE = 600.0


@dataclass
class RecordedMetrics:
    """Keeps what is put; answers every call with nothing."""

    seen: list[tuple[str, str, dict[str, str], float]] = field(default_factory=list)

    def put(self, namespace: str, name: str, dimensions: Any, value: float, **_: Any) -> None:
        self.seen.append((namespace, name, dict(dimensions), value))

    def handle(self, action: str, request: dict[str, Any]) -> dict[str, Any]:
        return {}


@dataclass
class RecordedCalls:
    """A service that remembers its calls and answers with the ARNs that callers need."""

    account: Account
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    refused: dict[str, Exception] = field(default_factory=dict)

    def handle(self, action: str, request: dict[str, Any]) -> dict[str, Any]:
        self.calls.append((action, request))
        if action in self.refused:
            raise self.refused[action]
        name = str(request.get("Name") or request.get("ModelPackageGroupName") or "")
        return {
            "RuleArn": self.account.arn("events", f"rule/{name}"),
            "EventBusArn": self.account.arn("events", f"event-bus/{name}"),
            "ScheduleArn": self.account.arn("scheduler", f"schedule/default/{name}"),
            "ScheduleGroupArn": self.account.arn("scheduler", f"schedule-group/{name}"),
            "ModelPackageGroupArn": self.account.arn("sagemaker", f"model-package-group/{name}"),
        }

    def actions(self) -> list[str]:
        return [action for action, _ in self.calls]


@dataclass
class RecordedBus(RecordedCalls):
    emitted: list[dict[str, Any]] = field(default_factory=list)

    def emit(
        self, *, source: str, detail_type: str, detail: dict[str, Any], resources: Any = ()
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
        for entry in request.get("Entries", []) if action == "PutEvents" else []:
            detail = json.loads(entry["Detail"])
            self.emit(source=entry["Source"], detail_type=entry["DetailType"], detail=detail)
        return super().handle(action, request)


class Core:
    """moto, Lambda, Logs and CloudFormation for real; events, scheduler and SageMaker recorded."""

    def __init__(self, state: Path) -> None:
        self._front: Callable[[HttpRequest], HttpResponse] = lambda _: HttpResponse(503)
        self.http = HttpServer(0, lambda request: self._front(request))
        self.account = account = Account(f"http://127.0.0.1:{self.http.port}")
        clock = Clock(TIME_SCALE)
        self.metrics = RecordedMetrics()
        self.bus = RecordedBus(account)
        self.scheduler = RecordedCalls(account)
        self.sagemaker = RecordedCalls(account)
        self.alarms = RecordedCalls(account)
        self.logs = Logs(account, clock, self.metrics)
        self.lambdas = Lambdas(account, clock, self.logs, self.metrics, Queues(account), state)
        services = {
            "events": self.bus.handle,
            "scheduler": self.scheduler.handle,
            "sagemaker": self.sagemaker.handle,
            "cloudwatch": CloudWatch(account, clock, self.metrics, self.alarms).handle,
            "logs": self.logs.handle,
            "lambda": self.lambdas.handle,
        }
        services["cloudformation"] = CloudFormation(account, clock, services).handle
        moto = S3Events(account, self.bus).around(MotoApp(account.id, self.http.port))
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
