"""`python -m tests.simulation.crashpoints [--pairs] [--apart]`: a fault at every call of boto3.

Nineteen stories reach every call that a function can make. At each of their calls each kind of
fault strikes once; with `--pairs`, on each path that a function takes, every second fault as well,
until what the first one broke has been tried again. After them Lambda retries and the sweep goes
on, and all invariants must hold. For up to two faults on a path this is complete.
`--apart` has two faults strike anywhere in four of the stories, at calls of whole adapters.
"""

import argparse
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache

from tests.infra.calls import calls_of
from tests.simulation import adapterpoints
from tests.simulation.callsites import SITES, Mode, by_functions
from tests.simulation.search import Found, Search
from tests.simulation.stories import STORIES as APART
from tests.simulation.wired_stories import STORIES

_AT_A_TIME = 6
_CHUNK = 200
_SHOWN = 10


@dataclass(frozen=True)
class Task:
    """Moments of one story, by number, in which faults are to strike."""

    story: str
    moments: tuple[int, ...]
    pairs: bool


@dataclass(frozen=True)
class Paths:
    """Where the paths of all functions are: each distinct one by its first place."""

    first: dict[tuple[str, ...], tuple[str, int]]
    everywhere: tuple[tuple[str, int], ...]


def told(story: str) -> Search:
    """A story that was played without any fault."""
    return Search(story, STORIES[story].world())


@cache
def paths() -> Paths:
    """All of them, story after story."""
    first: dict[tuple[str, ...], tuple[str, int]] = {}
    everywhere: list[tuple[str, int]] = []
    for story in STORIES:
        for number, moment in enumerate(told(story).moments):
            first.setdefault(moment.path, (story, number))
            everywhere.append((story, number))
    return Paths(first, tuple(everywhere))


def tasks(places: Sequence[tuple[str, int]], *, pairs: bool, at_a_time: int) -> Iterator[Task]:
    """The places in handfuls, each of one story."""
    for story in STORIES:
        mine = [number for name, number in places if name == story]
        for start in range(0, len(mine), at_a_time):
            yield Task(story, tuple(mine[start : start + at_a_time]), pairs)


def done(task: Task) -> Found:
    """What came of the faults."""
    search = told(task.story)
    for number in task.moments:
        (search.pairs if task.pairs else search.singles)(search.moments[number])
    return search.found


def searched(todo: Sequence[Task], workers: int) -> Found:
    """What came of all of them."""
    total = Found()
    with ProcessPoolExecutor(workers) as pool:
        for found in pool.map(done, todo):
            total.join(found)
    return total


def never_struck(found: Found) -> list[str]:
    """Calls of functions, as declared, at which some kind of fault did not strike."""
    struck = {(call.site, mode) for call, mode in found.singles}
    return [
        f"{site}: {mode.name}"
        for site, known in by_functions().items()
        for mode in known.modes
        if (site, mode) not in struck
    ]


def never_made(found: Found) -> list[str]:
    """Calls that a function's source says it can make, and that no story has it make.

    Those that are declared to be played by nobody are left out.
    """
    unplayed = {site.operation for site, known in SITES.items() if known.unplayed}
    made = {(call.unit, call.site.operation) for call, _ in found.singles}
    reachable = {
        (unit, "".join(word.title() for word in call.operation.split("_")))
        for unit in sorted({call.unit for call, _ in found.singles})
        for call in calls_of(unit)
    }
    return sorted(
        f"{unit}: {operation}" for unit, operation in reachable - made if operation not in unplayed
    )


def main() -> int:
    """Play them all; 1 when an invariant did not hold or a fault never struck."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation.crashpoints", description=__doc__
    )
    parser.add_argument("--pairs", action="store_true", help="every two calls of a path as well")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--apart", action="store_true", help="every two calls of adapters")
    wish = parser.parse_args()
    known = paths()
    print(f"{len(STORIES)} stories, {len(known.everywhere)} moments, {len(known.first)} paths")
    wrong = _singles(known, wish.workers)
    if wish.pairs:
        wrong += _pairs(known, wish.workers)
    if wish.apart:
        wrong += sum(_apart(story, wish.workers) for story in APART)
    return 1 if wrong else 0


def _singles(known: Paths, workers: int) -> int:
    began = time.monotonic()
    found = searched(list(tasks(known.everywhere, pairs=False, at_a_time=_AT_A_TIME)), workers)
    _print("singles", found, time.monotonic() - began)
    declared = sum(len(known.modes) for known in by_functions().values())
    lacking, unmade = never_struck(found), never_made(found)
    print(f"  calls           {len(by_functions())} of functions, {_by_kind(found)}")
    print(f"  call x fault    {_share(declared - len(lacking), declared)}")
    for line in (*lacking, *unmade):
        print(f"  never: {line}")
    return len(found.wrong) + len(found.missed) + len(lacking) + len(unmade)


def _pairs(known: Paths, workers: int) -> int:
    began = time.monotonic()
    found = searched(list(tasks(list(known.first.values()), pairs=True, at_a_time=1)), workers)
    _print("pairs", found, time.monotonic() - began)
    print(f"  alike           {found.alike} more, whose first fault left the same world as another")
    print(f"  kinds of pair   {len(found.pairs)} of call x fault twice")
    return len(found.wrong) + len(found.missed)


def _apart(story: str, workers: int) -> int:
    began, wrong = time.monotonic(), list[str]()
    points = list(adapterpoints.pairs(story))
    chunks = [points[i : i + _CHUNK] for i in range(0, len(points), _CHUNK)]
    with ProcessPoolExecutor(workers) as pool:
        for _, _, said in pool.map(adapterpoints.struck, chunks):
            wrong += said
    seconds = time.monotonic() - began
    print(f"apart, {story}: {len(points)} played in {seconds:.0f} s, {len(wrong)} violations")
    for line in wrong[:_SHOWN]:
        print(f"  {line}")
    return len(wrong)


def _print(name: str, found: Found, seconds: float) -> None:
    print(f"{name}: {found.points} played in {seconds:.0f} s, {len(found.wrong)} violations")
    print(f"  struck          {_share(found.points - len(found.missed), found.points)}")
    print(f"  ends            {found.ends} different ones, each played to its end", flush=True)
    for line in (*found.wrong[:_SHOWN], *found.missed[:_SHOWN]):
        print(f"  {line}")


def _by_kind(found: Found) -> str:
    times = {mode: sum(n for (_, m), n in found.singles.items() if m is mode) for mode in Mode}
    return ", ".join(f"{times[mode]} x {mode.name}" for mode in Mode)


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({100 * part / whole:.1f} %)"


if __name__ == "__main__":
    raise SystemExit(main())
