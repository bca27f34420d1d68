"""An endpoint as Sluice sees it: variants, their shares of traffic, and what they answered."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median

from functions.strategy import Guardrail

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
    counts: Mapping[str, int] = field(default_factory=dict)
    """Instances by variant."""
    pending: bool = False
    """Whether a deployment is told to be under way."""
    made: datetime | None = None
    """When it was made: one that was deleted and made again has another time."""

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
    count: int = 1
    """Instances."""


@dataclass(frozen=True)
class Guard:
    """In whose hands a deployment is: SageMaker's, which goes back when an alarm rings."""

    plan: Guardrail
    alarms: tuple[str, ...]


@dataclass(frozen=True)
class Hardware:
    """What serves, and how."""

    image: str
    role_arn: str
    instance: str
    max_batch: int
    latency: float = 0.25
    """Seconds that one answer should take at most: the container's batches are steered by it."""
    fallback: str = ""
    """The instance type where it is not the first choice: then the configuration is another one."""
    machine_image: str | None = None
    """SageMaker's name of the machine image under the container; None leaves the choice to it."""


@dataclass(frozen=True)
class Standing:
    """A configuration as the ledger knows it: all it takes to make it again."""

    config: str
    placements: tuple[Placement, ...]
    instance: str
    machine_image: str | None = None
    """As in `Hardware`."""


MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Minute:
    """What a variant answered in one minute."""

    at: datetime
    requests: int = 0
    errors: int = 0
    """Requests the container failed on (5xx)."""
    refused: int = 0
    """Requests it turned away (4xx)."""
    slower: int = 0
    """Answers that took longer than they were counted against."""
    latency_p99: float | None = None
    """Seconds, of the model's own answer."""


@dataclass(frozen=True)
class Traffic:
    """What a variant answered over a stretch of time."""

    minutes: tuple[Minute, ...] = ()
    """Those with any traffic, by time."""

    @property
    def requests(self) -> int:
        return sum(each.requests for each in self.minutes)

    @property
    def errors(self) -> int:
        return sum(each.errors for each in self.minutes)

    @property
    def refused(self) -> int:
        return sum(each.refused for each in self.minutes)

    @property
    def latency_p99(self) -> float | None:
        """Seconds, of the model's own answer in a typical (median) minute; None without requests.

        One slow answer makes a slow minute where there is little traffic; only half of the
        minutes make a slow variant.
        """
        slow = [each.latency_p99 for each in self.minutes if each.latency_p99 is not None]
        return median(slow) if slow else None

    def since(self, at: datetime) -> "Traffic":
        """Its part from the minute of `at` on."""
        return Traffic(tuple(each for each in self.minutes if each.at > at - MINUTE))


NO_TRAFFIC = Traffic()


@dataclass(frozen=True)
class Arms:
    """What challenger and champion answered in the same stretch of time."""

    challenger: Traffic = NO_TRAFFIC
    champion: Traffic = NO_TRAFFIC

    def since(self, at: datetime) -> "Arms":
        """Their part from the minute of `at` on."""
        return Arms(self.challenger.since(at), self.champion.since(at))


@dataclass(frozen=True)
class Expected:
    """What a golden probe is to be answered by, and with."""

    digest: str = ""
    """Of the model; empty where any will do."""
    predictions: tuple[float, ...] = ()
    """One to each question; none where only the form of the answer is known."""
    tolerance: float = 0.0


ANY_ANSWER = Expected()


@dataclass(frozen=True)
class Probe:
    """The answer to a golden probe: a request made on purpose to one variant."""

    variant: str
    ok: bool
    version: int | None
    """The version that says it answered."""
    message: str = ""
