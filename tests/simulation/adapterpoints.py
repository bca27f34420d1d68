"""A fault at every call of an adapter, and at every two, however far they lie apart.

What `search` does at each call of boto3 is done here at each call of an adapter's whole method, for
pairs of calls also that belong to different functions: the second is counted in what the first has
made of the story.
"""

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.simulation.chaos import Fault, Scripted, applies
from tests.simulation.schedule import Played, played
from tests.simulation.stories import STORIES, THRIFT
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
