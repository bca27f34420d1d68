"""Between S3 and a container's folders."""

import json
import logging
import tarfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

log = logging.getLogger("local.sagemaker")


class FilesError(RuntimeError):
    """Something that should lie in S3 does not, or would leave its folder."""


@dataclass(frozen=True)
class S3Object:
    """An object, and where it lies below what was asked for."""

    bucket: str
    key: str
    relative: str


@dataclass(frozen=True)
class Shard:
    """Which part of the objects one machine of several is given."""

    index: int
    count: int

    def of(self, found: Sequence[S3Object]) -> Sequence[S3Object]:
        return found[self.index :: self.count]


WHOLE = Shard(0, 1)


@dataclass(frozen=True)
class S3Files:
    """Downloads and uploads by URI."""

    s3: Any
    """A boto3 client."""

    def fetch(self, uri: str, folder: Path, *, manifest: bool = False, shard: Shard = WHOLE) -> int:
        """What lies under a prefix (or is named by a manifest) into `folder`; how many files."""
        folder.mkdir(parents=True, exist_ok=True)
        wanted = shard.of(self.found(uri, manifest=manifest))
        for each in wanted:
            target = _inside(folder, each.relative)
            target.parent.mkdir(parents=True, exist_ok=True)
            self.s3.download_file(each.bucket, each.key, str(target))
        return len(wanted)

    def exists(self, uri: str) -> bool:
        """Whether there is an object of this very name."""
        bucket, key = _split(uri)
        try:
            self.s3.head_object(Bucket=bucket, Key=key)
        except self.s3.exceptions.ClientError as error:
            if error.response["Error"]["Code"] in {"404", "NoSuchBucket", "NoSuchKey"}:
                return False
            raise
        return True

    def found(self, uri: str, *, manifest: bool = False) -> list[S3Object]:
        """The objects under a prefix, or named by a manifest; FilesError when there is none."""
        listed = self._of_manifest(uri) if manifest else self._of_prefix(uri)
        if not listed:
            raise FilesError(f"ClientError: no objects found under S3 URL {uri!r} given in input")
        return [S3Object(*each) for each in listed]

    def read(self, each: S3Object) -> bytes:
        body: bytes = self.s3.get_object(Bucket=each.bucket, Key=each.key)["Body"].read()
        return body

    def write(self, uri: str, body: bytes) -> None:
        bucket, key = _split(uri)
        self.s3.put_object(Bucket=bucket, Key=key, Body=body)

    def send(self, folder: Path, uri: str) -> None:
        """Every file under `folder` to below `uri`."""
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            self.send_file(path, folder, uri)

    def send_file(self, path: Path, folder: Path, uri: str) -> None:
        """One file under `folder` to its place below `uri`."""
        bucket, prefix = _split(uri)
        key = "/".join([prefix.rstrip("/"), path.relative_to(folder).as_posix()])
        self.s3.upload_file(str(path), bucket, key.lstrip("/"))

    def send_archive(self, folders: Sequence[Path], uri: str) -> None:
        """The content of the folders as one .tar.gz object."""
        bucket, key = _split(uri)
        archive = folders[0].parent / f".{PurePosixPath(key).name}"
        with tarfile.open(archive, "w:gz") as tar:
            for path in (inside for folder in folders for inside in sorted(folder.iterdir())):
                tar.add(path, arcname=path.name)
        self.s3.upload_file(str(archive), bucket, key)
        archive.unlink()

    def fetch_archive(self, uri: str, folder: Path) -> None:
        """Unpack a .tar.gz object; members that would leave `folder` are refused."""
        bucket, key = _split(uri)
        folder.mkdir(parents=True, exist_ok=True)
        archive = folder.parent / "model.tar.gz"
        try:
            self.s3.download_file(bucket, key, str(archive))
            with tarfile.open(archive) as tar:
                tar.extractall(folder, filter="data")
        except (tarfile.TarError, self.s3.exceptions.ClientError) as error:
            raise FilesError(f"Failed to download model data from {uri}: {error}") from error
        archive.unlink()

    def _of_prefix(self, uri: str) -> list[tuple[str, str, str]]:
        bucket, prefix = _split(uri)
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        keys = [o["Key"] for each in pages for o in each.get("Contents", [])]
        folder = prefix if prefix.endswith("/") else prefix.rpartition("/")[0] + "/"
        if any(key.startswith(f"{prefix}/") for key in keys):
            folder = f"{prefix}/"
            keys = [key for key in keys if key.startswith(folder)]
        return [
            (bucket, key, key.removeprefix(folder.lstrip("/")))
            for key in keys
            if not key.endswith("/")
        ]

    def _of_manifest(self, uri: str) -> list[tuple[str, str, str]]:
        bucket, key = _split(uri)
        try:
            listed = json.loads(self.s3.get_object(Bucket=bucket, Key=key)["Body"].read())
            prefix = listed[0]["prefix"]
        except (self.s3.exceptions.ClientError, ValueError, LookupError, TypeError) as error:
            raise FilesError(f"ClientError: manifest {uri!r} cannot be read: {error}") from error
        where, folder = _split(prefix)
        return [(where, f"{folder}{name}", str(name)) for name in listed[1:]]


@dataclass
class Mirror:
    """The files of a folder below a URI: sent when they are new and again when they change."""

    files: S3Files
    folder: Path
    uri: str
    pause: float
    """Seconds between two looks of `keep_up`."""
    _sent: dict[Path, tuple[int, int]] = field(default_factory=dict)
    _next: float = 0.0

    def send(self) -> None:
        for path in sorted(self.folder.rglob("*")):
            try:
                self._send_changed(path)
            except FileNotFoundError:
                continue  # it had another name, or was removed, before it could be read

    def keep_up(self) -> None:
        """Send what changed if it is time to; trouble can wait for the next look."""
        if time.monotonic() < self._next:
            return
        try:
            self.send()
        except Exception:  # the last `send`, whose errors count, is still to come
            log.warning("%s cannot be kept up with", self.uri, exc_info=True)
        self._next = time.monotonic() + self.pause

    def _send_changed(self, path: Path) -> None:
        if not path.is_file():
            return
        seen = path.stat()
        mark = (seen.st_mtime_ns, seen.st_size)
        if self._sent.get(path) != mark:
            self.files.send_file(path, self.folder, self.uri)
            self._sent[path] = mark


def _split(uri: str) -> tuple[str, str]:
    bucket = urlsplit(uri, allow_fragments=False).netloc
    return bucket, uri.removeprefix(f"s3://{bucket}").removeprefix("/")


def _inside(folder: Path, relative: str) -> Path:
    target = (folder / relative).resolve()
    if not target.is_relative_to(folder.resolve()):
        raise FilesError(f"ClientError: object {relative!r} would leave its folder")
    return target
