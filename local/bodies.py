"""Large bodies beside the store, by their content: a folder of files named by digest."""

import contextlib
import hashlib
import os
import threading
from collections.abc import Collection
from pathlib import Path

INLINE = 65_536
"""Bodies up to this many bytes lie in the store itself."""


class Bodies:
    """In `folder`, made when it is needed; in memory without one."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._memory: dict[str, bytes] = {}

    def put(self, body: bytes) -> str:
        """The digest under which `get` finds it; there before this returns."""
        digest = hashlib.sha256(body).hexdigest()
        if self._folder is None:
            self._memory[digest] = body
            return digest
        path = self._folder / digest
        if not path.exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            partial = path.with_suffix(f".partial-{os.getpid()}-{threading.get_ident()}")
            partial.write_bytes(body)
            partial.rename(path)
        return digest

    def get(self, digest: str) -> bytes:
        """Raises OSError or KeyError when it is gone."""
        return (
            self._memory[digest] if self._folder is None else (self._folder / digest).read_bytes()
        )

    def keep(self, digests: Collection[str]) -> None:
        """Delete every other one, and what a killed process left half-written."""
        for digest in set(self._memory) - set(digests):
            del self._memory[digest]
        if self._folder is None or not self._folder.is_dir():
            return
        for path in self._folder.iterdir():
            if path.name not in digests:
                with contextlib.suppress(FileNotFoundError):
                    path.unlink()
