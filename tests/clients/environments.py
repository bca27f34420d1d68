"""Python clients in environments of their own, built once and kept."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KEPT = ROOT / ".sluice" / "clients"


def environment(name: str) -> Path:
    """The folder of its programs; skips where nothing can be installed, but never in CI."""
    pinned = Path(__file__).with_name(f"{name}.txt")
    digest = hashlib.sha256(pinned.read_bytes()).hexdigest()
    folder = KEPT / name
    mark = folder / "built.txt"
    with _alone(KEPT / f"{name}.lock"):
        if not mark.is_file() or mark.read_text() != digest:
            shutil.rmtree(folder, ignore_errors=True)
            venv.create(folder, with_pip=True)
            _install(folder, pinned)
            mark.write_text(digest)
    return folder / "bin"


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Tests run in several processes: whoever comes second finds it built."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _install(folder: Path, pinned: Path) -> None:
    words = [str(folder / "bin" / "pip"), "install", "--quiet", "--no-deps", "-r", str(pinned)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode == 0:
        return
    reason = f"{pinned.name} cannot be installed: {done.stderr[-300:]}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
