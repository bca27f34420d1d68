"""What every part of the embedded SageMaker is given."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from local.clock import Clock
from local.cloud import Account
from local.errors import AwsError
from local.images import Images
from local.seams import PutsMetrics, WritesLogs

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


def milliseconds(value: Any) -> Any:
    """A structure with its times as epoch milliseconds."""
    match value:
        case datetime():
            return round(value.timestamp() * 1000)
        case dict():
            return {key: milliseconds(inner) for key, inner in value.items()}
        case list():
            return [milliseconds(inner) for inner in value]
        case _:
            return value


def page(request: Request, items: Sequence[Any], *, default: int = 10) -> tuple[list[Any], Request]:
    """The page of `items` a List call asks for, and the token of the next, if any."""
    start = int(request.get("NextToken", 0))
    size = int(request.get("MaxResults", default))
    rest = start + size < len(items)
    return list(items[start : start + size]), {"NextToken": str(start + size)} if rest else {}
