"""S3's events on the default bus: what moto tells of its objects, said as AWS says it."""

import itertools
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import local
from typing import Any, Protocol

from local.cloud import Account
from local.http_messages import HttpRequest, HttpResponse

CREATED = {
    "s3:ObjectCreated:Put": "PutObject",
    "s3:ObjectCreated:Post": "POST Object",
    "s3:ObjectCreated:Copy": "CopyObject",
    "s3:ObjectCreated:CompleteMultipartUpload": "CompleteMultipartUpload",
}
DELETED = {
    "s3:ObjectRemoved:Delete": "Permanently Deleted",
    "s3:ObjectRemoved:DeleteMarkerCreated": "Delete Marker Created",
}
DELETED_MARKER = "s3:ObjectRemoved:DeleteMarkerCreated"
Route = Callable[[HttpRequest], HttpResponse]


class EmitsEvents(Protocol):
    def emit(
        self, *, source: str, detail_type: str, detail: dict[str, Any], resources: tuple[str, ...]
    ) -> object: ...


@dataclass(frozen=True)
class _Change:
    name: str
    bucket: str
    key: str
    size: int
    etag: str
    version: str


class S3Events:
    """Collects the changes of a request while moto works and emits them once it has answered."""

    def __init__(self, account: Account, bus: EmitsEvents) -> None:
        self._account = account
        self._bus = bus
        self._pending = local()
        self._sequence = itertools.count(time.time_ns())

    def around(self, moto: Route) -> Route:
        """moto's S3 with our events: moto's own all carry one id and one sequencer."""
        from moto.s3 import notifications
        from moto.s3.models import S3Backend

        setattr(notifications, "_send_event_bridge_message", self._changed)  # noqa: B010  # private
        set_delete_marker = S3Backend._set_delete_marker

        def with_event(backend: Any, bucket_name: str, key_name: str) -> Any:
            marker = set_delete_marker(backend, bucket_name, key_name)
            bucket = backend.get_bucket(bucket_name)
            configuration = bucket.notification_configuration
            if configuration is not None and configuration.event_bridge is not None:
                self._record(DELETED_MARKER, bucket_name, key_name, 0, "", marker.version_id)
            return marker

        setattr(S3Backend, "_set_delete_marker", with_event)  # noqa: B010  # private

        def answer(request: HttpRequest) -> HttpResponse:
            self._pending.changes = []
            response = moto(request)
            for change in _last_of_each(self._pending.changes):
                self._emit(change, request, response)
            return response

        return answer

    def _changed(self, _account: str, bucket: Any, event_name: Any, key: Any) -> None:
        name = str(getattr(event_name, "value", event_name))
        etag = str(getattr(key, "etag", None) or "").strip('"')
        size = int(getattr(key, "size", 0) or 0)
        self._record(name, bucket.name, key.name, size, etag, key.version_id)

    def _record(
        self, name: str, bucket: str, key: str, size: int, etag: str, version: str | None
    ) -> None:
        given = "" if version in {None, "null"} else str(version)
        changes = getattr(self._pending, "changes", None)
        if changes is not None and (name in CREATED or name in DELETED):
            changes.append(_Change(name, bucket, key, size, etag, given))

    def _emit(self, change: _Change, request: HttpRequest, response: HttpResponse) -> None:
        created = change.name in CREATED
        seen: dict[str, Any] = {"key": change.key}
        if created:
            seen |= {"size": change.size, "etag": change.etag}
        if change.version:
            seen["version-id"] = change.version
        seen["sequencer"] = f"{next(self._sequence):016x}"
        identifier = {n.lower(): v for n, v in response.headers.items()}.get("x-amz-request-id")
        detail: dict[str, Any] = {
            "version": "0",
            "bucket": {"name": change.bucket},
            "object": seen,
            "request-id": identifier or secrets.token_hex(8).upper(),
            "requester": self._account.id,
            "source-ip-address": request.client,
            "reason": CREATED.get(change.name, "DeleteObject"),
        }
        if not created:
            detail["deletion-type"] = DELETED[change.name]
        self._bus.emit(
            source="aws.s3",
            detail_type="Object Created" if created else "Object Deleted",
            detail=detail,
            resources=(self._account.arn("s3", change.bucket),),
        )


def _last_of_each(changes: list[_Change]) -> list[_Change]:
    """moto reports the end of a multipart upload as a put as well; AWS only as what it was."""
    latest = {(each.bucket, each.key, each.version): each for each in changes}
    return list(latest.values())
