"""Functions and queues that remember what they were given."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local.errors import AwsError


@dataclass
class Functions:
    """Refuses as often as it is told to."""

    error: Exception | None = None
    refusals: int = 0
    payloads: list[Any] = field(default_factory=list)
    tries: int = 0

    def invoke_async(self, function: str, payload: bytes) -> None:
        self.tries += 1
        if self.error is not None and self.tries <= self.refusals:
            raise self.error
        self.payloads.append(json.loads(payload))


@dataclass
class Letters:
    """Has no queue that is named in `missing`."""

    messages: list[tuple[str, str, Mapping[str, str]]] = field(default_factory=list)
    missing: set[str] = field(default_factory=set)
    tries: int = 0

    def send(self, queue_arn: str, body: str, attributes: Mapping[str, str]) -> None:
        self.tries += 1
        if queue_arn in self.missing:
            raise AwsError("AWS.SimpleQueueService.NonExistentQueue", "no such queue")
        self.messages.append((queue_arn, body, attributes))
