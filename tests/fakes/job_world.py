"""Training and processing jobs of the embedded SageMaker, their events and lines remembered."""

import sys
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from local.clock import Clock
from local.images import Images
from local.sagemaker.parts import Parts
from local.sagemaker.processing import ProcessingJobs
from local.sagemaker.training import TrainingJobs
from local.seams import DisturbsMachines, Undisturbed
from local.store import Store
from tests.fakes.embedded_aws import RecordedMetrics, core, eventually

BUCKET = "states"
SLEEP = "import time; print('up', flush=True); time.sleep(600)"


@dataclass
class Bus:
    """Remembers SageMaker's events, and may answer one with an action of its own."""

    details: list[Mapping[str, Any]] = field(default_factory=list)
    reaction: Callable[[Mapping[str, Any]], None] = lambda _: None

    def emit(
        self, *, source: str, detail_type: str, detail: Mapping[str, Any], resources: Sequence[str]
    ) -> str:
        self.details.append(detail)
        self.reaction(detail)
        return "id"


@dataclass
class Logs:
    """Remembers every line."""

    lines: list[str] = field(default_factory=list)

    def write(self, group: str, stream: str, lines: Sequence[str]) -> None:
        self.lines.extend(lines)


@dataclass
class World:
    bus: Bus
    logs: Logs
    metrics: RecordedMetrics
    training: TrainingJobs
    processing: ProcessingJobs

    def train(self, source: str, *, name: str = "", **fields: Any) -> str:
        """Start a job whose container runs `source`; its name."""
        name = name or f"job-{uuid.uuid4().hex[:8]}"
        algorithm = {
            "TrainingImage": "python",
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["python3", "-c", source],
            **fields.pop("AlgorithmSpecification", {}),
        }
        self.training.operations["CreateTrainingJob"](
            {
                "TrainingJobName": name,
                "AlgorithmSpecification": algorithm,
                "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/out"},
                "StoppingCondition": {"MaxRuntimeInSeconds": 600},
                **fields,
            }
        )
        return name

    def told(self, name: str) -> dict[str, Any]:
        return self.training.operations["DescribeTrainingJob"]({"TrainingJobName": name})

    def stop(self, name: str) -> None:
        self.training.operations["StopTrainingJob"]({"TrainingJobName": name})

    def ended(self, name: str) -> dict[str, Any]:
        final = {"Completed", "Failed", "Stopped"}
        eventually(lambda: self.told(name)["TrainingJobStatus"] in final)
        return self.told(name)

    def close(self) -> None:
        self.training.stop()
        self.processing.stop()

    def phases(self, name: str) -> list[str]:
        return [d["SecondaryStatus"] for d in self.bus.details if d["TrainingJobName"] == name]


def a_world(
    folder: Path,
    scale: float,
    *,
    store: Store | None = None,
    disturbances: DisturbsMachines | None = None,
) -> World:
    account = replace(core().account, store=store or Store())
    account.client("s3").create_bucket(Bucket=BUCKET)
    bus, logs = Bus(), Logs()
    images = Images([("python", f"{sys.executable} {{entrypoint}}")])
    metrics = RecordedMetrics()
    parts = Parts(
        account,
        Clock(scale),
        bus,
        metrics,
        logs,
        images,
        folder,
        disturbances=disturbances or Undisturbed(),
    )
    return World(bus, logs, metrics, TrainingJobs(parts), ProcessingJobs(parts))
