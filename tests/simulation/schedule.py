"""One schedule: what is dropped, decided and broken when, all from one seed."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from tests.builders import NOON
from tests.simulation.chaos import Chaos, Fault
from tests.simulation.guards import TYPES
from tests.simulation.invariants import ViolationError
from tests.simulation.world import World

_SCORES = (0.5, 0.93, 0.95, 0.96, 0.97, 0.98, 0.99)
FEWEST_DROPS, MOST_DROPS = 3, 5


@dataclass(frozen=True)
class Played:
    """A schedule that was played to its end, or to its first violation."""

    seed: int
    digest: str
    days: float
    """Of virtual time."""
    turns: int
    struck: Counter[str]
    reached: Counter[str]
    """For which reasons runs came to wait or to end."""
    violation: str = ""


def play(seed: int, *, tell: Callable[[str], None] | None = None) -> Played:
    """Play one schedule; the same seed is the same story to the last line."""
    world = World(Chaos(seed), tell=tell)
    _plan(world)
    return played(world)


def played(world: World) -> Played:
    """A world whose plan is made, to its end."""
    digest = said = ""
    try:
        digest = world.run()
    except ViolationError as error:
        said = str(error)
    except Exception as error:  # noqa: BLE001  # a function that breaks is as bad
        said = f"BUG: {type(error).__name__}: {error}"
    if said:
        world.note(f"VIOLATION {said}")
    days = (world.now - NOON).total_seconds() / 86_400
    return Played(
        world.chaos.seed,
        digest,
        days,
        world.turns,
        world.chaos.struck,
        world.spending.reached,
        said,
    )


def _plan(world: World) -> None:
    random, chaos = world.random, world.chaos
    end = 0
    dropped: list[str] = []
    for number in range(random.randint(FEWEST_DROPS, MOST_DROPS)):
        minute = random.randint(0, random.choice([10, 120, 1440]))
        end = max(end, minute)
        name = f"drop-{number}"
        world.accuracy[name] = random.choice(_SCORES)
        _drop(world, name, dropped, timedelta(minutes=minute))
        dropped.append(name)
    _troubles(world, end)
    if Fault.PERSON_TRAINS in chaos.kinds:
        chaos.strikes(Fault.PERSON_TRAINS)
        for _ in range(3):
            after = timedelta(minutes=random.randint(30, end + 600))
            world.at(after, "a person trains again", world.asks_for_runs)
    world.at(timedelta(minutes=end + random.randint(60, 1440)), "faults end", lambda: _end(world))


def _troubles(world: World, end: int) -> None:
    """What is wrong with AWS, or the world, for a while."""
    random, chaos = world.random, world.chaos
    if chaos.happens(Fault.NO_CAPACITY):
        _no_capacity(world, timedelta(minutes=random.randint(0, end + 60)))
    if chaos.happens(Fault.TYPE_MISSING):
        _type_missing(world, timedelta(minutes=random.randint(0, end + 60)))
    if chaos.happens(Fault.ARTIFACT_DELETED):
        _artifact_missing(world, timedelta(minutes=random.randint(0, end + 60)))
    if chaos.happens(Fault.ORPHAN):
        after = timedelta(minutes=random.randint(0, end + 60))
        world.at(after, "a job runs that no record knows", world.leaves_an_orphan)
    if chaos.happens(Fault.PRICE_RISES):
        after = timedelta(minutes=random.randint(0, end + 60))
        world.at(after, "prices are raised", world.raise_prices)
    if chaos.happens(Fault.SILENCE):
        _silence(world, timedelta(minutes=random.randint(0, end + 60)))


def _drop(world: World, name: str, before: list[str], after: timedelta) -> None:
    """Two files and a marker: at once, in pieces, or with the marker before the data."""
    chaos = world.chaos
    files = {"part-0.parquet": name.encode(), "part +1%2B.parquet": name.encode()}
    if before and chaos.happens(Fault.DROP_AGAIN):
        world.accuracy[name] = world.accuracy[again := world.random.choice(before)]
        files = dict.fromkeys(files, again.encode())
    if chaos.happens(Fault.DROP_BROKEN):
        files = dict.fromkeys(files, b"bad")
    pieces: list[dict[str, bytes]] = [files | {"_SUCCESS": b""}]
    if chaos.happens(Fault.DROP_HALF):
        pieces = [*({name: body} for name, body in files.items()), {"_SUCCESS": b""}]
    for piece in pieces:
        files_then = len(files) if piece is pieces[-1] else None
        arrives = partial(_arrives, world, name, piece, files_then)
        world.at(after, f"{name}: {', '.join(piece)}", arrives)
        after += timedelta(seconds=world.random.randint(1, 400))


def _arrives(world: World, drop: str, piece: dict[str, bytes], files: int | None) -> None:
    if files is not None:
        world.whole[drop] = files
    world.upload(drop, piece)


def _no_capacity(world: World, after: timedelta) -> None:
    def full(*, now: bool) -> None:
        world.jobs.full = world.endpoints.full = now

    world.at(after, "no capacity", lambda: full(now=True))
    hours = timedelta(minutes=world.random.randint(5, 720))
    world.at(after + hours, "capacity again", lambda: full(now=False))


def _type_missing(world: World, after: timedelta) -> None:
    def missing(*types: str) -> None:
        world.jobs.missing = world.endpoints.missing = frozenset(types)

    gone = world.random.choice(TYPES)
    world.at(after, f"no {gone}", lambda: missing(gone))
    hours = timedelta(minutes=world.random.randint(5, 720))
    world.at(after + hours, f"{gone} again", missing)


def _artifact_missing(world: World, after: timedelta) -> None:
    def lacking(what: str) -> None:
        world.endpoints.lacking = what

    world.at(after, "an artifact is deleted", lambda: lacking("could not find model data"))
    minutes = timedelta(minutes=world.random.randint(5, 300))
    world.at(after + minutes, "the artifact is put back", lambda: lacking(""))


def _silence(world: World, after: timedelta) -> None:
    def quiet() -> None:
        world.quiet_until = world.now + timedelta(minutes=world.random.randint(10, 720))

    world.at(after, "silence", quiet)


def _end(world: World) -> None:
    world.chaos.over = True
