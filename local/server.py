"""The embedded AWS, assembled: every service once, behind one port."""

import contextlib
import json
import logging
import os
import time
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

from local import protocols
from local.alarms import Alarms
from local.autoscaling import AutoScaling
from local.batch import Batch
from local.bodies import Bodies
from local.clock import Clock
from local.cloud import Account
from local.cloudformation import CloudFormation
from local.cloudwatch import CloudWatch
from local.compactor import Compactor
from local.errors import AwsError
from local.eventbridge import EventBus
from local.faults import Faults, Victims
from local.front import Front, Route
from local.http_messages import HttpRequest, HttpResponse
from local.http_server import HttpServer
from local.identity import with_identity
from local.images import Images
from local.journal import Journal
from local.lambdas import Lambdas
from local.lasting_moto import LastingMoto
from local.logs import Logs
from local.metrics import Metrics
from local.moto_app import MotoApp
from local.queue_metrics import QueueMetrics, depths_in_moto
from local.queues import Queues
from local.s3_events import S3Events
from local.sagemaker import SageMaker
from local.scheduler import Scheduler
from local.snapshots import Snapshots
from local.state_folder import StateFolder, listening
from local.unknown import with_refusals

log = logging.getLogger("local.server")
_PASSED_ON = ("content-type", "accept")


@dataclass(frozen=True)
class Options:
    """How one embedded AWS is to run."""

    port: int
    state: Path
    time_scale: float = 1.0
    images: Sequence[tuple[str, str]] = ()


class Server:
    """Binds its port at construction (PortError when it is busy), answers after `start`."""

    def __init__(self, options: Options) -> None:
        self._folder = folder = StateFolder(options.state)
        self._front: Callable[[HttpRequest], HttpResponse] = _not_ready
        self._http = listening(options.port, folder, self._server)
        self.url = f"http://127.0.0.1:{self._http.port}"
        account = Account(self.url, store=folder.store)
        clock = Clock(options.time_scale)
        queues = Queues(account)
        metrics = Metrics(account, clock)
        logs = Logs(account, clock, metrics)
        lambdas = Lambdas(account, clock, logs, metrics, queues, folder.path)
        faults = Faults(clock)
        bus = EventBus(account, clock, lambdas, queues, disturb=faults.events)
        scheduler = Scheduler(account, clock, lambdas, queues, bus)
        scaling = AutoScaling(account, clock, metrics)
        alarms = Alarms(account, clock, metrics, bus, lambdas, scaling)
        self._sagemaker = SageMaker(
            account,
            clock,
            bus,
            metrics,
            logs,
            Images(options.images),
            folder.path,
            faults.jobs,
            scaling,
        )
        batch = Batch(account, clock, self._sagemaker.handle, bus)
        self._owners: dict[str, Any] = {
            "application-autoscaling": scaling,
            "batch": batch,
            "events": bus,
            "scheduler": scheduler,
            "cloudwatch": CloudWatch(account, clock, metrics, alarms),
            "logs": logs,
            "lambda": lambdas,
            "sagemaker": self._sagemaker,
        }
        services = {name: owner.handle for name, owner in self._owners.items()}
        formation = self._owners["cloudformation"] = CloudFormation(account, clock, services)
        services |= {
            "cloudformation": formation.handle,
            "sagemaker-runtime": self._sagemaker.asynchronous.handle,
        }
        moto, lasting = _moto(account, bus, self._http.port, folder.path)
        self._running: list[Any] = [
            metrics,
            QueueMetrics(clock, metrics, depths_in_moto(account)),
            lambdas,
            bus,
            scheduler,
            alarms,
            self._sagemaker,
            scaling,
            batch,
            *lasting,
            formation,
        ]
        self._assembled = faults.around(
            Front(
                moto=moto,
                services=services,
                invoke_endpoint=self._invoke_endpoint,
                local={"/_local/health": self._health, "/_local/faults": faults.answer},
            ),
            account.id,
            Victims(lambdas.sandbox, self._sagemaker.kill_server),
        )
        self._started = time.time()

    @property
    def operations(self) -> dict[str, Set[str]]:
        """What each service of ours answers."""
        later = self._sagemaker.asynchronous.operations
        owned = {name: owner.operations.keys() for name, owner in self._owners.items()}
        return owned | {"sagemaker-runtime": {"InvokeEndpoint", *later}}

    @property
    def warning(self) -> str:
        """What a person should know about the state that was found, or nothing."""
        return self._folder.warning

    def start(self) -> None:
        self._folder.sweep()
        self._folder.keep_port(self._http.port)
        self._http.start()
        self._front = self._assembled
        for service in self._running:
            service.start()
        Thread(target=self._warm, name="warm", daemon=True).start()

    def stop(self) -> None:
        """Every service stops what it started, then the port closes."""
        for service in reversed(self._running):
            with contextlib.suppress(Exception):  # one part's trouble must not keep another alive
                service.stop()
        self._http.stop()
        self._folder.close()

    def _server(self, port: int) -> HttpServer:
        return HttpServer(port, lambda request: self._front(request))

    def _warm(self) -> None:
        for service in self._owners:
            protocols.warm(service)

    def _health(self, _: HttpRequest) -> HttpResponse:
        body = {
            "status": "ok",
            "pid": os.getpid(),
            "services": list(self._owners),
            "uptime": round(time.time() - self._started, 1),
        }
        return HttpResponse(200, {"Content-Type": "application/json"}, json.dumps(body).encode())

    def _invoke_endpoint(self, name: str, request: HttpRequest) -> HttpResponse:
        headers = {
            key: value
            for key, value in request.headers.items()
            if key.startswith("x-amzn-") or key in _PASSED_ON
        }
        try:
            reply = self._sagemaker.invoke_endpoint(name, body=request.body, headers=headers)
        except AwsError as error:
            return protocols.encode_error("rest-json", error)
        return HttpResponse(reply.status, reply.headers, reply.body)


def _moto(account: Account, bus: EventBus, port: int, state: Path) -> tuple[Route, list[Any]]:
    """moto as it was left, with S3's events around it; and what of it is to be started."""
    bodies = Bodies(state / "bodies")
    journal = Journal(account.store, bodies)
    moto = LastingMoto(MotoApp(account.id, port), journal)
    snapshots = Snapshots(account.store, journal, bodies)
    snapshots.sweep()
    snapshots.restore()
    s3_events = S3Events(account, bus)
    answer = with_identity(with_refusals(s3_events.around(moto)), account)
    s3_events.resume(moto.replay())
    return answer, [s3_events, Compactor(moto, snapshots)]


def _not_ready(_: HttpRequest) -> HttpResponse:
    return HttpResponse(503, body=b"starting\n")
