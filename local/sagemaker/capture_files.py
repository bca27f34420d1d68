"""Captured lines on their way to S3: a file for each variant and hour, sent when it is due.

A line lies in a file of the state folder before its request is answered, so that it survives the
server; what a server leaves behind, the next one sends.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import RLock
from typing import BinaryIO
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

from local.sagemaker.parts import Parts
from local.sagemaker.s3_uris import below, bucket_and_key
from local.timers import Timers

log = logging.getLogger("local.sagemaker")
_PERIOD = 60.0
"""Seconds of AWS that a line waits at most; SageMaker says a couple of minutes."""
_SHORTEST_PERIOD = 0.2
_LARGEST = 4 * 1024 * 1024
_MOST_WAITING = 256 * 1024 * 1024
"""Bytes; above them nothing more is captured, as SageMaker does when the disk fills up."""

Place = tuple[str, str, str, str]
"""Destination, endpoint, variant and hour."""


@dataclass
class _File:
    name: str
    stream: BinaryIO
    size: int = 0


class CaptureFiles:
    """Takes lines from any thread; sends from its own."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._folder = parts.state / "captured"
        self._shelf = parts.account.store.shelf("captured files")
        self._closed: dict[str, str] = dict(self._shelf.all())
        """Names of the files that are to be sent, and the URIs where they will lie."""
        self._uris: dict[str, str] = {}
        self._open: dict[Place, _File] = {}
        self._waiting = 0
        self._due = False
        self._lock = RLock()
        self._timers = Timers("captured")

    def start(self) -> None:
        self._timers.start()
        if self._closed:
            self._plan()

    def stop(self) -> None:
        self._timers.stop()
        with self._lock:
            for file in self._open.values():
                file.stream.close()
            self._open.clear()

    def take(
        self, destination: str, endpoint: str, variant: str, at: datetime, line: bytes
    ) -> None:
        """Kept when this returns, unless too much waits already."""
        with self._lock:
            if self._waiting + len(line) > _MOST_WAITING:
                log.warning("endpoint %s: too much waits to be captured", endpoint)
                return
            place = (destination, endpoint, variant, f"{at:%Y/%m/%d/%H}")
            file = self._open.get(place) or self._opened(place, at)
            file.stream.write(line)
            file.size += len(line)
            self._waiting += len(line)
            if file.size >= _LARGEST:
                self._close(place)
            self._plan()

    def _opened(self, place: Place, at: datetime) -> _File:
        destination, *folders = place
        name = f"{at:%M-%S}-{at.microsecond // 1000:03}-{uuid4()}.jsonl"
        self._folder.mkdir(parents=True, exist_ok=True)
        uri = below(destination, *folders, name)
        self._shelf.put(name, uri)
        self._uris[name] = uri
        file = _File(name, (self._folder / name).open("ab", buffering=0))
        self._open[place] = file
        return file

    def _close(self, place: Place) -> None:
        file = self._open.pop(place)
        file.stream.close()
        self._closed[file.name] = self._uris.pop(file.name)

    def _plan(self) -> None:
        with self._lock:
            if self._due:
                return
            self._due = True
        wait = max(_SHORTEST_PERIOD, self._parts.clock.scaled(_PERIOD))
        self._timers.after(wait, self._send)

    def _send(self) -> None:
        with self._lock:
            self._due = False
            for place in list(self._open):
                self._close(place)
            closed = dict(self._closed)
        for name, uri in closed.items():
            if self._sent(self._folder / name, uri):
                self._forget(name)
        if self._closed:
            self._plan()

    def _sent(self, path: Path, uri: str) -> bool:
        """Whether nothing is left to do for a file; what cannot be sent now is tried again."""
        bucket, key = bucket_and_key(uri)
        lines = path.read_bytes() if path.exists() else b""
        whole = lines[: lines.rfind(b"\n") + 1]
        if not whole:
            return True
        try:
            self._parts.account.client("s3").put_object(Bucket=bucket, Key=key, Body=whole)
        except ClientError as error:
            log.warning("%s cannot be captured: %s", uri, error)
            return str(error.response["Error"]["Code"]) == "NoSuchBucket"
        except BotoCoreError as error:
            log.warning("%s cannot be captured yet: %s", uri, error)
            return False
        return True

    def _forget(self, name: str) -> None:
        path = self._folder / name
        with self._lock:
            if path.exists():
                self._waiting = max(0, self._waiting - path.stat().st_size)
            path.unlink(missing_ok=True)
            self._shelf.drop(name)
            self._closed.pop(name, None)
