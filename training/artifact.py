"""Writes and reads a model artifact: four files, bound together by the digests in its manifest."""

from __future__ import annotations

import hashlib
import json
import posixpath
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import torch
from torch import nn

from training import weights
from training.config import classes_of
from training.container import EvaluationJob, TrainingJob
from training.dataset import sha256_of
from training.failure import ArtifactError, is_full
from training.task import Code, Task, load
from training.verbs import built

WEIGHTS: Final = "model.safetensors"
MODEL_PY: Final = "code/model.py"
MODEL_TOML: Final = "code/model.toml"
MANIFEST: Final = "manifest.json"
_PARTS: Final = (WEIGHTS, MODEL_PY, MODEL_TOML)


@dataclass(frozen=True)
class Artifact:
    """A verified artifact, loaded and ready to answer."""

    digest: str
    classes: int
    task: Task
    model: nn.Module
    columns: tuple[str, ...]
    dataset: str = ""  # digest of what it was trained on


@dataclass(frozen=True)
class Pin:
    """What an archive must be before anything in it is loaded or run.

    An archive vouches for itself only: whoever can write one can make its digests agree.
    """

    what: str  # candidate or champion
    digest: str | None = None  # of its manifest
    job: EvaluationJob | None = None  # the run that must have made it
    code: Code | None = None  # the files that must have made it

    def hold(self, folder: Path, manifest: Mapping[str, object], digest: str) -> None:
        for name, is_, asked in self._claims(folder, manifest, digest):
            if is_ != asked:
                raise ArtifactError(
                    "ARTIFACT_FOREIGN",
                    f"{name} of the {self.what} is {is_}, the job was made for {asked}:"
                    " nothing of it was run; find out who wrote it, then start a new run",
                )

    def _claims(
        self, folder: Path, manifest: Mapping[str, object], digest: str
    ) -> Iterator[tuple[str, object, str]]:
        if self.digest is not None:
            yield "the digest", digest, self.digest
        if self.job is not None:
            yield "the model", manifest.get("model"), self.job.model
            yield "the run", manifest.get("run"), self.job.run
        if self.code is not None:
            ours = ((MODEL_PY, self.code.model_py), (MODEL_TOML, self.code.model_toml))
            for name, data in ours:
                yield f"{name}'s sha256", sha256_of(folder / name), hashlib.sha256(data).hexdigest()


def write(
    folder: Path, *, model: nn.Module, columns: tuple[str, ...], code: Code, job: TrainingJob
) -> str:
    """The digest of the manifest is the digest of the model."""
    (folder / "code").mkdir(parents=True, exist_ok=True)
    metadata = {"columns": json.dumps(columns), "format": "pt"}
    weights.save(folder / WEIGHTS, model.state_dict(), metadata)
    (folder / MODEL_PY).write_bytes(code.model_py)
    (folder / MODEL_TOML).write_bytes(code.model_toml)
    manifest = {
        "model": job.model,
        "run": job.run,
        "dataset": job.dataset,
        "code": job.code,
        "torch": str(torch.__version__),
        "files": {name: sha256_of(folder / name) for name in _PARTS},
    }
    data = json.dumps(manifest, sort_keys=True, separators=(",", ":")).encode()
    (folder / MANIFEST).write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def unpack(archive: Path, into: Path) -> Path:
    """Takes out the four files that make an artifact; anything else in the archive is refused."""
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for member in tar:
                name = posixpath.normpath(member.name)
                if not member.isdir():
                    _take(tar.extractfile(member), name, archive, into)
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        if is_full(error):
            raise
        raise ArtifactError(
            "ARTIFACT_UNREADABLE",
            f"{archive} is no whole model.tar.gz ({error}): start a new run",
        ) from error
    return into


def read(folder: Path, *, pin: Pin, device: torch.device) -> Artifact:
    """Nothing of an artifact is loaded or run before it is the one that was asked for."""
    manifest, digest = _verified(folder)
    pin.hold(folder, manifest, digest)
    tensors, metadata = weights.load(folder / WEIGHTS)
    task = load((folder / MODEL_PY).read_bytes(), name=MODEL_PY)
    model = built(task)
    try:
        model.load_state_dict(tensors)
        columns = tuple(str(name) for name in json.loads(metadata["columns"]))
    except (KeyError, RuntimeError, ValueError) as error:
        raise ArtifactError(
            "ARTIFACT_DAMAGED", f"the weights in {folder} do not fit its model.py: {error}"
        ) from error
    classes = classes_of((folder / MODEL_TOML).read_bytes())
    dataset = str(manifest.get("dataset", ""))
    return Artifact(digest, classes, task, model.to(device).eval(), columns, dataset)


def _take(source: IO[bytes] | None, name: str, archive: Path, into: Path) -> None:
    if source is None or name not in {*_PARTS, MANIFEST}:
        raise ArtifactError(
            "ARTIFACT_FOREIGN",
            f"{archive} holds {name!r}: a model artifact holds {', '.join(_PARTS)} and {MANIFEST}",
        )
    target = into / name
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        while block := source.read(1 << 20):
            file.write(block)


def _verified(folder: Path) -> tuple[dict[str, object], str]:
    """Its manifest, once its files are what the manifest says, and the manifest's digest."""
    try:
        data = (folder / MANIFEST).read_bytes()
        manifest = dict(json.loads(data))
        declared = dict(manifest["files"])
        actual = {name: sha256_of(folder / name) for name in _PARTS}
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ArtifactError("ARTIFACT_DAMAGED", f"{folder} is incomplete: {error}") from error
    if declared != actual:
        wrong = [name for name in _PARTS if declared.get(name) != actual[name]] or sorted(declared)
        raise ArtifactError(
            "ARTIFACT_DAMAGED", f"{', '.join(wrong)} in {folder} is not what its manifest says"
        )
    return manifest, hashlib.sha256(data).hexdigest()
