"""A scenario on the account in memory."""

from datetime import timedelta
from functools import partial

from tests.differential.scenarios import Drop, LedgerSeen, Scenario, seen
from tests.simulation.schedule import played
from tests.simulation.wired import WiredWorld

_APART = 6 * 60
_LATER = 10


def play(scenario: Scenario) -> LedgerSeen:
    """The ledger at the end; AssertionError when an invariant did not hold."""
    world = WiredWorld(approval=scenario.approval, twice=scenario.twice)
    for number, drop in enumerate(scenario.drops):
        _dropped(world, drop, number * _APART)
        if drop.fails:
            world.traffic.bad.add(number + 1)
    violation = played(world).violation
    assert not violation, violation
    return seen(world.ledger.records(), world.ledger.notes)


def _dropped(world: WiredWorld, drop: Drop, minute: int) -> None:
    world.accuracy[drop.name] = drop.score
    world.whole[drop.name] = 1
    pieces = [{"part-0.parquet": drop.body}, {"_SUCCESS": b""}]
    if drop.whole:
        pieces = [pieces[0] | pieces[1]]
    for number, piece in enumerate(pieces):
        when = timedelta(minutes=minute + number * _LATER)
        world.at(when, drop.name, partial(world.upload, drop.name, piece))
