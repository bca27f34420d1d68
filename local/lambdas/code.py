"""Deployment packages on disk, and the runtime that goes with them."""

import base64
import hashlib
import importlib.util
import os
import shutil
import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path, PurePosixPath
from threading import Lock

from local.errors import AwsError
from local.lambdas import bootstrap
from local.lambdas.function import Code

RUNTIME_MODULES = ("awslambdaric", "runtime_client", "simplejson", "snapshot_restore_py")
Members = list[zipfile.ZipInfo]


class CodeStore:
    """`code/<sha256>/` for each asset and `runtime/` for awslambdaric with its dependencies.

    Functions mostly carry the same libraries: a top-level folder that another asset brought
    already is linked, so it is unpacked once and its bytecode compiled once.
    """

    def __init__(self, state: Path) -> None:
        self._root = state / "lambda"
        self._lock = Lock()

    def unpack(self, package: bytes) -> Code:
        digest = hashlib.sha256(package)
        target = self._root / "code" / digest.hexdigest()
        with self._lock:
            if not target.exists():
                self._unpack_into(package, target)
        return Code(target, base64.b64encode(digest.digest()).decode(), len(package))

    def runtime(self) -> Path:
        """A folder with nothing but the runtime, so that an asset has to suffice by itself."""
        folder = self._root / "runtime"
        with self._lock:
            if not folder.exists():
                with _appearing(folder) as partial:
                    for name in RUNTIME_MODULES:
                        source = _installed(name)
                        (partial / source.name).symlink_to(source)
                    (partial / "sandbox_bootstrap.py").symlink_to(Path(bootstrap.__file__))
        return folder

    def _unpack_into(self, package: bytes, target: Path) -> None:
        try:
            with zipfile.ZipFile(BytesIO(package)) as archive, _appearing(target) as partial:
                for folder, members in _by_folder(archive).items():
                    if folder:
                        (partial / folder).symlink_to(self._shared(archive, folder, members))
                    else:
                        _extract(archive, members, partial)
        except zipfile.BadZipFile as error:
            message = "Could not unzip uploaded file. Please check your file, then try again."
            raise AwsError("InvalidParameterValueException", message) from error

    def _shared(self, archive: zipfile.ZipFile, folder: str, members: Members) -> Path:
        """Where these very contents of a top-level folder lie, unpacked when they are new."""
        listing = sorted((each.filename, each.CRC, each.file_size) for each in members)
        home = self._root / "folders" / hashlib.sha256(repr(listing).encode()).hexdigest()
        if not home.exists():
            with _appearing(home) as partial:
                (partial / folder).mkdir()
                _extract(archive, members, partial)
        return home.resolve() / folder


def _by_folder(archive: zipfile.ZipFile) -> dict[str, Members]:
    """The archive's files by their top-level folder; those at the top under the empty name."""
    grouped: dict[str, Members] = defaultdict(list)
    for member in archive.infolist():
        parts = PurePosixPath(member.filename).parts
        if ".." in parts or member.filename.startswith("/"):
            raise zipfile.BadZipFile(f"{member.filename} leaves the archive")
        if not member.is_dir():
            grouped[parts[0] if len(parts) > 1 else ""].append(member)
    return grouped


def _extract(archive: zipfile.ZipFile, members: Members, target: Path) -> None:
    for member in members:
        path = Path(archive.extract(member, target))
        permissions = member.external_attr >> 16 & 0o777
        if permissions & 0o111:
            path.chmod(0o755)


@contextmanager
def _appearing(target: Path) -> Iterator[Path]:
    """A folder that is filled under another name and then appears whole."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=target.parent, prefix="unpacking-"))
    try:
        yield partial
    except BaseException:
        shutil.rmtree(partial)
        raise
    partial.chmod(0o755)
    partial.rename(target)


def _installed(module: str) -> Path:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise RuntimeError(f"{module} is not installed: pip install awslambdaric")
    origin = Path(os.path.realpath(spec.origin))
    return origin.parent if origin.name == "__init__.py" else origin
