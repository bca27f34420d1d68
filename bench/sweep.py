"""`python -m bench.sweep`: one pass of the sweep over many records, overdue and not.

The sweep as it is deployed, over a ledger and a bus in memory of which every call takes as long as
a call to AWS would: what is measured is how many calls a record costs and how many go at once.
"""

import argparse
import sys
import time
from collections import Counter
from contextlib import AbstractContextManager
from datetime import datetime, timedelta

from events.foreign import ScheduleFired
from functions.aws.book import Book
from functions.ledger import Record, RolloutState, RunState
from functions.sweep.handler import WORKERS, Sweep
from functions.turn import taken
from tests.builders import MODEL, NAMES, NOON, a_drop, a_rollout, a_run
from tests.fakes.bus import FakeBus, envelope
from tests.fakes.calls import Calls
from tests.fakes.ledger import FakeLedger

FIRED = envelope(ScheduleFired.source, ScheduleFired.detail_types[0], {})


class SlowCalls(Calls):
    """Calls to the outside that take their time."""

    seconds = 0.0

    def one(self, name: str) -> AbstractContextManager[None]:
        time.sleep(self.seconds)
        return super().one(name)


def record(number: int, due_at: datetime) -> Record:
    """One of a mixture of everything that can be open."""
    match number % 4:
        case 0:
            return a_drop(drop=f"drop-{number}", due_at=due_at)
        case 1:
            run = f"{number:012x}"
            return a_run(run=run, state=RunState.TRAINING, due_at=due_at)
        case 2:
            return a_run(run=f"{number:012x}", state=RunState.EVALUATING, due_at=due_at)
        case _:
            id_ = f"{NAMES.endpoint(MODEL)}-v{number}"
            return a_rollout(rollout=id_, state=RolloutState.SHIFTING, due_at=due_at)


def passed(sweep: Sweep, calls: Calls, now: datetime) -> tuple[float, Counter[str]]:
    """Seconds of one pass, and its calls by kind."""
    calls.made.clear()
    began = time.perf_counter()
    taken(sweep, FIRED, "sweep", clock=lambda: now)
    return time.perf_counter() - began, Counter(calls.made)


def main() -> int:
    """Measure; 1 when a pass took longer than a minute or wrote where nothing was due."""
    parser = argparse.ArgumentParser(prog="python -m bench.sweep", description=__doc__)
    parser.add_argument("--records", type=int, default=10_000)
    parser.add_argument("--milliseconds", type=float, default=8.0, help="of every call to AWS")
    wish = parser.parse_args()
    calls = SlowCalls()
    ledger = FakeLedger(calls)
    for number in range(wish.records):
        ledger.write(record(number, NOON))
    calls.seconds = wish.milliseconds / 1000
    sweep = Sweep(ledger, Book(ledger, FakeBus(calls)), batch=wish.records, workers=WORKERS)
    overdue, made = passed(sweep, calls, NOON)
    left = [r for r in ledger.records() if r.due_at and r.due_at <= NOON]
    idle, again = passed(sweep, calls, NOON + timedelta(minutes=1))
    lines = [
        f"{wish.records} open records, {wish.milliseconds:g} ms a call, {WORKERS} at once",
        f"all overdue   {overdue:6.1f} s, {len(left)} left to the next pass",
        *(f"              {n / wish.records:.2f} x {name} a record" for name, n in made.items()),
        f"none overdue  {idle:6.3f} s, {dict(again)}",
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0 if overdue <= 60 and not left and set(again) == {"ledger.overdue"} else 1


if __name__ == "__main__":
    raise SystemExit(main())
