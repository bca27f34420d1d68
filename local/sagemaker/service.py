"""SageMaker's API in front of its parts."""

from collections.abc import Mapping
from pathlib import Path

from local.clock import Clock
from local.cloud import Account
from local.constraints import check
from local.errors import not_there
from local.images import Images
from local.sagemaker.async_inference import AsyncInference
from local.sagemaker.cards import ModelCards
from local.sagemaker.endpoints import Endpoints
from local.sagemaker.lineage import Lineage
from local.sagemaker.models import Models
from local.sagemaker.parts import EmitsEvents, Operations, Parts, Request
from local.sagemaker.processing import ProcessingJobs
from local.sagemaker.registry import Registry
from local.sagemaker.runtime import Reply, Runtime
from local.sagemaker.training import TrainingJobs
from local.sagemaker.transform import TransformJobs
from local.sagemaker.tuning import TuningJobs
from local.seams import (
    DisturbsMachines,
    PutsMetrics,
    ScalesVariants,
    Undisturbed,
    Unscaled,
    WritesLogs,
)


class SageMaker:
    """Jobs, registry, endpoints and the runtime."""

    def __init__(
        self,
        account: Account,
        clock: Clock,
        bus: EmitsEvents,
        metrics: PutsMetrics,
        logs: WritesLogs,
        images: Images,
        state: Path,
        disturbances: DisturbsMachines | None = None,
        scaling: ScalesVariants | None = None,
    ) -> None:
        parts = Parts(
            account,
            clock,
            bus,
            metrics,
            logs,
            images,
            state / "sagemaker",
            disturbances=disturbances or Undisturbed(),
            scaling=scaling or Unscaled(),
        )
        self._training = TrainingJobs(parts)
        self._processing = ProcessingJobs(parts)
        registry = Registry(parts)
        models = Models(parts, registry)
        self._transform = TransformJobs(parts, models)
        self._endpoints = Endpoints(parts, models)
        self._runtime = Runtime(parts, self._endpoints)
        self.asynchronous = AsyncInference(parts, self._endpoints)
        """The part of the runtime that answers later."""
        tuning = TuningJobs(parts, self._training)
        self._jobs = (self._training, self._processing, self._transform, tuning)
        owners = (*self._jobs, registry, models, self._endpoints, parts.tags)
        governance = (ModelCards(parts), Lineage(parts))
        self.operations: Operations = {
            name: call
            for owner in (*owners, *governance)
            for name, call in owner.operations.items()
        }

    def handle(self, action: str, request: Request) -> Request:
        """Answer one API call; raises AwsError."""
        if action not in self.operations:
            raise not_there("sagemaker", action)
        check("sagemaker", action, request, code="ValidationException")
        return self.operations[action](request)

    def invoke_endpoint(self, name: str, *, body: bytes, headers: Mapping[str, str]) -> Reply:
        """One request of a user; `headers` by lower-cased names. Raises AwsError."""
        return self._runtime.invoke(name, body=body, headers=headers)

    def strike(self, job: str) -> bool:
        """Kill the processes of the jobs of this name; whether there were any."""
        return [jobs.strike(job) for jobs in self._jobs].count(True) > 0

    def kill_server(self, endpoint: str) -> bool:
        """Kill one serving process of an endpoint; whether there was any."""
        return self._endpoints.strike(endpoint)

    def start(self) -> None:
        for jobs in self._jobs:
            jobs.start()
        self._endpoints.start()
        self._runtime.start()
        self.asynchronous.start()

    def stop(self) -> None:
        for jobs in reversed(self._jobs):
            jobs.stop()
        self.asynchronous.stop()
        self._runtime.stop()
        self._endpoints.stop()
