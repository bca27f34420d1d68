"""`python -m tests.simulation.crashpoints [--pairs]`: a fault at every call, and at every two.

A few stories are played with a fault of each kind at each of their calls to the outside, one at a
time; then with two, at every pair of calls. After them Lambda retries and the sweep goes on, and
all invariants must hold. For up to two faults this is complete: nothing is left to luck.
"""

import argparse
import itertools
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from functions.registry import Approval
from tests.simulation.chaos import Fault, Scripted, applies
from tests.simulation.guards import TYPES
from tests.simulation.schedule import Played, played
from tests.simulation.world import World

MODES = (
    Fault.CRASH_BEFORE,
    Fault.CRASH_AFTER,
    Fault.TIMED_OUT,
    Fault.THROTTLED,
    Fault.INTERNAL,
    Fault.DENIED,
    Fault.LIMIT,
    Fault.STALE,
)
KINDS_OF_PAIR = (Fault.CRASH_BEFORE, Fault.CRASH_AFTER)
"""What can become of a call: it took effect or not. To its caller every mode is one of these."""
_CHUNK = 200
Plan = Callable[[World], None]


def _drops(world: World, *drops: tuple[str, float, int]) -> None:
    for name, score, minute in drops:
        world.accuracy[name] = score
        files = {"part-0.parquet": name.encode()}
        arrives = partial(_arrives, world, name, files)
        world.at(timedelta(minutes=minute), f"{name} arrives", arrives)


def _arrives(world: World, name: str, files: dict[str, bytes]) -> None:
    world.whole[name] = len(files)
    world.upload(name, files | {"_SUCCESS": b""})


def promotion(world: World) -> None:
    """One drop becomes the champion, a better one takes over."""
    _drops(world, ("monday", 0.95, 0), ("tuesday", 0.97, 90))


def refusals(world: World) -> None:
    """A worse drop is refused by the gate, a broken one at the door."""
    _drops(world, ("monday", 0.95, 0), ("tuesday", 0.5, 90))
    broken = partial(world.upload, "broken", {"part-0.parquet": b"bad", "_SUCCESS": b""})
    world.at(timedelta(minutes=120), "broken arrives", broken)


def rollback(world: World) -> None:
    """A challenger fails in service and is taken back; the next one waits its turn."""
    _drops(world, ("monday", 0.95, 0), ("tuesday", 0.97, 90), ("wednesday", 0.98, 100))
    world.traffic.bad.add(2)


def rejection(world: World) -> None:
    """A person rejects a challenger that has traffic."""
    _drops(world, ("monday", 0.95, 0), ("tuesday", 0.97, 90))
    for minute in range(120, 140, 5):
        world.at(timedelta(minutes=minute), "", partial(_rejects, world, 2))


def _rejects(world: World, version: int) -> None:
    if any(number == version for _, number in world.registry.versions):
        world.decides(version, Approval.REJECTED)


def storm(world: World) -> None:
    """Of three drops in a cooldown the newest is trained on, within caps and budget."""
    _drops(world, ("monday", 0.95, 0), ("tuesday", 0.96, 10), ("wednesday", 0.97, 20))


def shortage(world: World) -> None:
    """One type has no room; on the other a job gets no machines; then both have."""
    world.jobs.missing = frozenset(TYPES[:1])
    world.short = {1}
    _drops(world, ("monday", 0.95, 0))
    world.at(timedelta(minutes=30), "room again", partial(_room_again, world))


def _room_again(world: World) -> None:
    world.jobs.missing = frozenset()


STORIES: dict[str, Plan] = {
    "promotion": promotion,
    "refusals": refusals,
    "rollback": rollback,
    "rejection": rejection,
    "storm": storm,
    "shortage": shortage,
}
THRIFT = {"storm": "all", "shortage": "all"}
"""What the model of a story allows itself; the others need no limits."""


@dataclass(frozen=True)
class Point:
    """A story, and which fault strikes at which of its calls."""

    story: str
    script: tuple[tuple[int, Fault], ...]

    def play(self) -> Played:
        return played(self.world())

    def world(self) -> World:
        chaos = Scripted(0, script=dict(self.script))
        world = World(chaos, thrift=THRIFT.get(self.story, "none"))
        STORIES[self.story](world)
        return world

    def __str__(self) -> str:
        return f"{self.story}: " + ", ".join(f"call {n}: {fault.value}" for n, fault in self.script)


def calls(story: str) -> list[str]:
    """The calls of a story in which nothing goes wrong, in order."""
    world = Point(story, ()).world()
    assert not played(world).violation
    chaos = world.chaos
    assert isinstance(chaos, Scripted)
    return chaos.made


def singles() -> Iterator[Point]:
    """Every call of every story with every kind of fault that can strike there."""
    for story in STORIES:
        for number, call in enumerate(calls(story), 1):
            for fault in MODES:
                if applies(fault, call):
                    yield Point(story, ((number, fault),))


def pairs(story: str) -> Iterator[Point]:
    """Every two calls of a story. The second is counted in what the first has made of it."""
    numbers = range(1, len(calls(story)) + 1)
    for one, two in itertools.combinations(numbers, 2):
        for first, second in itertools.product(KINDS_OF_PAIR, repeat=2):
            yield Point(story, ((one, first), (two, second)))


def struck(points: Sequence[Point]) -> tuple[int, Counter[str], list[str]]:
    """How many were played, which faults struck, and what did not hold."""
    faults: Counter[str] = Counter()
    wrong: list[str] = []
    for point in points:
        ended = point.play()
        faults += Counter(name.split(" | ")[0] for name in ended.struck.elements())
        if ended.violation:
            wrong.append(f"{point}: {ended.violation}")
    return len(points), faults, wrong


def main() -> int:
    """Play them all; 1 when an invariant did not hold."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation.crashpoints", description=__doc__
    )
    parser.add_argument("--pairs", action="store_true", help="every two calls as well")
    wish = parser.parse_args()
    wrong = 0
    for story in STORIES:
        made = calls(story)
        print(f"{story}: {len(made)} calls, {len(set(made))} kinds of call", flush=True)
    wrong += _all("singles", list(singles()))
    if wish.pairs:
        for story in STORIES:
            wrong += _all(f"pairs of {story}", list(pairs(story)))
    return 1 if wrong else 0


def _all(name: str, points: Sequence[Point]) -> int:
    began, faults, wrong = time.monotonic(), Counter[str](), list[str]()
    chunks = [points[i : i + _CHUNK] for i in range(0, len(points), _CHUNK)]
    with ProcessPoolExecutor(os.cpu_count() or 1) as pool:
        for _, more, said in pool.map(struck, chunks):
            faults += more
            wrong += said
    seconds = time.monotonic() - began
    print(f"{name}: {len(points)} played in {seconds:.0f} s, {len(wrong)} violations", flush=True)
    for line in wrong[:10]:
        print(f"  {line}")
    for fault in Fault:
        if faults[fault.name]:
            print(f"  {faults[fault.name]:>7} x {fault.value}")
    return len(wrong)


if __name__ == "__main__":
    raise SystemExit(main())
