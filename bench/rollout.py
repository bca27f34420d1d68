"""What rollouts come to by the numbers alone: equal challengers, and worse ones, by the thousand.

Every rollout is judged by `step_rollout`'s own judge, after every minute, on traffic that is drawn
for it: requests by a Poisson process, errors by their share, latencies log-normal. Nothing runs on
AWS here; `bench.reaction` measures how fast a decision takes effect.

python -m bench.rollout                   # 20,000 rollouts of each kind, every core
python -m bench.rollout --rollouts 1000
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from statistics import median
from typing import Literal

import numpy as np

from functions.definition import Definition, definition_from
from functions.endpoint import MINUTE, Arms, Minute, Traffic
from functions.step_rollout.comparison import findings, slow
from functions.step_rollout.judge import Fail, Pass, Seen, judge

_START = datetime(2026, 6, 1, 12, tzinfo=UTC)
_MEDIAN, _SIGMA = 0.008, 0.5
"""Seconds of a model's answer: half of them are faster, the p99 is 26 ms."""
_CHUNK = 50
_MINIMUM = 100
"""`promote_requests` by default."""
Outcome = Literal["promoted", "rolled back", "held"]


@dataclass(frozen=True)
class Kind:
    """A challenger beside a champion."""

    said: str
    requests: int = 600
    """A minute, over both arms."""
    errors: tuple[float, float] = (0.005, 0.005)
    """Challenger's and champion's share."""
    times: float = 1.0
    """How many times slower the challenger answers."""
    storms: float = 0.0
    """Share of the minutes in which both arms have ten times the errors and twice the latency."""
    hours: float = 8.0


@dataclass(frozen=True)
class Told:
    """How one rollout ended."""

    outcome: Outcome
    answered: int
    """Requests the challenger had answered by then."""
    minutes: int


@dataclass(frozen=True)
class Sum:
    """What many rollouts of one kind came to."""

    told: Sequence[Told]

    def share(self, outcome: Outcome) -> float:
        return len(self.answered(outcome)) / len(self.told)

    def answered(self, outcome: Outcome) -> list[int]:
        return [each.answered for each in self.told if each.outcome == outcome]

    @property
    def typical(self) -> float:
        """The challenger's requests until it was rolled back, in the median."""
        return median(self.answered("rolled back") or [0])


BARS: Sequence[tuple[Kind, str, Callable[[Sum], bool]]] = (
    (Kind("equal"), "rolled back ≤ 1 %", lambda s: s.share("rolled back") <= 0.01),
    (
        Kind("equal, storms over both", storms=0.05),
        "rolled back ≤ 1 %",
        lambda s: s.share("rolled back") <= 0.01,
    ),
    (
        Kind("0.5 → 2.5 % errors", errors=(0.025, 0.005)),
        "≥ 99 %, median ≤ 1,500 requests",
        lambda s: s.share("rolled back") >= 0.99 and s.typical <= 1500,
    ),
    (
        Kind("20 % errors", 200, errors=(0.2, 0.005)),
        "≥ 99 %, median ≤ 30 requests",
        lambda s: s.share("rolled back") >= 0.99 and s.typical <= 30,
    ),
    (
        Kind("three times slower", 200, times=3.0),
        "≥ 99 %, median ≤ 30 requests",
        lambda s: s.share("rolled back") >= 0.99 and s.typical <= 30,
    ),
    (
        Kind("+30 % at p99", times=1.3),
        "≥ 95 % before promotion",
        lambda s: s.share("rolled back") >= 0.95,
    ),
    (
        Kind("equal, 30 requests a minute", 30, hours=2.0),
        "no promotion under the minimum",
        lambda s: min(s.answered("promoted"), default=_MINIMUM) >= _MINIMUM,
    ),
)


def plan() -> Definition:
    """Steps, bakes and minimums as `model.toml` has them by default."""
    data = {"format": "parquet", "features": ["x"], "target": "y", "classes": 2}
    serving = {"hardware": "cpu", "instances": ["ml.m5.large"], "latency": "250ms"}
    return definition_from({"data": data, "serving": serving}, where="bench")


