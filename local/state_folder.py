"""The folder that one server keeps everything in, and that one server at a time uses."""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import IO

from local.http_server import HttpServer, PortError
from local.store import StateError, Store

_DEAD = ("lambda/unpacking-*", "lambda/*/unpacking-*", "sagemaker/endpoints/*")
"""What a killed process leaves that nobody takes up again."""


class StateFolder:
    """Held until the process ends; raises StateError for one that cannot be used."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self._held = self._hold()
        self.store = Store(self.path / "state.db")

    @property
    def warning(self) -> str:
        """One line for a person about a damaged file, or nothing."""
        aside = self.store.set_aside
        return f"{self.path / 'state.db'} was damaged; it is kept as {aside}" if aside else ""

    def last_port(self) -> int:
        """The port of the life before, 0 when there was none."""
        with contextlib.suppress(OSError, ValueError):
            return int((self.path / "port").read_text("utf-8"))
        return 0

    def keep_port(self, port: int) -> None:
        (self.path / "port").write_text(f"{port}\n", "utf-8")

    def sweep(self) -> None:
        """Delete what dead processes left."""
        for pattern in _DEAD:
            for left in self.path.glob(pattern):
                shutil.rmtree(left, ignore_errors=True)

    def close(self) -> None:
        self.store.close()
        self._held.close()

    def _hold(self) -> IO[str]:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            held = (self.path / "lock").open("a")
        except OSError as error:
            reason = error.strerror or error
            raise StateError(f"{self.path} cannot be written: {reason}; choose another") from error
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            held.close()
            raise StateError(f"{self.path} is used by another server; choose another") from error
        os.set_inheritable(held.fileno(), False)  # noqa: FBT003  # os knows no keyword
        return held


def listening(wanted: int, folder: StateFolder, make: Callable[[int], HttpServer]) -> HttpServer:
    """A server on the wanted port; for 0 on that of the life before, else on any that is free."""
    last = folder.last_port()
    if wanted == 0 and last:
        with contextlib.suppress(PortError):
            return make(last)
    return make(wanted)
