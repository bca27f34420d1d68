"""Keeps the journal short: a snapshot while nothing changes, or when it has grown too long."""

import contextlib
import logging
import time
from threading import Event, Thread

from local.lasting_moto import LastingMoto
from local.object_graph import UnkeepableError
from local.snapshots import Snapshots

LONG = 300
"""Entries from which on a quiet moment is used."""
TOO_LONG = 2_000
"""Entries from which on no quiet moment is waited for: replaying them takes some four seconds."""
QUIET = 2.0
"""Seconds without a change."""
_LOOK = 1.0
log = logging.getLogger("local.moto")


class Compactor:
    """Looks each second, in a thread of its own."""

    def __init__(self, moto: LastingMoto, snapshots: Snapshots) -> None:
        self._moto = moto
        self._snapshots = snapshots
        self._stopped = Event()
        self._thread = Thread(target=self._run, name="compactor", daemon=True)
        self._wait_for = LONG

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        with contextlib.suppress(RuntimeError):  # was never started
            self._thread.join(10)

    def look(self) -> bool:
        """Take a snapshot if it is time; whether the journal was cut."""
        length = self._moto.journalled
        quiet = time.monotonic() - self._moto.changed_at >= QUIET
        if length < self._wait_for or not (quiet or length >= max(TOO_LONG, self._wait_for)):
            return False
        try:
            self._cut()
        except UnkeepableError as error:
            log.warning("the journal is kept: %s", error)
            self._wait_for = 2 * length
            return False
        self._wait_for = LONG
        return True

    def _cut(self) -> None:
        with self._moto.still():
            nodes, digests, last = self._snapshots.taken()
        self._snapshots.keep(nodes, digests, last)
        with self._moto.still():
            self._snapshots.sweep()

    def _run(self) -> None:
        while not self._stopped.wait(_LOOK):
            try:
                self.look()
            except Exception:  # the journal stays; the next look may go well
                log.exception("no snapshot was taken")
                self._wait_for *= 2
