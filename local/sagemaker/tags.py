"""Tags of everything in SageMaker, by ARN."""

from collections.abc import Sequence
from threading import Lock
from typing import Any

from local.store import Kept, Store

Pairs = Sequence[dict[str, Any]]


class Tags:
    """Kept by ARN; a thing made again under its name starts with its own."""

    def __init__(self, store: Store) -> None:
        self._tags = Kept(store.shelf("sagemaker tags"))
        self._lock = Lock()

    def put(self, arn: str, tags: Pairs) -> None:
        """The tags of a thing that is just being made."""
        with self._lock:
            self._tags[arn] = {tag["Key"]: tag["Value"] for tag in tags}

    def add(self, arn: str, tags: Pairs) -> None:
        with self._lock:
            more = {tag["Key"]: tag["Value"] for tag in tags}
            self._tags[arn] = {**self._tags.get(arn, {}), **more}

    def remove(self, arn: str, keys: Sequence[str]) -> None:
        with self._lock:
            left = {k: v for k, v in self._tags.get(arn, {}).items() if k not in keys}
            self._tags[arn] = left

    def of(self, arn: str) -> dict[str, str]:
        with self._lock:
            return dict(self._tags.get(arn, {}))
