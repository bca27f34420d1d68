"""What the embedded AWS costs while nothing happens: its start, its processor time, its memory.

python -m bench.local_life
"""

import argparse
import shutil
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from cli.embedded import start, stop
from cli.home import Local, embedded
from cli.up import Up, bring_up

STAGE = "dev"
_MB = 1_048_576
_SETTLED = 10.0
"""Seconds for what a deployment leaves to do."""


def started(folder: Path, times: int) -> list[float]:
    """Seconds from the command to the answering port, each time."""
    took = []
    for _ in range(times):
        begun = time.monotonic()
        start(folder, port=0, time_scale=1.0)
        took.append(time.monotonic() - begun)
        stop(folder)
    return took


def tree(local: Local) -> list[psutil.Process]:
    """The server and every process that it started."""
    server = psutil.Process(local.pid)
    return [server, *server.children(recursive=True)]


def idle(local: Local, seconds: float) -> float:
    """The share of one core that the whole tree takes."""
    before = {process: _spent(process) for process in tree(local)}
    begun = time.monotonic()
    time.sleep(seconds)
    after = sum(_spent(process) - before.get(process, 0.0) for process in tree(local))
    return after / (time.monotonic() - begun)


def warm(local: Local) -> int:
    """Invoke every function of the stage once with an event that means nothing to it."""
    functions = embedded(local, STAGE).connect("lambda")
    names = [f["FunctionName"] for f in functions.list_functions()["Functions"]]
    for name in names:
        functions.invoke(FunctionName=name, Payload=b"{}")
    return len(names)


def memory(local: Local) -> dict[str, tuple[float, float]]:
    """Resident and proportional MB, of the server and of what it started."""
    server, *children = tree(local)
    return {"server": _size([server]), f"{len(children)} children": _size(children)}


def _spent(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _size(processes: Sequence[psutil.Process]) -> tuple[float, float]:
    found = [process.memory_full_info() for process in processes]
    return sum(each.rss for each in found) / _MB, sum(each.pss for each in found) / _MB


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.local_life", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(".sluice-kills/life"))
    parser.add_argument("--seconds", type=float, default=30.0)
    options = parser.parse_args()
    folder = options.folder.resolve()
    stop(folder)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        _say(folder, options.seconds)
    finally:
        stop(folder)


def _say(folder: Path, seconds: float) -> None:
    _said("start, empty", started(folder, 5))
    wish = Up(folder, STAGE, Path("models"), port=0, time_scale=1.0)
    begun = time.monotonic()
    local = bring_up(wish, lambda *_: None)
    print(f"up into nothing: {time.monotonic() - begun:.1f} s")
    time.sleep(_SETTLED)
    print(f"idle, stack deployed: {100 * idle(local, seconds):.2f} % of a core")
    print(f"{warm(local)} functions warm")
    for who, (resident, share) in memory(local).items():
        print(f"  {who}: {resident:.0f} MB resident, {share:.0f} MB with what is shared divided")
    print(f"idle, functions warm: {100 * idle(local, seconds):.2f} % of a core")
    stop(folder)
    _said("start, with the stack", started(folder, 5))
    begun = time.monotonic()
    bring_up(wish, lambda *_: None)
    print(f"up with nothing changed: {time.monotonic() - begun:.1f} s")


def _said(what: str, took: Sequence[float]) -> None:
    print(f"{what}: p50 {statistics.median(took):.2f} s, longest {max(took):.2f} s")


if __name__ == "__main__":
    main()
