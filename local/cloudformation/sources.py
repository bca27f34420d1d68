"""Where a template's text comes from."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from local.cloud import Account
from local.cloudformation.errors import validation


def template_body(request: Mapping[str, Any], account: Account) -> str:
    """The template in the request itself, or the S3 object that its URL names."""
    if request.get("TemplateBody"):
        return str(request["TemplateBody"])
    if not request.get("TemplateURL"):
        raise validation("Either Template URL or Template Body must be specified.")
    bucket, key = bucket_and_key(str(request["TemplateURL"]))
    s3 = account.client("s3")
    try:
        return str(s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode())
    except s3.exceptions.ClientError as error:
        raise validation(f"TemplateURL s3://{bucket}/{key} cannot be read: {error}") from error


def bucket_and_key(url: str) -> tuple[str, str]:
    """Path-style and virtual-host style, on any host: amazonaws.com, localhost or an address."""
    parts = urlsplit(url)
    host, path = parts.hostname or "", unquote(parts.path).lstrip("/")
    first, _, rest = host.partition(".")
    virtual = rest == "localhost" or (rest.startswith("s3") and rest.endswith("amazonaws.com"))
    if virtual:
        return first, path
    bucket, _, key = path.partition("/")
    return bucket, key
