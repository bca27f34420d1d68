"""Packs the training package and one model into a zip application: the same bytes anywhere."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path
from typing import Final

MODEL_FILES: Final = ("model.toml", "model.py")
TRAINING: Final = Path(__file__).parents[1] / "training"
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip can tell
_MODE: Final = 0o100644 << 16
_UNIX: Final = 3

_MAIN: Final = '''\
"""Starts the training package this archive carries."""

from training.__main__ import main

raise SystemExit(main())
'''


class BundleError(Exception):
    """A folder that cannot be packed: says what is missing and where."""


def bundle(model_dir: Path, *, training_dir: Path = TRAINING) -> bytes:
    """Stored, not deflated: zlib's output differs between builds, these bytes must not."""
    entries = {"__main__.py": _MAIN.encode()}
    entries |= {f"training/{path.name}": path.read_bytes() for path in training_dir.glob("*.py")}
    entries |= {f"models/{model_dir.name}/{name}": _read(model_dir / name) for name in MODEL_FILES}
    if "training/__main__.py" not in entries:
        raise BundleError(f"{training_dir} is not the training package: it has no __main__.py")
    return _archive(entries)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _read(path: Path) -> bytes:
    try:
        return _parsed(path, path.read_bytes())
    except OSError as error:
        raise BundleError(
            f"{path} cannot be read ({error.strerror}): a model has model.toml and model.py"
        ) from error


def _parsed(path: Path, source: bytes) -> bytes:
    """The source as it is, once it is seen to be Python; nothing of it runs."""
    if path.suffix == ".py":
        try:
            compile(source, path.name, "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as error:
            raise BundleError(f"{path} is no Python: {error}; correct it") from error
    return source


def _archive(entries: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(entries):
            info = zipfile.ZipInfo(name, date_time=_EPOCH)
            info.external_attr = _MODE
            info.create_system = _UNIX
            archive.writestr(info, entries[name])
    return buffer.getvalue()
