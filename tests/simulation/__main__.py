"""`python -m tests.simulation`: many schedules and what they came to, or one as a story.

python -m tests.simulation --seeds 100000          # every core; the table, and the first violations
python -m tests.simulation --seed 948              # one schedule, line by line
"""

import argparse
import gc
import hashlib
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

from tests.simulation.chaos import Fault
from tests.simulation.schedule import Played, play

_CHUNK = 100
_SHOWN = 10
_DAYS_A_YEAR = 365.25


@dataclass
class Sum:
    """What many schedules came to."""

    seeds: int = 0
    days: float = 0.0
    turns: int = 0
    struck: Counter[str] = field(default_factory=Counter)
    reached: Counter[str] = field(default_factory=Counter)
    violations: list[tuple[int, str]] = field(default_factory=list)
    digests: list[tuple[int, str]] = field(default_factory=list)

    def add(self, played: Played) -> None:
        self.seeds += 1
        self.days += played.days
        self.turns += played.turns
        self.struck += played.struck
        self.reached += played.reached
        self.digests.append((played.seed, played.digest))
        if played.violation:
            self.violations.append((played.seed, played.violation))

    def join(self, other: "Sum") -> None:
        self.seeds += other.seeds
        self.days += other.days
        self.turns += other.turns
        self.struck += other.struck
        self.reached += other.reached
        self.violations += other.violations
        self.digests += other.digests

    @property
    def digest(self) -> str:
        """One digest over all schedules, whatever order they were played in."""
        whole = hashlib.sha256()
        for seed, digest in sorted(self.digests):
            whole.update(f"{seed} {digest}\n".encode())
        return whole.hexdigest()

    def by_fault(self) -> dict[Fault, int]:
        """How often each kind of fault struck."""
        found: Counter[Fault] = Counter()
        for name, times in self.struck.items():
            found[Fault[name.split(" | ")[0]]] += times
        return {fault: found[fault] for fault in Fault}


def chunk(seeds: Sequence[int]) -> Sum:
    """A few schedules, one after the other."""
    gc.disable()  # worlds are thrown away whole
    total = Sum()
    for seed in seeds:
        total.add(play(seed))
    gc.collect()
    return total


def many(first: int, count: int, workers: int) -> Iterator[Sum]:
    """Chunks of schedules, as they are done."""
    chunks = [range(s, min(s + _CHUNK, first + count)) for s in range(first, first + count, _CHUNK)]
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(chunk, chunks)


def _story(seed: int) -> int:
    played = play(seed, tell=print)
    print(f"seed {seed}: {played.days:.1f} days, {played.turns} turns, digest {played.digest}")
    for name, times in sorted(played.struck.items()):
        print(f"  {times:>3} x {name}")
    return 1 if played.violation else 0


def _until_broken(seeds: Sequence[int]) -> int:
    for seed in seeds:
        played = play(seed)
        if played.violation:
            print(f"seed {seed}: {played.violation}")
            return 1
    return 0


def _table(total: Sum, seconds: float, workers: int) -> None:
    rate = total.seeds / seconds
    print(f"schedules         {total.seeds}")
    print(f"  per second      {rate:.0f} on {workers} cores, {rate / workers:.0f} a core")
    print(f"turns             {total.turns} ({total.turns / total.seeds:.0f} a schedule)")
    print(f"virtual time      {total.days / _DAYS_A_YEAR:.1f} years")
    print(f"digest of all     {total.digest}")
    print("faults")
    for fault, times in total.by_fault().items():
        print(f"  {times:>9} x {fault.value}")
    print("runs that waited or ended for")
    for reason, times in sorted(total.reached.items()):
        print(f"  {times:>9} x {reason}")
    print(f"violations        {len(total.violations)}")
    for seed, said in total.violations[:_SHOWN]:
        print(f"  seed {seed}: {said}")


def main() -> int:
    """Play; 1 when an invariant did not hold, or a fault was never reached."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="one schedule, as a story")
    parser.add_argument("--seeds", type=int, default=2000, help="how many schedules")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--until-broken", action="store_true", help="end with the first violation")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    wish = parser.parse_args()
    if wish.seed is not None:
        return _story(wish.seed)
    if wish.until_broken:
        return _until_broken(range(wish.first, wish.first + wish.seeds))
    began, total = time.monotonic(), Sum()
    for done in many(wish.first, wish.seeds, wish.workers):
        total.join(done)
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{total.seeds} of {wish.seeds}, {len(total.violations)} violations")
    _table(total, time.monotonic() - began, wish.workers)
    never = [fault.value for fault, times in total.by_fault().items() if not times]
    if never:
        print(f"never reached: {', '.join(never)}")
    return 1 if total.violations or never else 0


if __name__ == "__main__":
    raise SystemExit(main())
