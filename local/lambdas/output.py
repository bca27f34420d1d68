"""What a sandbox prints: read line by line, and complete whenever that is asked for."""

import fcntl
import os
import select
import struct
import termios
from collections.abc import Callable, Sequence
from threading import Lock

_CHUNK = 65_536
Lines = Callable[[Sequence[str]], None]


class Output:
    """The reading end of a sandbox's standard output."""

    def __init__(self, descriptor: int, lines: Lines) -> None:
        self._descriptor = descriptor
        self._lines = lines
        self._partial = b""
        self._ended = False
        self._reading = Lock()

    def read_to_the_end(self) -> None:
        """For a thread of its own."""
        while not self._ended:
            select.select([self._descriptor], [], [])
            with self._reading:
                if self._ended or self._present():
                    self._read()
                elif select.select([self._descriptor], [], [], 0)[0]:
                    self._ended = True  # readable and empty: the other end is closed
        self._finish()

    def catch_up(self) -> None:
        """What was printed so far has been told when this returns."""
        with self._reading:
            while not self._ended and self._present():
                self._read()

    def _present(self) -> int:
        """Bytes that wait to be read."""
        told = fcntl.ioctl(self._descriptor, termios.FIONREAD, b"\0" * 4)
        return int(struct.unpack("i", told)[0])

    def _read(self) -> None:
        *whole, self._partial = (self._partial + os.read(self._descriptor, _CHUNK)).split(b"\n")
        if whole:
            self._lines([_text(line) for line in whole])

    def _finish(self) -> None:
        with self._reading:
            if self._partial:
                self._lines([_text(self._partial)])
                self._partial = b""


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace")
