"""One fault at every call of a story, then every two: each from the moment before it strikes.

A story is played once, and the world is kept as it was before each of its moments. From there the
moment is played again with a fault at one of its calls, and everything after it to the end. Two
worlds with the same essence have the same future: where one of them was seen to end well, the other
is not played to its end again. Nothing else is left out.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from tests.builders import NOON
from tests.simulation.callsites import SITES, Mode
from tests.simulation.invariants import ViolationError, hold
from tests.simulation.rewind import Snapshot, essence, put_back, snapshot
from tests.simulation.wired import Call, WiredWorld

Script = Mapping[int, Mode]
Struck = tuple[Call, Mode]


@dataclass(frozen=True)
class Moment:
    """A moment of a story in which a function makes calls."""

    before: Snapshot
    calls: tuple[Call, ...]
    path: tuple[str, ...]
    """Which functions did what in it, and by which calls."""


@dataclass
class Found:
    """What a search came to."""

    singles: Counter[Struck] = field(default_factory=Counter)
    pairs: Counter[tuple[Struck, Struck]] = field(default_factory=Counter)
    points: int = 0
    """Faults, or pairs of them, that were played."""
    alike: int = 0
    """Pairs whose first fault left the same world as another's: played there."""
    ends: int = 0
    """Different worlds that came of them, each played to its end."""
    missed: list[str] = field(default_factory=list)
    """Points at which the fault did not strike."""
    wrong: list[str] = field(default_factory=list)

    def join(self, other: "Found") -> None:
        self.singles += other.singles
        self.pairs += other.pairs
        self.points += other.points
        self.alike += other.alike
        self.ends += other.ends
        self.missed += other.missed
        self.wrong += other.wrong


def modes(call: Call) -> tuple[Mode, ...]:
    """What can go wrong at a call."""
    return SITES[call.site].modes


class Search:
    """Faults in one story."""

    def __init__(self, story: str, world: WiredWorld) -> None:
        self.found = Found()
        self._story = story
        self._world = world
        self._good: set[bytes] = set()
        self._pairs_from: dict[bytes, int] = {}
        world.begin()
        self.moments = tuple(self._told())

    def _told(self) -> Iterator[Moment]:
        """The story without faults, moment by moment; AssertionError when it is no good one."""
        going, marks = True, set[bytes]()
        while going:
            before = snapshot(self._world)
            self._world.chaos.made.clear()
            going = self._world.step()
            marks.add(essence(self._world))
            if calls := tuple(self._world.chaos.made):
                path = (*self._world.told, *map(str, calls))
                yield Moment(before, calls, path)
        if wrong := self._ends():
            raise AssertionError(f"{self._story} without any fault: {wrong}")
        self._good |= marks

    def singles(self, moment: Moment) -> None:
        """A fault of each kind at each call of a moment."""
        for number, call in enumerate(moment.calls, 1):
            for mode in modes(call):
                self._strike(moment.before, {number: mode})
                self.found.singles[(call, mode)] += 1

    def pairs(self, moment: Moment) -> None:
        """Every second fault: in the same moment, and until what was broken has come again."""
        for number, call in enumerate(moment.calls, 1):
            for mode in modes(call):
                first = {number: mode}
                for second, later in self._calls_after(moment.before, first):
                    for other in modes(later):
                        self._strike(moment.before, {**first, second: other})
                        self.found.pairs[((call, mode), (later, other))] += 1
                self._pairs_later(moment, (call, mode), first)

    def _calls_after(self, before: Snapshot, first: Script) -> list[tuple[int, Call]]:
        """The calls that follow the first fault in its own moment."""
        self._play(before, first)
        (number,) = first
        return [(n, c) for n, c in enumerate(self._world.chaos.made, 1) if n > number]

    def _pairs_later(self, moment: Moment, struck: Struck, first: Script) -> None:
        self._play(moment.before, first)
        mark = essence(self._world)
        if mark in self._pairs_from:
            self.found.alike += self._pairs_from[mark]
            return
        begun = self.found.points
        for before, calls in self._until_again():
            for number, call in enumerate(calls, 1):
                for mode in modes(call):
                    self._strike(before, {number: mode}, after=f"{struck[0]}: {struck[1].name}; ")
                    self.found.pairs[(struck, (call, mode))] += 1
        self._pairs_from[mark] = self.found.points - begun

    def _until_again(self) -> list[tuple[Snapshot, tuple[Call, ...]]]:
        """The moments up to the one in which a broken function is tried again, or any has calls."""
        world, found = self._world, list[tuple[Snapshot, tuple[Call, ...]]]()
        waits, attempts, going = world.waits_for_retry(), world.attempts, True
        while going and (world.attempts == attempts if waits else not found):
            before = snapshot(world)
            self._world.chaos.made.clear()
            going = world.step()
            if world.chaos.made:
                found.append((before, tuple(world.chaos.made)))
        return found

    def _strike(self, before: Snapshot, script: Script, *, after: str = "") -> None:
        """Play a moment with its faults, and what comes of it, unless that is known to be good."""
        self.found.points += 1
        wrong = self._play(before, script)
        made = len(self._world.chaos.made)
        told = ", ".join(self._name(number, mode) for number, mode in script.items())
        where = f"{self._story}, {before[0][2] - NOON}: {after}{told}"
        if made < max(script):
            self.found.missed.append(where)
        if wrong := wrong or self._ends():
            self.found.wrong.append(f"{where}: {wrong}")

    def _name(self, number: int, mode: Mode) -> str:
        made = self._world.chaos.made
        return f"{made[number - 1] if number <= len(made) else number}: {mode.name}"

    def _play(self, before: Snapshot, script: Script) -> str:
        """One moment with its faults; what did not hold in it."""
        put_back(self._world, before)
        self._world.chaos.script = script
        wrong = self._held(self._world.step)
        self._world.chaos.script = {}
        return wrong

    def _ends(self) -> str:
        """Everything to its end, or to where it is known to end well; what did not hold."""
        marks: set[bytes] = set()
        wrong = self._held(lambda: self._goes_on(marks))
        if not wrong:
            self._good |= marks
        return wrong

    def _goes_on(self, marks: set[bytes]) -> None:
        world, going = self._world, True
        while (mark := essence(world)) not in self._good:
            marks.add(mark)
            if not going:
                self.found.ends += 1
                world.rests()
                return
            going = world.step()
            hold(world.now - NOON <= world.longest, "L1", f"still open: {world.open()}")

    def _held(self, play: Callable[[], object]) -> str:
        try:
            play()
        except ViolationError as error:
            return str(error)
        except Exception as error:  # noqa: BLE001  # a function that breaks is as bad
            return f"BUG: {type(error).__name__}: {error}"
        return ""
