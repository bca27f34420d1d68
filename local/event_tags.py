"""Tags of whatever EventBridge or Scheduler names by an ARN."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from local.errors import AwsError
from local.store import Store

Request = dict[str, Any]
MOST_TAGS = 50


class Tags:
    """Kept by ARN; `exists` says which ARNs there are."""

    def __init__(self, store: Store, shelf: str, exists: Callable[[str], bool]) -> None:
        self._lock = store.lock
        self._shelf = store.shelf(shelf)
        self._exists = exists
        self._tags: dict[str, dict[str, str]] = self._shelf.all()

    def put(self, arn: str, tags: Sequence[Mapping[str, str]]) -> None:
        with self._lock:
            merged = self._tags.get(arn, {}) | {tag["Key"]: tag["Value"] for tag in tags}
            if len(merged) > MOST_TAGS:
                message = f"The number of tags exceeds the limit of {MOST_TAGS}."
                raise AwsError("LimitExceededException", message)
            self._shelf.put(arn, merged)
            self._tags[arn] = merged

    def forget(self, arn: str) -> None:
        with self._lock:
            self._shelf.drop(arn)
            self._tags.pop(arn, None)

    def remove(self, arn: str, keys: Sequence[str]) -> None:
        with self._lock:
            left = {k: v for k, v in self._tags.get(arn, {}).items() if k not in keys}
            self._shelf.put(arn, left)
            self._tags[arn] = left

    def told(self, arn: str) -> list[dict[str, str]]:
        with self._lock:
            return [{"Key": k, "Value": v} for k, v in self._tags.get(arn, {}).items()]

    def tag(self, arn: str, tags: Sequence[Mapping[str, str]]) -> Request:
        self._check(arn)
        self.put(arn, tags)
        return {}

    def untag(self, arn: str, keys: Sequence[str]) -> Request:
        self._check(arn)
        self.remove(arn, keys)
        return {}

    def list(self, arn: str) -> Request:
        self._check(arn)
        return {"Tags": self.told(arn)}

    def _check(self, arn: str) -> None:
        if not self._exists(arn):
            raise AwsError("ResourceNotFoundException", f"Resource {arn} does not exist.", 404)
