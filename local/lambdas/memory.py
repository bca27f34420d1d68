"""How much memory a sandbox uses, as the kernel counts it."""

import re
from pathlib import Path

MEBIBYTE = 1 << 20
_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB", re.MULTILINE)
_NOW = re.compile(r"^VmRSS:\s+(\d+) kB", re.MULTILINE)


def peak(pid: int) -> int:
    """The most that the process ever held, in bytes; 0 when it is gone."""
    return _kilobytes(pid, _PEAK) * 1024


def in_use(pid: int) -> int:
    """What the process and its descendants hold now, in bytes."""
    return _kilobytes(pid, _NOW) * 1024 + sum(in_use(child) for child in _children(pid))


def _kilobytes(pid: int, line: re.Pattern[str]) -> int:
    try:
        found = line.search(Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0
    return int(found[1]) if found else 0


def _children(pid: int) -> list[int]:
    """Those of the main thread, which runs the handler; none where the kernel does not tell."""
    try:
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
