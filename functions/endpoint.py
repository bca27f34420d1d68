"""An endpoint as Sluice sees it: variants, their shares of traffic, and what they answered."""

from collections.abc import Mapping
from dataclasses import dataclass

GPU_MACHINE_IMAGE = "al2023-ami-sagemaker-inference-gpu-4-1"
"""SageMaker's machine image whose driver takes CUDA 13, which the serving image is built for."""


@dataclass(frozen=True)
class EndpointView:
    """An endpoint as it is now."""

    status: str
    """SageMaker's word: `InService`, `Updating`, `Creating`, `Failed`, …"""
    config: str
    weights: Mapping[str, int]
    """Percent of traffic by variant, as in effect."""
    failure: str = ""

    @property
    def in_service(self) -> bool:
        return self.status == "InService"


@dataclass(frozen=True)
class Placement:
    """One variant of an endpoint to be: which model stands in it, with how much traffic."""

    variant: str
    version: int
    artifact: str
    model_digest: str
    weight: int


@dataclass(frozen=True)
class Hardware:
    """What serves, and how."""

    image: str
    role_arn: str
    instance: str
    max_batch: int
    machine_image: str | None = None
    """SageMaker's name of the machine image under the container; None leaves the choice to it."""


@dataclass(frozen=True)
class Traffic:
    """What a variant answered over a stretch of time."""

    requests: int
    errors: int
    """Requests the container failed on (5xx)."""
    latency_p99: float | None = None
    """Seconds, of the model's own answer in a typical minute; None without requests."""


NO_TRAFFIC = Traffic(0, 0)


@dataclass(frozen=True)
class Probe:
    """The answer to a golden probe: a request made on purpose to one variant."""

    variant: str
    ok: bool
    version: int | None
    """The version that says it answered."""
    message: str = ""
