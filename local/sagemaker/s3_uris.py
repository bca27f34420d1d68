"""Buckets and keys of S3 URIs in both forms that SageMaker takes: s3:// and https://."""

import re
from urllib.parse import unquote, urlsplit

_HOSTED = re.compile(r"(.+?)\.s3[.-].*")


def bucket_and_key(uri: str) -> tuple[str, str]:
    """Of `s3://bucket/key`, `https://bucket.s3.…/key` or `https://s3.…/bucket/key`."""
    split = urlsplit(uri, allow_fragments=False)
    if split.scheme == "s3":
        return split.netloc, uri.removeprefix(f"s3://{split.netloc}").removeprefix("/")
    path = unquote(split.path).removeprefix("/")
    if hosted := _HOSTED.fullmatch(split.netloc):
        return hosted.group(1), path
    bucket, _, key = path.partition("/")
    return bucket, key


def below(uri: str, *names: str) -> str:
    """The URI of something under another; empty names count for nothing."""
    parts = [name.strip("/") for name in names]
    return "/".join([uri.rstrip("/"), *filter(None, parts)])
