"""Tags of everything in SageMaker, by ARN."""

from collections.abc import Sequence
from typing import Any

from local.errors import AwsError
from local.pages import page
from local.store import Kept, Store

Pairs = Sequence[dict[str, Any]]
_MOST = 50


class Tags:
    """Kept by ARN; a thing made again under its name starts with its own."""

    def __init__(self, store: Store) -> None:
        self._tags = Kept(store.shelf("sagemaker tags"))
        self._lock = store.lock
        self.operations = {
            "AddTags": self._add,
            "ListTags": self._list,
            "DeleteTags": self._delete,
        }

    def put(self, arn: str, tags: Pairs) -> None:
        """The tags of a thing that is just being made."""
        with self._lock:
            self._tags[arn] = {tag["Key"]: tag["Value"] for tag in tags}

    def drop(self, arn: str) -> None:
        """Forget the tags of a thing that is gone."""
        with self._lock:
            self._tags.pop(arn, None)

    def of(self, arn: str) -> dict[str, str]:
        with self._lock:
            return dict(self._tags.get(arn, {}))

    def _add(self, request: dict[str, Any]) -> dict[str, Any]:
        arn = request["ResourceArn"]
        with self._lock:
            all_of_it = self.of(arn) | {tag["Key"]: tag["Value"] for tag in request["Tags"]}
            if len(all_of_it) > _MOST:
                message = f"A resource has at most {_MOST} tags: {arn}"
                raise AwsError("ValidationException", message)
            self._tags[arn] = all_of_it
        return {"Tags": self._pairs(arn)}

    def _list(self, request: dict[str, Any]) -> dict[str, Any]:
        return page("Tags", self._pairs(request["ResourceArn"]), request, limit="MaxResults")

    def _delete(self, request: dict[str, Any]) -> dict[str, Any]:
        arn = request["ResourceArn"]
        with self._lock:
            kept = {k: v for k, v in self.of(arn).items() if k not in request["TagKeys"]}
            self._tags[arn] = kept
        return {}

    def _pairs(self, arn: str) -> list[dict[str, str]]:
        return [{"Key": key, "Value": value} for key, value in self.of(arn).items()]
