"""What a request asks for, before anybody has decoded it: service, operation and names."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote

from local import changes, protocols
from local.errors import AwsError
from local.faults.book import Subject
from local.http_messages import HttpRequest

_CREDENTIAL = re.compile(r"Credential=([^/]+)/\d+/[^/]+/([^/]+)/aws4_request")
_PRESIGNED = re.compile(r"X-Amz-Credential=([^&]+)")
_INVOCATION = re.compile(r"/endpoints/([^/]+)/(async-)?invocations")
_SERVICES = {"monitoring": "cloudwatch"}
_LONGEST = 2048
_S3_OBJECT = {
    "PUT": "PutObject",
    "GET": "GetObject",
    "HEAD": "HeadObject",
    "DELETE": "DeleteObject",
    "POST": "PostObject",
}
_S3_BUCKET = {
    "PUT": "CreateBucket",
    "GET": "ListObjects",
    "HEAD": "HeadBucket",
    "DELETE": "DeleteBucket",
    "POST": "PostObject",
}
_S3_PARTS = {
    "PUT": "UploadPart",
    "GET": "ListParts",
    "DELETE": "AbortMultipartUpload",
    "POST": "CompleteMultipartUpload",
}
_VERBS = {"PUT": "Put", "GET": "Get", "DELETE": "Delete"}
_UNSIGNED = frozenset({"x-id", "list-type", "versionId", "prefix", "delimiter", "max-keys"})


@dataclass(frozen=True)
class Asked:
    service: str
    action: str
    names: tuple[str, ...]
    access_key: str

    @property
    def subject(self) -> Subject:
        return {"service": (self.service,), "action": (self.action,), "name": self.names}


def asked(request: HttpRequest) -> Asked:
    """As far as a request says it; an operation that cannot be told is empty."""
    access_key, service = _credential(request)
    match = _INVOCATION.fullmatch(request.path)
    if match is not None:
        action = "InvokeEndpointAsync" if match.group(2) else "InvokeEndpoint"
        return Asked("sagemaker-runtime", action, (unquote(match.group(1)),), access_key)
    action = changes.action(request)
    if not action:
        action = s3_action(request) if service == "s3" else _rest_action(service, request)
    return Asked(service, action, tuple(_names(request)), access_key)


def _credential(request: HttpRequest) -> tuple[str, str]:
    found = _CREDENTIAL.search(request.headers.get("authorization", ""))
    if found is not None:
        return found.group(1), _SERVICES.get(found.group(2), found.group(2))
    signed = _PRESIGNED.search(request.query)
    if signed is not None:
        parts = unquote(signed.group(1)).split("/")
        if len(parts) == 5:
            return parts[0], parts[3]
    return "", ""


def s3_action(request: HttpRequest) -> str:
    query = dict(parse_qsl(request.query, keep_blank_values=True))
    _, _, key = request.path.lstrip("/").partition("/")
    if "uploads" in query:
        return "CreateMultipartUpload" if request.method == "POST" else "ListMultipartUploads"
    if "uploadId" in query:
        return _S3_PARTS.get(request.method, "")
    if "delete" in query:
        return "DeleteObjects"
    flag = next((n for n, v in query.items() if not v and n not in _UNSIGNED), "")
    if flag and request.method in _VERBS:
        return _of_flag(request.method, flag, "Object" if key else "Bucket")
    return _plain_s3(request, key, query)


def _plain_s3(request: HttpRequest, key: str, query: dict[str, str]) -> str:
    if key:
        copied = request.method == "PUT" and "x-amz-copy-source" in request.headers
        return "CopyObject" if copied else _S3_OBJECT.get(request.method, "")
    if request.method == "GET" and request.path == "/":
        return "ListBuckets"
    if request.method == "GET" and query.get("list-type") == "2":
        return "ListObjectsV2"
    return _S3_BUCKET.get(request.method, "")


def _of_flag(method: str, flag: str, what: str) -> str:
    """`PUT /bucket?versioning` is PutBucketVersioning."""
    return f"{_VERBS[method]}{what}{''.join(word.capitalize() for word in flag.split('-'))}"


def _rest_action(service: str, request: HttpRequest) -> str:
    try:
        return protocols.rest_call(service, request).action
    except (AwsError, ValueError, KeyError, TypeError, LookupError):
        return ""


def _names(request: HttpRequest) -> Iterator[str]:
    """Path segments, the path, and every text among the parameters."""
    path = unquote(request.path).strip("/")
    yield from (path, *path.split("/"))
    yield from (value for _, value in parse_qsl(request.query))
    kind = request.headers.get("content-type", "")
    if changes.is_json(request) or kind.startswith("application/json"):
        yield from _short(_texts(_loaded(request.body)))
    elif kind.startswith("application/x-www-form-urlencoded"):
        form = parse_qsl(request.body.decode("utf-8", "replace"))
        yield from _short(value for _, value in form)


def _short(texts: Iterable[str]) -> Iterator[str]:
    return (text for text in texts if len(text) <= _LONGEST)


def _loaded(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for each in value.values():
                yield from _texts(each)
        case list():
            for each in value:
                yield from _texts(each)
        case _:
            return
