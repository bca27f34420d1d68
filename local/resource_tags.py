"""The tags of CloudWatch's resources, by ARN."""

from collections.abc import Callable
from typing import Any

from local.errors import AwsError
from local.store import Kept, Shelf

Request = dict[str, Any]


class ResourceTags:
    """TagResource, UntagResource and ListTagsForResource; `exists` knows which ARNs there are."""

    def __init__(self, shelf: Shelf, exists: Callable[[str], bool]) -> None:
        self._tags = Kept(shelf)
        self._exists = exists

    def operations(self) -> dict[str, Callable[[Request], Request]]:
        return {
            "TagResource": self._tag,
            "UntagResource": self._untag,
            "ListTagsForResource": self._list,
        }

    def set(self, arn: str, tags: list[dict[str, str]]) -> None:
        given = {tag["Key"]: tag["Value"] for tag in tags}
        if given:
            self._tags[arn] = {**self._tags.get(arn, {}), **given}

    def forget(self, arn: str) -> None:
        self._tags.pop(arn, None)

    def _tag(self, request: Request) -> Request:
        self.set(self._known(request), request["Tags"])
        return {}

    def _untag(self, request: Request) -> Request:
        arn = self._known(request)
        gone = set(request["TagKeys"])
        self._tags[arn] = {k: v for k, v in self._tags.get(arn, {}).items() if k not in gone}
        return {}

    def _list(self, request: Request) -> Request:
        tags = self._tags.get(self._known(request), {})
        return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}

    def _known(self, request: Request) -> str:
        arn = str(request["ResourceARN"])
        if not self._exists(arn):
            raise AwsError("ResourceNotFoundException", f"Resource {arn} does not exist", 404)
        return arn
