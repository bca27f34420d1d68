"""A few stories in which nothing goes wrong but what they are about."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

from functions.registry import Approval
from tests.simulation.guards import TYPES
from tests.simulation.world import World

Plan = Callable[[World], None]


def drops(world: World, *dropped: tuple[str, float, float]) -> None:
    for name, score, minute in dropped:
        world.accuracy[name] = score
        files = {"part-0.parquet": name.encode()}
        arrives = partial(_arrives, world, name, files)
        world.at(timedelta(minutes=minute), f"{name} arrives", arrives)


def _arrives(world: World, name: str, files: dict[str, bytes]) -> None:
    world.whole[name] = len(files)
    world.upload(name, files | {"_SUCCESS": b""})


def promotion(world: World) -> None:
    """One drop becomes the champion, a better one takes over."""
    drops(world, ("monday", 0.95, 0), ("tuesday", 0.97, 90))


def refusals(world: World) -> None:
    """A worse drop is refused by the gate, a broken one at the door."""
    drops(world, ("monday", 0.95, 0), ("tuesday", 0.5, 90))
    broken = partial(world.upload, "broken", {"part-0.parquet": b"bad", "_SUCCESS": b""})
    world.at(timedelta(minutes=120), "broken arrives", broken)


def rollback(world: World) -> None:
    """A challenger fails in service and is taken back; the next one waits its turn."""
    drops(world, ("monday", 0.95, 0), ("tuesday", 0.97, 90), ("wednesday", 0.98, 100))
    world.traffic.bad.add(2)


def rejection(world: World) -> None:
    """A person rejects a challenger that has traffic."""
    drops(world, ("monday", 0.95, 0), ("tuesday", 0.97, 90))
    for minute in range(120, 140, 5):
        world.at(timedelta(minutes=minute), "", partial(_rejects, world, 2))


def _rejects(world: World, version: int) -> None:
    if any(number == version for _, number in world.registry.versions):
        world.decides(version, Approval.REJECTED)


def storm(world: World) -> None:
    """Of three drops in a cooldown the newest is trained on, within caps and budget."""
    drops(world, ("monday", 0.95, 0), ("tuesday", 0.96, 10), ("wednesday", 0.97, 20))


def shortage(world: World) -> None:
    """One type has no room; on the other a job gets no machines; then both have."""
    world.jobs.missing = frozenset(TYPES[:1])
    world.short = {1}
    drops(world, ("monday", 0.95, 0))
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
