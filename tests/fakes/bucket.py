"""A versioned S3 bucket in memory, under the real reader of drops."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any, cast

from functions.aws.drops import Drops
from functions.drops import prefix_of


class _Body(BytesIO):
    def iter_chunks(self, size: int) -> Iterator[bytes]:
        while block := self.read(size):
            yield block


@dataclass(frozen=True)
class _Version:
    key: str
    version_id: str
    body: bytes


class FakeBucket:
    """The two calls of S3 that reading a drop takes; no put is ever lost."""

    def __init__(self) -> None:
        self.versions: list[_Version] = []
        self.before_read: Callable[[], None] = lambda: None
        """Somebody else, between the listing and the reading."""

    def put(self, key: str, body: bytes) -> None:
        self.versions.append(_Version(key, f"version-{len(self.versions)}", body))

    def get_paginator(self, _operation: str) -> "FakeBucket":
        return self

    def paginate(self, *, Bucket: str, Prefix: str) -> list[dict[str, Any]]:  # noqa: N803  # S3's names
        del Bucket
        newest = {v.key: v.version_id for v in self.versions}
        found = [
            {
                "Key": v.key,
                "VersionId": v.version_id,
                "IsLatest": newest[v.key] == v.version_id,
                "Size": len(v.body),
            }
            for v in self.versions
            if v.key.startswith(Prefix)
        ]
        return [{"Versions": [one]} for one in sorted(found, key=lambda v: str(v["Key"]))] or [{}]

    def get_object(self, *, Bucket: str, Key: str, VersionId: str) -> dict[str, Any]:  # noqa: N803  # S3's names
        del Bucket
        (body,) = [v.body for v in self.versions if (v.key, v.version_id) == (Key, VersionId)]
        self.before_read()
        return {"Body": _Body(body)}


class BucketDrops(Drops):
    """The adapter as it is deployed, over a bucket that takes uploads."""

    def __init__(self, bucket: FakeBucket) -> None:
        super().__init__(cast(Any, bucket), bucket="data")
        self.fake = bucket

    def put(self, model: str, drop: str, files: Mapping[str, bytes]) -> list[str]:
        """Upload files; their keys."""
        keys = {prefix_of(model, drop) + name: body for name, body in files.items()}
        for key, body in keys.items():
            self.fake.put(key, body)
        return list(keys)
