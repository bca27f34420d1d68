"""Tags of everything in SageMaker, by ARN."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

Pairs = Sequence[dict[str, Any]]


@dataclass(frozen=True)
class Tags:
    """Kept by ARN; a thing made again under its name starts with its own."""

    _tags: dict[str, dict[str, str]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def put(self, arn: str, tags: Pairs) -> None:
        """The tags of a thing that is just being made."""
        with self._lock:
            self._tags[arn] = {tag["Key"]: tag["Value"] for tag in tags}

    def add(self, arn: str, tags: Pairs) -> None:
        with self._lock:
            self._tags.setdefault(arn, {}).update({tag["Key"]: tag["Value"] for tag in tags})

    def remove(self, arn: str, keys: Sequence[str]) -> None:
        with self._lock:
            for key in keys:
                self._tags.get(arn, {}).pop(key, None)

    def of(self, arn: str) -> dict[str, str]:
        with self._lock:
            return dict(self._tags.get(arn, {}))
