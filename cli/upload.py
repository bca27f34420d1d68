"""A drop (or a holdout) put into the data bucket: the files first, the manifest last."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

from cli.errors import BadInputError
from events.words import is_drop_id
from functions.drops import MANIFEST, SUCCESS

_CHUNK = 1 << 20
Progress = Callable[[str, int, int], None]
"""Told each file's name, how many of its bytes are sent, and its size; equal once it is there."""


@dataclass(frozen=True)
class File:
    """One file to upload, under the name it gets in the drop."""

    name: str
    path: Path

    @property
    def size(self) -> int:
        return self.path.stat().st_size

    def sha256(self) -> str:
        digest = hashlib.sha256()
        with self.path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
        return digest.hexdigest()


@dataclass
class _Counter:
    """Adds up the bytes that boto3's threads say have been sent of one file."""

    name: str
    size: int
    tell: Progress
    sent: int = 0
    lock: Lock = field(default_factory=Lock)

    def __call__(self, more: int) -> None:
        with self.lock:
            self.sent = min(self.size, self.sent + more)
            if self.sent < self.size:
                self.tell(self.name, self.sent, self.size)


def gather(paths: Sequence[Path]) -> list[File]:
    """The files of folders and single files, by name; raises BadInputError."""
    found: dict[str, File] = {}
    for path in paths:
        if not path.exists():
            raise BadInputError(f"{path}: no such file or folder")
        inside = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        for each in inside:
            name = each.relative_to(path).as_posix() if path.is_dir() else each.name
            if name in {MANIFEST, SUCCESS}:
                continue
            if name in found:
                raise BadInputError(f"{each}: there are two files named {name!r}; rename one")
            found[name] = File(name, each)
    if not found:
        raise BadInputError(f"{', '.join(map(str, paths))}: no files in there to drop")
    return [found[name] for name in sorted(found)]


def drop_id(text: str | None, *, option: str = "--id") -> str:
    """The id a person chose, or one of the present time; raises BadInputError."""
    if text is None:
        return datetime.now(UTC).strftime("%Y-%m-%dT%H%M%S.%f")[:-3].replace("T", "_")
    if not is_drop_id(text):
        raise BadInputError(
            f"{option} {text!r}: use up to 63 of letters, digits and . _ = -,"
            " beginning with a letter or digit"
        )
    return text


def manifest(files: Sequence[File]) -> str:
    """`manifest.json` of these files."""
    listed = [{"name": f.name, "sha256": f.sha256(), "size": f.size} for f in files]
    return json.dumps({"files": listed}, indent=1)


def put(s3: Any, *, bucket: str, prefix: str, files: Sequence[File], progress: Progress) -> None:
    """Put the files, saying how far each one is."""
    for file in files:
        counter = _Counter(file.name, file.size, progress)
        s3.upload_file(str(file.path), bucket, f"{prefix}{file.name}", Callback=counter)
        progress(file.name, file.size, file.size)


def upload(s3: Any, *, bucket: str, prefix: str, files: Sequence[File], progress: Progress) -> None:
    """Put the files, then the manifest that closes the drop; all are read before the first is."""
    closing = manifest(files)
    put(s3, bucket=bucket, prefix=prefix, files=files, progress=progress)
    s3.put_object(Bucket=bucket, Key=f"{prefix}{MANIFEST}", Body=closing.encode())
