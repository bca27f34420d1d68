"""Objects in S3, addressed by URI."""

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from functions.aws.refusals import Refusal, refusal

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client


class Objects:
    """Small documents in S3."""

    def __init__(self, client: "S3Client") -> None:
        self._client = client

    def read(self, uri: str) -> bytes | None:
        """The object's bytes, or None when there is none."""
        bucket, key = split(uri)
        try:
            return self._client.get_object(Bucket=bucket, Key=key)["Body"].read()
        except ClientError as error:
            if refusal(error) is Refusal.NOT_THERE:
                return None
            raise

    def read_json(self, uri: str) -> Any:
        """The object parsed as JSON, or None when there is none or it is no JSON."""
        found = self.read(uri)
        try:
            return None if found is None else json.loads(found)
        except ValueError:
            return None

    def any_in(self, folder: str) -> bool:
        """Whether there is any object in the folder (a URI that ends with a slash)."""
        bucket, prefix = split(folder)
        found = self._client.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)
        return found.get("KeyCount", 0) > 0

    def write_json(self, uri: str, value: object) -> None:
        """Write canonical JSON; the same value is the same bytes."""
        bucket, key = split(uri)
        body = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
        self._client.put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/json")


def split(uri: str) -> tuple[str, str]:
    """(bucket, key) of an S3 URI; the key is raw."""
    parts = urlsplit(uri, allow_fragments=False)
    key = uri.removeprefix(f"s3://{parts.netloc}/")
    return parts.netloc, key
