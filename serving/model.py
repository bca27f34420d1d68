"""Verifies a model artifact, then loads it, then answers with it.

Letters of the shapes: B rows of a batch, F feature columns.
"""

from __future__ import annotations

import hashlib
import json
import linecache
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final, Protocol, TypeVar

import msgspec
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from serving.columns import Rows
from serving.errors import ModelError

T = TypeVar("T")

_WEIGHTS: Final = "model.safetensors"
_MODEL_PY: Final = "code/model.py"
_PARTS: Final = (_WEIGHTS, _MODEL_PY, "code/model.toml")
_GOLDEN: Final = "golden.json"  # an artifact may have it


class Task(Protocol):
    def build(self) -> nn.Module: ...

    def features(self, raw: Tensor) -> Tensor: ...

    def predict(self, model: nn.Module, x: Tensor) -> Tensor: ...


class Golden(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rows, and what the model answered to them where it was made."""

    instances: list[list[float]]
    predictions: list[Any]


@dataclass(frozen=True)
class Model:
    """One verified model on one device."""

    name: str
    digest: str
    columns: tuple[str, ...]
    task: Task
    module: nn.Module
    device: torch.device
    golden: Golden | None = None

    def predict(self, rows_BF: Rows) -> list[Any]:
        with torch.inference_mode():
            raw_BF = torch.from_numpy(rows_BF).to(self.device)
            answers_B = self.task.predict(self.module, self.task.features(raw_BF))
            _refuse_unless_finite(answers_B)
            answers: list[Any] = answers_B.tolist()
        if len(answers) != len(rows_BF):
            raise ValueError(f"predict of Task gave {len(answers)} answers for {len(rows_BF)} rows")
        return answers


def load(folder: Path, *, digest: str, name: str) -> Model:
    """Nothing is parsed or run before the digests hold, from the one asked for to each file's."""
    manifest = _manifest(folder, digest)
    source = _verify(folder, manifest)
    if manifest.get("model") != name:
        raise ModelError(
            "MODEL_MISMATCH", f"{folder} holds model {manifest.get('model')!r}, not {name!r}"
        )
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    task = _task(source)
    tensors, columns = _weights(folder / _WEIGHTS)
    module = _broken_unless(task.build, "build")
    try:
        module.load_state_dict(tensors)
    except RuntimeError as error:
        raise ModelError(
            "MODEL_BROKEN", f"{_WEIGHTS} does not fit what build of {_MODEL_PY} makes: {error}"
        ) from error
    golden = _golden(folder, manifest, columns)
    return Model(name, digest, columns, task, module.to(device).eval(), device, golden)


def is_out_of_memory(error: BaseException) -> bool:
    """What a device or the machine says when it has no room; what torch held back is let go."""
    on_cpu = isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    if isinstance(error, torch.OutOfMemoryError):
        torch.cuda.empty_cache()
    return on_cpu or isinstance(error, MemoryError | torch.OutOfMemoryError)


def _refuse_unless_finite(answers_B: Tensor) -> None:
    """JSON has no word for them: they would reach the client as null, and as a success."""
    if answers_B.is_floating_point() and not answers_B.isfinite().all():
        raise ValueError("predict of Task gave NaN or infinity")


def use_threads(count: int) -> None:
    """Of the calling thread: OpenMP keeps its number for each, and a new one has all the cores.

    Its workers spin while they wait for each other, which costs a small model more than its work.
    """
    torch.set_num_threads(count)


def _manifest(folder: Path, digest: str) -> dict[str, Any]:
    path = folder / "manifest.json"
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(
            "MODEL_MISSING",
            f"{path} cannot be read: {error.strerror}; is an artifact unpacked there?",
        ) from error
    actual = hashlib.sha256(data).hexdigest()
    if actual != digest:
        raise ModelError(
            "DIGEST_MISMATCH", f"{path} has sha256 {actual}, asked for was {digest}: not served"
        )
    manifest: dict[str, Any] = json.loads(data)
    return manifest


def _verify(folder: Path, manifest: dict[str, Any]) -> bytes:
    """The source of the task comes back as the very bytes that were verified."""
    declared = manifest.get("files")
    if not isinstance(declared, dict) or set(declared) - {_GOLDEN} != set(_PARTS):
        raise ModelError(
            "MODEL_BROKEN", f"the manifest in {folder} does not name {', '.join(_PARTS)}"
        )
    try:
        source = (folder / _MODEL_PY).read_bytes()
        actual = {name: _sha256(folder / name) for name in declared if name != _MODEL_PY}
    except OSError as error:
        raise ModelError(
            "MODEL_MISSING", f"{error.filename} cannot be read: {error.strerror}"
        ) from error
    actual[_MODEL_PY] = hashlib.sha256(source).hexdigest()
    for name, sha256 in actual.items():
        if sha256 != declared[name]:
            raise ModelError(
                "DIGEST_MISMATCH",
                f"{folder / name} has sha256 {sha256}, its manifest says {declared[name]}: refused",
            )
    return source


def _golden(folder: Path, manifest: dict[str, Any], columns: Sequence[str]) -> Golden | None:
    if _GOLDEN not in manifest["files"]:
        return None
    try:
        golden = msgspec.json.decode((folder / _GOLDEN).read_bytes(), type=Golden)
    except msgspec.DecodeError as error:
        raise ModelError("MODEL_BROKEN", f"{_GOLDEN} tells no rows and answers: {error}") from error
    widths = {len(row) for row in golden.instances}
    if widths != {len(columns)} or len(golden.instances) != len(golden.predictions):
        raise ModelError(
            "MODEL_BROKEN",
            f"{_GOLDEN} must have rows of {len(columns)} numbers, and an answer for each",
        )
    return golden


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _task(source: bytes) -> Task:
    module, filename = ModuleType("sluice_task"), f"<{_MODEL_PY}>"
    lines = source.decode().splitlines(keepends=True)
    linecache.cache[filename] = (len(source), None, lines, filename)  # for readable tracebacks

    def execute() -> Task:
        exec(compile(source, filename, "exec"), module.__dict__)
        task: Task = module.__dict__["Task"]()
        return task

    return _broken_unless(execute, "the module")


def _broken_unless(make: Callable[[], T], what: str) -> T:
    try:
        return make()
    except Exception as error:
        raise ModelError(
            "MODEL_BROKEN", f"{what} of {_MODEL_PY} fails: {type(error).__name__}: {error}"
        ) from error


def _weights(path: Path) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    try:
        with safe_open(path, framework="pt") as file:
            columns: Sequence[str] = json.loads((file.metadata() or {})["columns"])
            return _tensors(file), tuple(columns)
    except (SafetensorError, KeyError, ValueError) as error:
        raise ModelError("MODEL_BROKEN", f"{path} tells no weights and columns: {error}") from error


def _tensors(file: Any) -> dict[str, Tensor]:
    return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # it is no dict
