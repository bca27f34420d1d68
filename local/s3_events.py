"""S3's events on the default bus: what moto tells of its objects, said as AWS says it."""

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from threading import Lock, local
from typing import Any, Protocol

from local.cloud import Account
from local.http_messages import HttpRequest, HttpResponse
from local.journal import Entry
from local.lasting_moto import LastingMoto

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
Then = Callable[[HttpResponse], None]
Work = Callable[[Then], HttpResponse]


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
        self._outbox = account.store.shelf("s3-events")
        self._kept_sequence = account.store.shelf("s3-sequencer")
        self._sequence = max(time.time_ns(), int(self._kept_sequence.get("last") or "0", 16))
        self._lock = Lock()

    def around(self, moto: LastingMoto) -> Route:
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

        self._moto = moto
        return self._answer

    def resume(self, entries: Sequence[Entry]) -> None:
        """Carry out to their end the requests that were cut off; `start` tells their events."""
        for entry in entries:
            self._carried_out(entry.request, partial(self._moto.resume, entry))

    def start(self) -> None:
        """Tell what was kept and not told."""
        self._tell(self._outbox.all())

    def stop(self) -> None:
        """Nothing runs here."""

    def _answer(self, request: HttpRequest) -> HttpResponse:
        response, events = self._carried_out(request, partial(self._moto, request))
        self._tell(events)
        return response

    def _carried_out(self, request: HttpRequest, work: Work) -> tuple[HttpResponse, dict[str, Any]]:
        """Every event is in the outbox in the transaction that makes its change final."""
        self._pending.changes = []
        told: dict[str, Any] = {}

        def keep(response: HttpResponse) -> None:
            for change in _last_of_each(self._pending.changes):
                told.update(self._kept(change, request, response))

        response = work(keep)
        self._pending.changes = None
        return response, told

    def _tell(self, events: Mapping[str, Any]) -> None:
        for key, event in events.items():
            self._bus.emit(
                source="aws.s3",
                detail_type=event["detail_type"],
                detail=event["detail"],
                resources=tuple(event["resources"]),
            )
            self._outbox.drop(key)

    def _next(self) -> str:
        """Rises for ever, also when the clock was set back while nothing ran."""
        with self._lock:
            self._sequence += 1
            return f"{self._sequence:016x}"

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

    def _kept(
        self, change: _Change, request: HttpRequest, response: HttpResponse
    ) -> dict[str, Any]:
        """The event by its sequencer, put into the outbox."""
        created = change.name in CREATED
        seen: dict[str, Any] = {"key": change.key}
        if created:
            seen |= {"size": change.size, "etag": change.etag}
        if change.version:
            seen["version-id"] = change.version
        seen["sequencer"] = sequencer = self._next()
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
        event = {
            "detail_type": "Object Created" if created else "Object Deleted",
            "detail": detail,
            "resources": [self._account.arn("s3", change.bucket)],
        }
        self._outbox.put(sequencer, event)
        self._kept_sequence.put("last", sequencer)
        return {sequencer: event}


def _last_of_each(changes: list[_Change]) -> list[_Change]:
    """moto reports the end of a multipart upload as a put as well; AWS only as what it was."""
    latest = {(each.bucket, each.key, each.version): each for each in changes}
    return list(latest.values())
