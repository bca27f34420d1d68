"""What the machine says of processes, which may end while it is asked."""

import psutil


def is_alive(pid: int) -> bool:
    """Whether it runs; one that ended and was not waited for does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def children(pid: int) -> set[int]:
    """The processes that it started itself."""
    return {each.pid for each in psutil.Process(pid).children()}
