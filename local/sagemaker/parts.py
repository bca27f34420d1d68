"""What every part of the embedded SageMaker is given."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from local.clock import Clock
from local.cloud import Account
from local.errors import AwsError
from local.images import Images
from local.sagemaker.tags import Tags
from local.seams import (
    DisturbsMachines,
    PutsMetrics,
    ScalesVariants,
    Undisturbed,
    Unscaled,
    WritesLogs,
)

Request = dict[str, Any]
Operations = Mapping[str, Callable[[Request], Request]]
GRACE = 120.0
"""Seconds a training container has after SIGTERM."""


class EmitsEvents(Protocol):
    """What SageMaker needs of EventBridge."""

    def emit(
        self, *, source: str, detail_type: str, detail: Mapping[str, Any], resources: Sequence[str]
    ) -> str: ...


@dataclass(frozen=True)
class Parts:
    """The account's other services, the images, a folder, and threads to work in."""

    account: Account
    clock: Clock
    bus: EmitsEvents
    metrics: PutsMetrics
    logs: WritesLogs
    images: Images
    state: Path
    pool: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(64, thread_name_prefix="sagemaker")
    )
    pause: Callable[[float], None] = time.sleep
    disturbances: DisturbsMachines = field(default_factory=Undisturbed)
    scaling: ScalesVariants = field(default_factory=Unscaled)

    @cached_property
    def tags(self) -> Tags:
        """Of everything, by ARN."""
        return Tags(self.account.store)

    def now(self) -> datetime:
        return self.clock.now()

    def provision(self, seconds: float) -> None:
        """Take the (scaled) time that AWS would take to find machines."""
        self.pause(self.clock.scaled(seconds))

    def tell(self, detail_type: str, arn: str, detail: Mapping[str, Any]) -> None:
        """Emit one of SageMaker's events."""
        self.bus.emit(
            source="aws.sagemaker", detail_type=detail_type, detail=detail, resources=[arn]
        )

    def environment(self, *, isolated: bool) -> dict[str, str]:
        """What any container sees; an isolated one is told of no AWS."""
        base = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        base |= {"AWS_REGION": self.account.region, "AWS_DEFAULT_REGION": self.account.region}
        if isolated:
            return base
        return base | {
            "AWS_ENDPOINT_URL": self.account.url,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
        }


def invalid(message: str) -> AwsError:
    """SageMaker's error for almost everything; its text tells the cases apart."""
    return AwsError("ValidationException", message)


def refuse(request: Mapping[str, Any], *members: str) -> None:
    """Raise for members that would have an effect in AWS and would have none here."""
    given = [member for member in members if request.get(member)]
    if given:
        raise invalid(f"{', '.join(given)}: not emulated yet.")


def with_times(value: Any, form: Callable[[datetime], Any]) -> Any:
    """A structure with its times in the form that an event gives them."""
    match value:
        case datetime():
            return form(value)
        case dict():
            return {key: with_times(inner, form) for key, inner in value.items()}
        case list():
            return [with_times(inner, form) for inner in value]
        case _:
            return value


def milliseconds(moment: datetime) -> int:
    """Since the epoch."""
    return round(moment.timestamp() * 1000)
