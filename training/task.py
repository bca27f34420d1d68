"""Finds the model's own two files and makes a Task of them."""

from __future__ import annotations

import hashlib
import linecache
import zipfile
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Final, Protocol, cast

from torch import Tensor, nn

from training.failure import CodeError

_VERBS: Final = ("build", "features", "loss", "predict")


class Task(Protocol):
    """What a user writes. `probabilities(model, x)` of shape (rows, classes) is optional."""

    def build(self) -> nn.Module: ...

    def features(self, raw: Tensor) -> Tensor: ...

    def loss(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor: ...

    def predict(self, model: nn.Module, x: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class Code:
    """The bytes of model.py and model.toml, and the digest of the archive they came in."""

    model_py: bytes
    model_toml: bytes
    digest: str | None  # None: not from an archive

    @classmethod
    def find(cls, model: str, *, root: Path) -> Code:
        """The root is a zip application or a folder that has models/<model>/ in it."""
        files = _from_zip if root.is_file() else _from_folder
        try:
            return files(model, root)
        except (KeyError, OSError, zipfile.BadZipFile) as error:
            raise CodeError(
                "MODEL_CODE_MISSING",
                f"{root} has no models/{model}/model.py and model.toml ({error}):"
                f" bundle the folder of model {model}",
            ) from error

    def verified(self, expected: str) -> str:
        """The digest the job was told, once it is known to be true of what runs."""
        if self.digest not in {None, expected}:
            raise CodeError(
                "CODE_CHANGED",
                f"the code archive has sha256 {self.digest}, the job was made for {expected}:"
                " start a new run with the code that is wanted",
            )
        return expected


def load(source: bytes, *, name: str) -> Task:
    """Executes exactly the given bytes, so that what was verified is what runs."""
    module = ModuleType(f"sluice_task_{hashlib.sha256(source).hexdigest()[:12]}")
    filename = f"<{name}>"
    linecache.cache[filename] = (
        len(source),
        None,
        source.decode().splitlines(keepends=True),
        filename,
    )
    try:
        exec(compile(source, filename, "exec"), module.__dict__)
        task = module.__dict__["Task"]()
    except Exception as error:  # whatever a user's module raises
        raise CodeError(
            "MODEL_CODE_BROKEN", f"{name} gives no Task: {type(error).__name__}: {error}"
        ) from error
    if missing := [verb for verb in _VERBS if not callable(getattr(task, verb, None))]:
        raise CodeError("MODEL_CODE_BROKEN", f"Task in {name} lacks {', '.join(missing)}")
    return cast(Task, task)


def _from_zip(model: str, root: Path) -> Code:
    data = root.read_bytes()
    with zipfile.ZipFile(root) as archive:
        return Code(
            model_py=archive.read(f"models/{model}/model.py"),
            model_toml=archive.read(f"models/{model}/model.toml"),
            digest=hashlib.sha256(data).hexdigest(),
        )


def _from_folder(model: str, root: Path) -> Code:
    folder = root / "models" / model
    return Code(
        model_py=(folder / "model.py").read_bytes(),
        model_toml=(folder / "model.toml").read_bytes(),
        digest=None,
    )
