"""What a training or evaluation job is asked and what it answers, free of AWS's shapes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class JobStatus(StrEnum):
    """SageMaker's statuses of a job; one being deleted is stopping."""

    RUNNING = "InProgress"
    COMPLETED = "Completed"
    FAILED = "Failed"
    STOPPING = "Stopping"
    STOPPED = "Stopped"

    @classmethod
    def _missing_(cls, value: object) -> "JobStatus | None":
        return cls.STOPPING if value == "Deleting" else None


@dataclass(frozen=True)
class JobView:
    """A job as SageMaker tells of it now."""

    name: str
    status: JobStatus
    failure: str = ""
    artifact: str | None = None
    """S3 URI of what a training job made."""
    short: bool = False
    """Whether it ended for want of capacity, and not through what it was to do."""
    instance: str = ""
    """The type of machine a training job was asked for on."""
    billable: int | None = None
    """Seconds of a training job that are paid; None as long as nobody says."""

    @property
    def ended(self) -> bool:
        return self.status not in {JobStatus.RUNNING, JobStatus.STOPPING}


@dataclass(frozen=True)
class TrainingSpec:
    """Everything one training job is told."""

    name: str
    image: str
    role_arn: str
    instance: str
    max_runtime: int
    """Seconds."""
    spot: bool
    code_uri: str
    dataset_uri: str
    """Folder with `dataset.json` and `s3.manifest`."""
    output_uri: str
    checkpoint_uri: str | None
    """None keeps none."""
    hyperparameters: Mapping[str, str]
    environment: Mapping[str, str]
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class EvaluationSpec:
    """Everything one evaluation job is told."""

    name: str
    image: str
    role_arn: str
    instance: str
    max_runtime: int
    code_uri: str
    candidate_uri: str
    champion_uri: str | None
    holdout_uri: str
    output_uri: str
    environment: Mapping[str, str]
    dataset_uri: str | None = None
    """Folder with `dataset.json` and `s3.manifest`, to look for rows of the holdout among its own;
    None does not."""
    tags: Mapping[str, str] = field(default_factory=dict)
