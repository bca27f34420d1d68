"""Proves that the files on this disk are the ones that were accepted, byte for byte."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from training.failure import DataError


@dataclass(frozen=True)
class DataFile:
    """What dataset.json, or the manifest of a holdout, says of one file."""

    name: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Holdout:
    files: tuple[Path, ...]
    digest: str


def accepted(dataset: Path, folder: Path, *, digest: str) -> tuple[Path, ...]:
    """The dataset's files in its order, found by content: the download's folders say nothing."""
    for channel in (dataset.parent, folder):
        if not channel.is_dir():
            raise DataError(
                "CHANNEL_MISSING",
                f"the job has no channel {channel.name}: it needs train and dataset",
            )
    document = _document(dataset, "DATASET_UNREADABLE")
    if document.get("digest") != digest:
        raise DataError(
            "DATASET_MISMATCH",
            f"{dataset.name} is of dataset {document.get('digest')}, the job was made for {digest}",
        )
    declared = _declared(document, "key", dataset)
    here = {sha256_of(path): path for path in _files(folder)}
    if extra := set(here) - {file.sha256 for file in declared}:
        raise DataError(
            "DATA_CHANGED",
            f"{_names(here[sha] for sha in extra)} came down but is not in {dataset.name} by that"
            " content: an object changed after the drop was accepted; drop the data again",
        )
    return tuple(_found(file, here, dataset) for file in declared)


def holdout(folder: Path, *, format: str) -> Holdout:
    """Without a manifest the data files themselves are the truth; with one they must agree."""
    files = sorted(path for path in _files(folder) if path.suffix == f".{format}")
    if not files:
        raise DataError(
            "HOLDOUT_EMPTY",
            f"{folder} holds no file that ends in .{format}: upload the holdout, in the format that"
            " [data] names",
        )
    sums = {path.relative_to(folder).as_posix(): sha256_of(path) for path in files}
    manifest = folder / "manifest.json"
    if manifest.is_file():
        declared = _declared(_document(manifest, "HOLDOUT_UNREADABLE"), "name", manifest)
        if {file.name: file.sha256 for file in declared} != sums:
            raise DataError(
                "HOLDOUT_CHANGED",
                f"the files in {folder} are not those of its manifest.json: a holdout is frozen;"
                " put the files back, or make a new holdout with a name of its own",
            )
    canonical = json.dumps(sorted(sums.items()), separators=(",", ":"))
    return Holdout(tuple(files), hashlib.sha256(canonical.encode()).hexdigest())


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _found(file: DataFile, here: dict[str, Path], dataset: Path) -> Path:
    path = here.get(file.sha256)
    if path is None:
        raise DataError(
            "DATA_MISSING", f"{file.name} of {dataset.name} did not come down: its object is gone"
        )
    if path.stat().st_size != file.size:
        raise DataError(
            "DATA_CHANGED",
            f"{path.name} has {path.stat().st_size} bytes, {dataset.name} says {file.size}",
        )
    return path


def _document(path: Path, code: str) -> dict[str, object]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(code, f"{path} holds no JSON object: {error}") from error
    if not isinstance(document, dict):
        raise DataError(code, f"{path} holds no JSON object")
    return document


def _declared(document: dict[str, object], name: str, path: Path) -> list[DataFile]:
    entries = document.get("files")
    try:
        declared = [
            DataFile(str(entry[name]), str(entry["sha256"]), int(entry["size"]))
            for entry in (entries if isinstance(entries, list) else [])
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            "DATASET_UNREADABLE", f"an entry of files in {path} lacks or spoils {error}"
        ) from error
    if not declared:
        raise DataError("DATASET_UNREADABLE", f"{path} names no files")
    return declared


def _names(paths: Iterable[Path]) -> str:
    return ", ".join(sorted(path.name for path in paths))
