"""What a Lambda carries: our sources and pinned wheels, the same bytes every time, no Docker."""

import hashlib
import platform
import py_compile
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import aws_cdk.aws_lambda as lambda_

CORE = ("aws-lambda-powertools", "boto3", "opentelemetry-api", "pydantic")
CHECKS = (*CORE, "duckdb")
SERVICES = (
    "application-autoscaling",
    "cloudwatch",
    "dynamodb",
    "events",
    "s3",
    "sagemaker",
    "sagemaker-runtime",
    "scheduler",
    "ssm",
    "sts",
)
"""The services whose models botocore keeps; the others are 20 MB that nobody asks for."""

_SOURCES = ("events", "functions")
_EPOCH = (1980, 1, 1, 0, 0, 0)
_VARYING = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")
_NEEDLESS = ("tests", "test", "__pycache__", "examples")
_PLATFORMS = {"x86_64": "manylinux2014_x86_64", "aarch64": "manylinux2014_aarch64"}
_NEWER_PLATFORMS = {"x86_64": "manylinux_2_28_x86_64", "aarch64": "manylinux_2_28_aarch64"}


class BundleError(RuntimeError):
    """The dependencies of a Lambda could not be gathered."""


def machine() -> str:
    """The architecture bundles are made for: this machine's own."""
    found = platform.machine()
    return "aarch64" if found in {"arm64", "aarch64"} else "x86_64"


def architecture() -> lambda_.Architecture:
    """The same for CDK."""
    return lambda_.Architecture.ARM_64 if machine() == "aarch64" else lambda_.Architecture.X86_64


def runtime() -> lambda_.Runtime:
    """The Python that synthesizes: only its own bytecode can be made here."""
    return lambda_.Runtime(
        f"python{sys.version_info.major}.{sys.version_info.minor}",
        lambda_.RuntimeFamily.PYTHON,
    )


@dataclass(frozen=True)
class Bundler:
    """Makes zips; wheels are unpacked once per set of pins and kept in `cache`."""

    root: Path
    cache: Path

    def asset(self, name: str, packages: tuple[str, ...]) -> Path:
        """The zip with our sources and `packages`; its bytes depend on its content alone."""
        site = self._site(packages)
        kept = self.cache / f"{name}-{site.name}-{self._sources_digest()}.zip"
        if not kept.is_file():
            with tempfile.TemporaryDirectory(dir=self.cache) as scratch:
                folder = Path(scratch) / "sources"
                for source in _SOURCES:
                    shutil.copytree(self.root / source, folder / source, ignore=_ignored)
                compile_all(folder)
                made = Path(scratch) / "asset.zip"
                write_zip(made, [site, folder])
                made.replace(kept)
        return kept

    def _sources_digest(self) -> str:
        digest = hashlib.sha256()
        for source in _SOURCES:
            for path in sorted((self.root / source).rglob("*.py")):
                digest.update(f"{path.relative_to(self.root)}\n".encode())
                digest.update(path.read_bytes())
        return digest.hexdigest()[:16]

    def code(self, name: str, packages: tuple[str, ...]) -> lambda_.AssetCode:
        """The zip as Lambda code."""
        return lambda_.Code.from_asset(str(self.asset(name, packages)))

    def _site(self, packages: tuple[str, ...]) -> Path:
        """An unpacked, pruned, compiled set of wheels."""
        pins = (self.root / "constraints.txt").read_text("utf-8")
        said = f"{pins}{packages}{SERVICES}{sys.version_info[:2]}{machine()}"
        key = hashlib.sha256(said.encode() + Path(__file__).read_bytes()).hexdigest()[:16]
        site = self.cache / f"site-{key}"
        if not site.is_dir():
            self.cache.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self.cache) as scratch:
                folder = Path(scratch) / "site"
                self._install(packages, folder)
                prune(folder)
                compile_all(folder)
                folder.replace(site)
        return site

    def _install(self, packages: tuple[str, ...], folder: Path) -> None:
        arch = machine()
        command = [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
            *("--only-binary=:all:", "--no-compile", "--target", str(folder)),
            *("--platform", _NEWER_PLATFORMS[arch], "--platform", _PLATFORMS[arch]),
            *("--python-version", f"{sys.version_info.major}.{sys.version_info.minor}"),
            *("--constraint", str(self.root / "constraints.txt"), *packages),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            reason = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
            raise BundleError(
                f"pip install {' '.join(packages)}: {reason};"
                f" pip must reach a package index, or {self.cache} must hold what it once fetched"
            )


def prune(site: Path) -> None:
    """Drop what varies between installs and what no Lambda of ours reads; licences stay."""
    for path in sorted(site.rglob("*"), reverse=True):
        if path.is_dir() and path.name in _NEEDLESS:
            shutil.rmtree(path)
        elif path.name in _VARYING and path.parent.suffix == ".dist-info":
            path.unlink()
    data = site / "botocore" / "data"
    if data.is_dir():
        for folder in data.iterdir():
            if folder.is_dir() and folder.name not in SERVICES:
                shutil.rmtree(folder)
    shutil.rmtree(site / "bin", ignore_errors=True)


def compile_all(folder: Path) -> None:
    """Bytecode beside each source that is never checked against it: the zip does not change."""
    for source in folder.rglob("*.py"):
        py_compile.compile(
            str(source),
            dfile=str(source.relative_to(folder)),
            doraise=False,
            quiet=2,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )


def write_zip(target: Path, folders: list[Path]) -> None:
    """All files of `folders`, sorted, with one time and mode: equal content is equal bytes."""
    entries = {
        path.relative_to(folder).as_posix(): path
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file()
    }
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name in sorted(entries):
            info = zipfile.ZipInfo(name, _EPOCH)
            info.external_attr = 0o100644 << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 3
            archive.writestr(info, entries[name].read_bytes())


def _ignored(_folder: str, names: list[str]) -> set[str]:
    return {name for name in names if name == "__pycache__" or name.endswith((".pyc", ".typed"))}