class Draw:
    """The traffic of one rollout, minute by minute."""

    def __init__(self, kind: Kind, seed: int) -> None:
        self._kind = kind
        self._random = np.random.default_rng(seed)
        self._limit: float | None = None
        hour = (_START - i * MINUTE for i in range(60, 0, -1))
        self.before = Traffic(tuple(self._champion(at, 100, storm=False) for at in hour))
        self._limit = slow(self.before)

    def minute(self, at: datetime, weight: int) -> tuple[Minute, Minute]:
        """What both arms answer in a minute with so many percent on the challenger."""
        kind, storm = self._kind, self._random.random() < self._kind.storms
        challenger = self._minute(at, weight, kind.errors[0], kind.times, storm=storm)
        return challenger, self._champion(at, 100 - weight, storm=storm)

    def _champion(self, at: datetime, weight: int, *, storm: bool) -> Minute:
        return self._minute(at, weight, self._kind.errors[1], 1.0, storm=storm)

    def _minute(
        self, at: datetime, weight: int, errors: float, times: float, *, storm: bool
    ) -> Minute:
        random = self._random
        requests = int(random.poisson(self._kind.requests * weight / 100))
        if not requests:
            return Minute(at)
        if storm:
            errors, times = 10 * errors, 2 * times
        took = times * _MEDIAN * np.exp(_SIGMA * random.standard_normal(requests))
        return Minute(
            at,
            requests,
            errors=int(random.binomial(requests, errors)),
            slower=0 if self._limit is None else int((took > self._limit).sum()),
            latency_p99=float(np.partition(took, int(0.99 * requests))[int(0.99 * requests)]),
        )


def rollout(kind: Kind, seed: int) -> Told:
    """One rollout by the plan, from its first minute to its end."""
    definition, draw = plan(), Draw(kind, seed)
    steps, bake = definition.rollout.steps, int(definition.rollout.bake / 60)
    new: list[Minute] = []
    old: list[Minute] = []
    now, step, since = _START, 0, _START
    while now - _START < timedelta(hours=kind.hours):
        for _ in range(bake):
            for arm, minute in zip((new, old), draw.minute(now, steps[step]), strict=True):
                arm.append(minute)
            now += MINUTE
        whole = Arms(_traffic(new), _traffic(old))
        seen = Seen(whole.since(since), whole, draw.before)
        verdict = judge(seen, definition, least=definition.rollout.min_requests)
        if isinstance(verdict, Fail):
            return _back(seen, definition, now)
        if not isinstance(verdict, Pass):
            continue
        if step + 1 < len(steps):
            step, since = step + 1, now
        elif whole.challenger.requests >= definition.rollout.promote_requests:
            return Told("promoted", whole.challenger.requests, _minutes(now))
    return Told("held", sum(each.requests for each in new), _minutes(now))


def _back(seen: Seen, definition: Definition, now: datetime) -> Told:
    """At the first minute that left no doubt; looks come every minute."""
    at = min((f.at for f in findings(seen.whole, seen.before, definition)), default=now)
    answered = sum(m.requests for m in seen.whole.challenger.minutes if m.at <= at)
    return Told("rolled back", answered, _minutes(at + MINUTE))


def _traffic(minutes: Sequence[Minute]) -> Traffic:
    return Traffic(tuple(each for each in minutes if each.requests))


def _minutes(at: datetime) -> int:
    return int((at - _START) / MINUTE)


def many(kind: Kind, count: int, pool: ProcessPoolExecutor) -> Sum:
    """So many rollouts of a kind; the n-th is the same in every run."""
    return Sum(list(pool.map(partial(rollout, kind), range(count), chunksize=_CHUNK)))


def row(kind: Kind, bar: str, found: Sum, *, kept: bool) -> str:
    """One kind as a line of the table."""
    return (
        f"{kind.said:<28}{found.share('rolled back'):>12.2%}{found.share('promoted'):>11.2%}"
        f"{found.typical:>12.0f}   {'✓' if kept else '✗ MISSED'} {bar}"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 1 when a bar is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.rollout")
    parser.add_argument("--rollouts", type=int, default=20_000, help="of each kind")
    count, began = parser.parse_args(arguments).rollouts, time.monotonic()
    print(f"{count} rollouts of each kind, by the defaults of model.toml: {_plan_said()}\n")
    print(f"{'challenger':<28}{'rolled back':>12}{'promoted':>11}{'its requests':>13}   bar")
    missed = 0
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for kind, bar, keeps in BARS:
            found = many(kind, count, pool)
            missed += not keeps(found)
            print(row(kind, bar, found, kept=keeps(found)), flush=True)
    print(f"\n{time.monotonic() - began:.0f} s; its requests: until rolled back, in the median")
    return 1 if missed else 0


def _plan_said() -> str:
    rollout = plan().rollout
    steps = ", ".join(str(step) for step in rollout.steps)
    return (
        f"{steps} %, bakes of {rollout.bake / 60:.0f} min, looks each {rollout.look:.0f} s,"
        f" margins {rollout.max_errors:.1%} and {rollout.max_slower:.1%},"
        f" false alarms {rollout.false_alarm:.0%}"
    )


if __name__ == "__main__":
    sys.exit(main())
