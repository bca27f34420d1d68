"""The data bucket: a drop's folder listed with versions, its files read one at a time."""

import hashlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from events.words import Reason
from functions.drops import (
    LARGEST_MANIFEST,
    MANIFEST,
    SUCCESS,
    Checked,
    Dataset,
    Fault,
    Folder,
    Manifest,
    Pinned,
    Stored,
    prefix_of,
    read_manifest,
    strayed,
)

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

_CHUNK = 1 << 20

Examine = Callable[[Path, str], Checked | Fault]
"""Looks into one file: its place on disk and the name its owner gave it."""


class Drops:
    """Drops in the data bucket, accepted ones written down in the artifact bucket."""

    def __init__(self, client: "S3Client", *, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def look(self, model: str, drop: str) -> Folder:
        """The folder of a drop as it is now, every object pinned to its newest version."""
        prefix = prefix_of(model, drop)
        pages = self._client.get_paginator("list_object_versions").paginate(
            Bucket=self._bucket, Prefix=prefix
        )
        found = [
            Stored(
                name=v["Key"].removeprefix(prefix),
                key=v["Key"],
                version_id=v["VersionId"],
                size=v["Size"],
            )
            for page in pages
            for v in page.get("Versions", [])
            if v["IsLatest"] and not v["Key"].endswith("/")  # what a console calls a folder
        ]
        names = {f.name for f in found}
        said = next((self._manifest(f) for f in found if f.name == MANIFEST), None)
        return Folder(
            bucket=self._bucket,
            prefix=prefix,
            files=tuple(f for f in found if f.name not in {MANIFEST, SUCCESS}),
            marked=bool(names & {MANIFEST, SUCCESS}),
            manifest=said if isinstance(said, Manifest) else None,
            complaint=said if isinstance(said, str) else "",
        )

    def examine(self, model: str, folder: Folder, look: Examine) -> Dataset | Fault:
        """Read every file of a whole folder: digests against the manifest, rows by `look`.

        One file at a time lies on disk, so the space needed is that of the largest.
        """
        if not folder.data:
            return Fault(Reason.NO_ROWS, "the drop has no data files")
        if (outside := folder.outside) is not None:
            return Fault(Reason.BAD_PATH, f"{outside!r} is no name of a file inside the drop")
        pinned: list[Pinned] = []
        checked: list[Checked] = []
        for stored in folder.data:
            seen = self._read_one(folder, stored, look)
            if isinstance(seen, Fault):
                return seen
            pinned.append(seen[0])
            checked.append(seen[1])
            fault = strayed(stored.name, seen[1], first=pinned[0].stored.name, expected=checked[0])
            if fault is not None:
                return fault
        return Dataset(
            model=model,
            bucket=self._bucket,
            prefix=folder.prefix,
            files=tuple(pinned),
            rows=sum(c.rows for c in checked),
            probe=checked[0].probe,
        )

    def _read_one(
        self, folder: Folder, stored: Stored, look: Examine
    ) -> tuple[Pinned, Checked] | Fault:
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / "data"
            sha256 = self._download(stored, path)
            promised = folder.promise(stored.name)
            if promised and (promised.sha256, promised.size) != (sha256, stored.size):
                return Fault(
                    Reason.MANIFEST_MISMATCH,
                    f"{stored.name}: the manifest promises {promised.size} bytes"
                    f" {promised.sha256[:12]}, there are {stored.size} bytes {sha256[:12]}",
                )
            seen = look(path, stored.name)
            return seen if isinstance(seen, Fault) else (Pinned(stored, sha256), seen)

    def _download(self, stored: Stored, path: Path) -> str:
        body = self._client.get_object(
            Bucket=self._bucket, Key=stored.key, VersionId=stored.version_id
        )["Body"]
        sha256 = hashlib.sha256()
        with path.open("wb") as file:
            for chunk in body.iter_chunks(_CHUNK):
                sha256.update(chunk)
                file.write(chunk)
        return sha256.hexdigest()

    def _manifest(self, stored: Stored) -> Manifest | str:
        if stored.size > LARGEST_MANIFEST:
            return f"{MANIFEST}: {stored.size} bytes; at most {LARGEST_MANIFEST} are read"
        body = self._client.get_object(
            Bucket=self._bucket, Key=stored.key, VersionId=stored.version_id
        )["Body"]
        return read_manifest(body.read())
