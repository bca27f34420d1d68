"""`python -m bench.month [--models 300]`: what a drop costs in calls, week by week of a month.

1,000 drops a day over 300 models are 100 drops a model and month. A model's drops, runs and
endpoint have nothing to do with another's, so each is a simulated world of its own, and a sample of
models tells of all. Jobs take 2 to 20 minutes, every fourth drop makes a better model that is
rolled out. Counted are the calls of the functions to their adapters; the history grows all the
while, and what a drop costs must not.
"""

import argparse
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from tests.builders import MODEL, NOON, a_deployed
from tests.simulation.chaos import Chaos, Fault
from tests.simulation.world import World

MODELS, DROPS_A_DAY, DAYS = 300, 1000, 28
WEEK = timedelta(days=7)
EVERY = timedelta(days=1) * MODELS / DROPS_A_DAY
"""Between two drops of one model."""
WRITES = frozenset({"ledger.write", "ledger.said", "ledger.put_off"})
CONTROL_PLANE = ("jobs.", "registry.", "endpoints.", "schedules.")
MAY_DIFFER = 1.1
"""The dearest week may cost so many times the cheapest: jobs are of random length."""


@dataclass
class Counted(Chaos):
    """Nothing goes wrong; every call is counted in its week."""

    world: World | None = None
    weeks: dict[int, Counter[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.kinds = frozenset()

    def at_call(self, call: str) -> Fault | None:
        week = (self.world.now - NOON) // WEEK if self.world else 0
        self.weeks.setdefault(week, Counter())[call] += 1
        return None


class Month(World):
    """A world that goes on for a month."""

    longest = timedelta(days=DAYS + 7)
    most_turns = 1_000_000


def month(seed: int) -> dict[int, Counter[str]]:
    """Calls of one model, by week and kind. No retraining is stopped: every drop is trained on."""
    chaos = Counted(seed)
    chaos.world = world = Month(chaos)
    world.definitions.deployed[MODEL] = a_deployed(
        rollout={"steps": [50, 100], "bake": "5m", "min_requests": 20, "promote_requests": 100},
        watch={"keep_warm": "10m"},
        training={"stop_after": 0},
    )
    drops = int(timedelta(days=DAYS) / EVERY)
    for number in range(drops):
        name = f"drop-{number}"
        better = number % 4 == 0
        world.accuracy[name] = 0.6 + 0.39 * number / drops if better else 0.5
        world.at(EVERY * number, "", partial(_arrives, world, name))
    world.run()
    return {week: chaos.weeks[week] for week in range(DAYS // 7)}


def _arrives(world: World, name: str) -> None:
    world.whole[name] = 1
    world.upload(name, {"part-0.parquet": name.encode(), "_SUCCESS": b""})


def costs(calls: Counter[str], drops: float) -> tuple[float, float, float]:
    """Of a drop: all calls, those to control planes, and writes to the ledger."""
    control = sum(n for name, n in calls.items() if name.startswith(CONTROL_PLANE))
    writes = sum(n for name, n in calls.items() if name in WRITES)
    return calls.total() / drops, control / drops, writes / drops


def main() -> int:
    """Measure; 1 when a drop costs more in one week than in another."""
    parser = argparse.ArgumentParser(prog="python -m bench.month", description=__doc__)
    parser.add_argument("--models", type=int, default=10, help=f"a sample of the {MODELS}")
    wish = parser.parse_args()
    began, weeks = time.perf_counter(), Counter[str]()
    by_week: dict[int, Counter[str]] = {week: Counter() for week in range(DAYS // 7)}
    for seed in range(wish.models):
        for week, calls in month(seed).items():
            by_week[week] += calls
            weeks += calls
    drops = wish.models * (WEEK / EVERY)
    lines = [f"{wish.models} of {MODELS} models, {drops * len(by_week):.0f} drops of {DAYS} days"]
    lines += [_line(f"week {week + 1}", calls, drops) for week, calls in by_week.items()]
    lines += [f"  {n / drops / len(by_week):6.2f} x {name}" for name, n in weeks.most_common()]
    lines += [f"{time.perf_counter() - began:.0f} s"]
    sys.stdout.write("\n".join(lines) + "\n")
    dear = [costs(calls, drops)[0] for calls in by_week.values()]
    return 0 if max(dear) <= MAY_DIFFER * min(dear) else 1


def _line(name: str, calls: Counter[str], drops: float) -> str:
    every, control, writes = costs(calls, drops)
    return f"{name}: {every:.1f} calls a drop, {control:.1f} of control planes, {writes:.1f} writes"


if __name__ == "__main__":
    raise SystemExit(main())
