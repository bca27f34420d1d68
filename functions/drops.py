"""A drop's folder: what lies in it, what its manifest promises, and whether it is whole."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from events.words import Digest, Reason
from functions.names import digest_of

MANIFEST = "manifest.json"
SUCCESS = "_SUCCESS"


LARGEST_MANIFEST = 16 << 20
"""Bytes of a manifest that are read at most: some hundred thousand files."""


def _leads_inside(name: str) -> bool:
    path = PurePosixPath(name)
    inside = path.parts and not path.is_absolute() and ".." not in path.parts
    return bool(inside) and name == str(path)


def _inside(name: str) -> str:
    if not _leads_inside(name) or name in {MANIFEST, SUCCESS}:
        raise ValueError(f"{name!r} is no name of a file inside the drop")
    return name


class Promise(BaseModel):
    """One file a manifest promises."""

    model_config = ConfigDict(defer_build=True, frozen=True, strict=True, extra="forbid")

    name: Annotated[str, AfterValidator(_inside)]
    sha256: Digest
    size: int = Field(ge=0)


class Manifest(BaseModel):
    """`manifest.json`: every file of the drop, with its digest."""

    model_config = ConfigDict(defer_build=True, frozen=True, strict=True, extra="forbid")

    files: tuple[Promise, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        names = [promise.name for promise in self.files]
        twice = next((name for name, often in Counter(names).items() if often > 1), None)
        if twice is not None:
            raise ValueError(f"{twice!r} is listed twice")
        return self


@dataclass(frozen=True)
class Stored:
    """One object of the folder, pinned to a version."""

    name: str
    """Relative to the folder; raw."""
    key: str
    version_id: str
    size: int


@dataclass(frozen=True)
class Folder:
    """The folder as it is now."""

    bucket: str
    prefix: str
    """With the closing slash."""
    files: tuple[Stored, ...] = ()
    marked: bool = False
    """Whether `manifest.json` or `_SUCCESS` is there."""
    manifest: Manifest | None = None
    complaint: str = ""
    """What is wrong with `manifest.json`; empty when nothing is, or none is there."""

    @property
    def missing(self) -> tuple[str, ...]:
        """Names the manifest promises that are not there yet."""
        there = {file.name for file in self.files}
        promised = self.manifest.files if self.manifest else ()
        return tuple(p.name for p in promised if p.name not in there)

    @property
    def whole(self) -> bool:
        return self.marked and not self.complaint and not self.missing

    @property
    def data(self) -> tuple[Stored, ...]:
        """The files that count: the promised ones, or all of them when `_SUCCESS` closes."""
        if self.manifest is None:
            return tuple(sorted(self.files, key=lambda f: f.name))
        there = {file.name: file for file in self.files}
        return tuple(there[p.name] for p in sorted(self.manifest.files, key=lambda p: p.name))

    @property
    def outside(self) -> str | None:
        """The first of the files that count whose name leads out of the folder."""
        return next((file.name for file in self.data if not _leads_inside(file.name)), None)

    def promise(self, name: str) -> Promise | None:
        """What the manifest says of a file."""
        promised = self.manifest.files if self.manifest else ()
        return next((p for p in promised if p.name == name), None)


@dataclass(frozen=True)
class Pinned:
    """One file of a dataset: its identity is its content, its place a version of an object."""

    stored: Stored
    sha256: str


@dataclass(frozen=True)
class Dataset:
    """An accepted drop."""

    model: str
    bucket: str
    prefix: str
    files: tuple[Pinned, ...]
    rows: int
    probe: tuple[tuple[float, ...], ...]
    """A few rows of features, for golden probes."""

    @property
    def digest(self) -> str:
        """Identity by content: names, digests and sizes; not by where it lies."""
        return digest_of([[f.stored.name, f.sha256, f.stored.size] for f in self.files])

    def description(self) -> Mapping[str, object]:
        """`dataset.json`."""
        return {
            "model": self.model,
            "digest": self.digest,
            "rows": self.rows,
            "files": [
                {
                    "bucket": self.bucket,
                    "key": f.stored.key,
                    "version_id": f.stored.version_id,
                    "sha256": f.sha256,
                    "size": f.stored.size,
                }
                for f in self.files
            ],
        }

    def channel(self) -> list[object]:
        """`s3.manifest`: the same files in the form SageMaker's ManifestFile takes."""
        head: object = {"prefix": f"s3://{self.bucket}/{self.prefix}"}
        return [head, *(f.stored.name for f in self.files)]


@dataclass(frozen=True)
class Fault:
    """Why a drop's data cannot be used."""

    reason: Reason
    message: str


@dataclass(frozen=True)
class Checked:
    """What a usable file holds."""

    rows: int
    columns: tuple[str, ...]
    """The features, in the order a model gets them."""
    probe: tuple[tuple[float, ...], ...]


def strayed(name: str, seen: Checked, *, first: str, expected: Checked) -> Fault | None:
    """Whether a file has other features than the drop's first: one model reads all of them."""
    if lacks := [c for c in expected.columns if c not in seen.columns]:
        message = f"{name}: no column {lacks[0]!r}, which {first} has"
    elif more := [c for c in seen.columns if c not in expected.columns]:
        message = f"{name}: column {more[0]!r}, which {first} has not"
    else:
        return None
    return Fault(Reason.SCHEMA_MISMATCH, message)


def place_of(key: str) -> tuple[str, str] | None:
    """(model, drop) of a raw key `drops/<model>/<drop>/<file>`.

    A file that lies in no drop's folder is told by its own name, which no drop can have. None for
    what a console calls a folder, and for keys outside `drops/`.
    """
    *folders, name = key.removeprefix("drops/").split("/")
    if not key.startswith("drops/") or not name:
        return None
    model, drop = (*folders, f"./{name}", "")[:2]
    return model, drop


def prefix_of(model: str, drop: str) -> str:
    """The folder of a drop in the data bucket, with the closing slash."""
    return f"drops/{model}/{drop}/"


def read_manifest(text: bytes) -> Manifest | str:
    """The manifest, or one line on what is wrong with it."""
    try:
        return Manifest.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "document"
        return f"{MANIFEST}: {where}: {first['msg']}"
