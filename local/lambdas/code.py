"""Deployment packages on disk, and the runtime that goes with them."""

import base64
import hashlib
import importlib.util
import os
import shutil
import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path, PurePosixPath
from threading import Lock
from typing import Any

from local.cloud import Account
from local.lambdas import bootstrap
from local.lambdas.function import Code
from local.lambdas.settings import invalid

RUNTIME_MODULES = ("awslambdaric", "runtime_client", "simplejson", "snapshot_restore_py")
MOST_UNZIPPED = 262_144_000
Members = list[zipfile.ZipInfo]


class CodeStore:
    """`code/<sha256>/` for each asset and `runtime/` for awslambdaric with its dependencies.

    Functions mostly carry the same libraries: a top-level folder that another asset brought
    already is linked, so it is unpacked once and its bytecode compiled once.
    """

    def __init__(self, state: Path) -> None:
        self._root = state / "lambda"
        self._lock = Lock()

    @property
    def packages(self) -> Path:
        """The folder that holds one folder per package."""
        return self._root / "code"

    @property
    def scratch(self) -> Path:
        """The folder of the sandboxes' own temporary folders."""
        return self._root / "tmp"

    def clear(self) -> None:
        """What an earlier process left half done or behind."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.scratch.mkdir(parents=True)
        for partial in self._root.glob("*/unpacking-*"):
            shutil.rmtree(partial, ignore_errors=True)

    def fetch(self, source: Mapping[str, Any], account: Account) -> Code:
        """A package that a request brings along or that lies in S3."""
        if source.get("ZipFile"):
            return self.unpack(bytes(source["ZipFile"]))
        where = {"Bucket": source["S3Bucket"], "Key": source["S3Key"]}
        if source.get("S3ObjectVersion"):
            where["VersionId"] = source["S3ObjectVersion"]
        s3 = account.client("s3")
        try:
            return self.unpack(s3.get_object(**where)["Body"].read())
        except s3.exceptions.ClientError as error:
            told = error.response["Error"]
            raise invalid(
                f"Error occurred while GetObject. S3 Error Code: {told['Code']}."
                f" S3 Error Message: {told['Message']}"
            ) from error

    def unpack(self, package: bytes) -> Code:
        digest = hashlib.sha256(package)
        target = self.packages / digest.hexdigest()
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
                _check_size(archive)
                for folder, members in _by_folder(archive).items():
                    if folder:
                        (partial / folder).symlink_to(self._shared(archive, folder, members))
                    else:
                        _extract(archive, members, partial)
        except zipfile.BadZipFile as error:
            message = "Could not unzip uploaded file. Please check your file, then try again."
            raise invalid(message) from error

    def _shared(self, archive: zipfile.ZipFile, folder: str, members: Members) -> Path:
        """Where these very contents of a top-level folder lie, unpacked when they are new."""
        listing = sorted((each.filename, each.CRC, each.file_size) for each in members)
        home = self._root / "folders" / hashlib.sha256(repr(listing).encode()).hexdigest()
        if not home.exists():
            with _appearing(home) as partial:
                (partial / folder).mkdir()
                _extract(archive, members, partial)
        return home.resolve() / folder


def _check_size(archive: zipfile.ZipFile) -> None:
    if sum(each.file_size for each in archive.infolist()) > MOST_UNZIPPED:
        raise invalid(f"Unzipped size must be smaller than {MOST_UNZIPPED} bytes")


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
