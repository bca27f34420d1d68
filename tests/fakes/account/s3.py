"""S3 in memory: versioned buckets, as far as functions read and write them."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote
from xml.sax.saxutils import escape

from tests.fakes.account.messages import Answer, Asked, RefusedError

Place = tuple[str, str]
"""Bucket and key."""


@dataclass(frozen=True)
class Version:
    """One version of an object."""

    id: str
    body: bytes

    @property
    def etag(self) -> str:
        return hashlib.md5(self.body, usedforsecurity=False).hexdigest()


class S3:
    """Objects by bucket and key, each with its versions, oldest first."""

    def __init__(self) -> None:
        self.objects: dict[Place, tuple[Version, ...]] = {}
        self.operations: dict[str, Callable[[Asked], Answer]] = {
            "GetObject": self._get_object,
            "ListObjectVersions": self._list_object_versions,
            "ListObjectsV2": self._list_objects_v2,
            "PutObject": self._put_object,
        }

    def put(self, bucket: str, key: str, body: bytes) -> Version:
        """A new version of an object."""
        before = self.objects.get((bucket, key), ())
        version = Version(f"version-{len(before) + 1}", body)
        self.objects[(bucket, key)] = (*before, version)
        return version

    def _get_object(self, asked: Asked) -> Answer:
        versions = self.objects.get(_place(asked), ())
        wanted = asked.query.get("versionId")
        found = [v for v in versions if wanted in (None, v.id)]
        if not found:
            code = "NoSuchKey" if wanted is None or not versions else "NoSuchVersion"
            raise RefusedError(code, "The specified key does not exist.", status=404)
        body = found[-1].body
        return Answer(body, headers={"ETag": found[-1].etag, "Content-Length": str(len(body))})

    def _put_object(self, asked: Asked) -> Answer:
        version = self.put(*_place(asked), _unchunked(asked))
        return Answer(headers={"ETag": version.etag, "x-amz-version-id": version.id})

    def _list_object_versions(self, asked: Asked) -> Answer:
        found = [
            f"<Version><Key>{_key(key, asked.query)}</Key><VersionId>{version.id}</VersionId>"
            f"<IsLatest>{str(version is versions[-1]).lower()}</IsLatest>"
            f"<Size>{len(version.body)}</Size></Version>"
            for key, versions in self._below(asked).items()
            for version in reversed(versions)
        ]
        return _listed("ListVersionsResult", found, asked)

    def _list_objects_v2(self, asked: Asked) -> Answer:
        most = int(asked.query.get("max-keys", "1000"))
        found = [
            f"<Contents><Key>{_key(key, asked.query)}</Key></Contents>"
            for key in list(self._below(asked))[:most]
        ]
        return _listed("ListBucketResult", [*found, f"<KeyCount>{len(found)}</KeyCount>"], asked)

    def _below(self, asked: Asked) -> Mapping[str, tuple[Version, ...]]:
        """The bucket's objects whose keys start as it is asked, in order."""
        wanted, _ = _place(asked)
        start = asked.query.get("prefix", "")
        return {
            key: self.objects[(bucket, key)]
            for bucket, key in sorted(self.objects)
            if bucket == wanted and key.startswith(start)
        }


def _place(asked: Asked) -> Place:
    return asked.host.split(".")[0], asked.path.removeprefix("/")


def _key(key: str, query: Mapping[str, str]) -> str:
    return escape(quote(key) if query.get("encoding-type") == "url" else key)


def _listed(name: str, found: list[str], asked: Asked) -> Answer:
    encoding = "<EncodingType>url</EncodingType>" if "encoding-type" in asked.query else ""
    text = f"<{name}>{encoding}<IsTruncated>false</IsTruncated>{''.join(found)}</{name}>"
    return Answer(text.encode())


def _unchunked(asked: Asked) -> bytes:
    """The body without the frames in which botocore sends it when it adds a checksum behind."""
    if "aws-chunked" not in asked.headers.get("content-encoding", ""):
        return asked.content
    whole, rest = b"", asked.content
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size.split(b";")[0], 16)
        if not length:
            break
        whole, rest = whole + rest[:length], rest[length + 2 :]
    return whole
