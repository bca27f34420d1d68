"""A wired world put back to where it was, and told from others by all that its future hangs on."""

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

from tests.fakes.account.s3 import Version
from tests.fakes.endpoints import _Endpoint
from tests.simulation.wired import WiredWorld

_TRACE = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]")
_EVENT = re.compile(r"00000000-0000-4000-8000-[0-9]{12}")
_CHAIN = re.compile(r'"chain":\{[^}]*\}')
Snapshot = list[tuple[object, str, Any]]


def kept(world: WiredWorld) -> Iterator[tuple[object, str]]:
    """Everything in a world that changes, as (owner, attribute)."""
    for owner, names in _OWNED.items():
        for name in names:
            yield (world if owner == "world" else getattr(world, owner)), name
    for name, value in vars(world.spending).items():
        if isinstance(value, dict | list | set):
            yield world.spending, name


_OWNED = {
    "world": (
        *("now", "turns", "paused", "quiet_until", "attempts", "dead", "whole", "touched"),
        *("accuracy", "short", "_moments", "_timed", "_moving", "told", "touched_by_story"),
    ),
    "invariants": ("rejected", "approved", "_undeployed", "now"),
    "ledger": ("rows", "put_offs", "notes", "writes"),
    "jobs": ("trainings", "evaluations", "views", "full", "missing", "billable"),
    "registry": ("versions", "numbers"),
    "endpoints": ("endpoints", "broken", "full", "missing"),
    "schedules": ("waiting",),
    "bus": ("said",),
    "traffic": ("bad", "seen"),
    "drops": ("objects",),
    "objects": ("kept",),
    "recent": ("before",),
    "s3": ("objects",),
    "dynamodb": ("items", "tokens"),
    "scheduler": ("tokens",),
    "aws_registry": ("tokens", "packages"),
    "aws_endpoints": ("models", "configs"),
}


def snapshot(world: WiredWorld) -> Snapshot:
    """The world as it is; values in its containers are replaced, never changed, but endpoints."""
    return [(owner, name, _copied(getattr(owner, name))) for owner, name in kept(world)]


def put_back(world: WiredWorld, taken: Snapshot) -> None:
    """The world as it was."""
    for owner, name, value in taken:
        now = getattr(owner, name)
        match now:
            case dict():
                now.clear()
                now.update(_copied(value))
            case set():
                now.clear()
                now.update(value)
            case list():
                now[:] = value
            case _:
                setattr(owner, name, value)
    world.clients.rested()
    world.chaos.made.clear()
    world.chaos.over = False


def _copied(value: Any) -> Any:
    match value:
        case dict():
            return {key: _endpoint(inner) for key, inner in value.items()}
        case list():
            return list(value)
        case set():
            return set(value)
        case _:
            return value


def _endpoint(value: Any) -> Any:
    if isinstance(value, list | set):
        return type(value)(value)
    return replace(value, history=list(value.history)) if isinstance(value, _Endpoint) else value


def essence(world: WiredWorld) -> bytes:
    """A digest of what can make a difference from here on: two worlds with the same end the same.

    Left out is what nothing ever decides on: trace and event ids, and what counts turns.
    """
    return hashlib.blake2b("\n".join(_told(world)).encode(), digest_size=16).digest()


def _told(world: WiredWorld) -> list[str]:
    told: list[str] = [str(world.now)]
    told += [f"{key} {_item(item)}" for key, item in _records(world)]
    told += [f"{key}" for key in sorted(world.dynamodb.items) if key[1] != "RECORD"]
    told += [f"{place} {_visible(*place, v)}" for place, v in sorted(world.s3.objects.items())]
    told += [f"{view}" for _, view in sorted(world.jobs.views.items())]
    told += [f"{version}" for _, version in sorted(world.registry.versions.items())]
    told += [
        f"{model} {e.now} {e.then} {e.asked} {e.failure} {e.deleting}"
        for model, e in sorted(world.endpoints.endpoints.items())
    ]
    told += [*sorted(world.aws_endpoints.models), *sorted(world.aws_endpoints.configs)]
    told += [f"{n} {at} {_plain(str(e))}" for n, (at, e) in sorted(world.schedules.waiting.items())]
    told += [f"{when} {label} {_meaning(act)}" for when, _, label, act in sorted_moments(world)]
    told += [_plain(f"{dead}") for dead in world.dead]
    told += [f"{sorted(each)}" for each in _of_time(world)]
    told += [
        f"{world.jobs.full} {sorted(world.jobs.missing)} {sorted(world.short)}",
        f"{world.endpoints.full} {sorted(world.endpoints.broken)}",
    ]
    told += [f"{thing} {at} {_item(before)}" for thing, at, before in world.recent.visible()]
    told += [f"{sorted(world.traffic.seen.items())} {sorted(world.traffic.bad)}"]
    told += [f"{sorted(world.whole.items())} {sorted(world.accuracy.items())}"]
    invariants = world.invariants
    told += [f"{sorted(invariants.rejected.items())} {sorted(invariants.approved)}"]
    told += [f"{sorted(invariants._undeployed)}"]
    return told


def _of_time(world: WiredWorld) -> tuple[set[Any], ...]:
    return world._timed, world._moving, world.touched, world.touched_by_story


def _visible(bucket: str, _: str, versions: tuple[Version, ...]) -> object:
    """Versions are only asked for where the data lies."""
    return versions if bucket == "data" else versions[-1].body


def sorted_moments(world: WiredWorld) -> list[tuple[Any, int, str, Callable[[], None]]]:
    """What is still to come, in its order."""
    return sorted(world._moments, key=lambda m: m[:2])


def _records(world: WiredWorld) -> list[tuple[Any, Any]]:
    return sorted(pair for pair in world.dynamodb.items.items() if pair[0][1] == "RECORD")


def _item(item: Any) -> str:
    """A record without its evidence's digests; beside the body only the index's time counts."""
    if isinstance(item, dict) and "body" in item:
        return _body(item["body"]["S"]) + str(item.get("due_at"))
    return _plain(str(item))


@lru_cache(maxsize=10_000)
def _body(text: str) -> str:
    return _plain(text)


def _plain(text: str) -> str:
    return _CHAIN.sub("", _EVENT.sub("event", _TRACE.sub("trace", text)))


def _meaning(action: Any) -> str:
    """What an action will do: its code and what it holds, the world itself left out."""
    if isinstance(action, partial):
        return f"{action.func} {_held(action.args)} {_held(action.keywords.values())}"
    code = getattr(action, "__code__", None)
    if code is None:
        return f"{getattr(action, '__qualname__', action)}"
    cells = [cell.cell_contents for cell in action.__closure__ or ()]
    return (
        f"{code.co_qualname}:{code.co_firstlineno} {_held((*cells, *(action.__defaults__ or ())))}"
    )


def _held(values: Any) -> str:
    return _plain(str([v for v in values if not isinstance(v, WiredWorld)]))
