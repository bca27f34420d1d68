"""Everything goes wrong at once, under load, with real processes: what did the users get?

While drops are worked on and users ask the endpoint, a nemesis strikes by a seed: it kills and
stops serving processes, kills functions between two calls, jumps the clock, fills the disk, loses,
doubles and delays events, throttles and breaks calls. Then it rests, and the history is checked:
every answer was by a version that might answer then, nobody waited for an answer that never came,
every drop has come to an end, the champion serves, no job is left, and the evidence log holds.

python -m bench.nemesis --seconds 90 --seed 1
"""

import argparse
import contextlib
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import psutil

from bench.history import lost, unallowed
from bench.retold import AT_WORK
from cli import actions
from cli.embedded import stop
from cli.faults import FaultBook
from cli.home import embedded
from cli.up import Up, bring_up
from cli.verify import verified
from demo.data import FIRST_ROWS, HOLDOUT_ROWS, digits, questions, write
from demo.stage import MODEL, Stage
from demo.traffic import Users
from functions.ledger import RolloutRecord, RunRecord, RunState

STAGE = "dev"
TIME_SCALE = 100.0
RATE = 40.0
"""Questions a second that users ask all the while."""
_MORE_ROWS = 130
"""By which each drop is larger than the one before."""
_DROPS = 6
_CALM = 720.0
"""Seconds in which everything must have come to rest after the last strike.

The sweep asks again for what is five minutes overdue, by the clock of the functions, which is true
whatever the time scale: an event that was lost twice costs ten.
"""
_PAUSE = (0.5, 2.5)
_SERVICES = ("sagemaker", "dynamodb", "events", "s3", "scheduler")
_OVER = frozenset({RunState.APPROVED, RunState.REJECTED, RunState.HELD, RunState.FAILED})
_WAITING = frozenset({RunState.HELD, RunState.PARKED})
Wish = Mapping[str, Any]


def faults(chance: Random, endpoint: str) -> Iterator[tuple[str, Wish, float]]:
    """Every fault of the embedded AWS as it may be armed now: its kind, its wish, its seconds.

    S3's events are not lost: they come at least once, and nothing else tells of a drop.
    """
    soon = chance.uniform(1.0, 4.0)
    often = {"probability": chance.uniform(0.2, 0.6), "seed": chance.randrange(1 << 30)}
    service = {"service": chance.choice(_SERVICES), **often}
    yield "kill-server", {"name": endpoint, "count": chance.randint(1, 3)}, soon
    when = chance.choice(["before", "after"])
    yield "kill-function", {"name": "*", "call": chance.randint(1, 9), "when": when}, 2 * soon
    yield "clock-jump", {"seconds": chance.choice([-3600, -300, 300, 3600])}, soon
    yield "disk-full", {"bytes": chance.randrange(200_000)}, chance.uniform(0.5, 2.0)
    yield "lose", {"source": "aws.sagemaker", **often}, 2 * soon
    yield "duplicate", {"copies": chance.randint(2, 9), **often}, 2 * soon
    yield "delay", {"seconds": chance.uniform(0.1, 3.0), **often}, 2 * soon
    yield "reorder", {"seconds": chance.uniform(0.1, 3.0), **often}, 2 * soon
    yield "throttle", service, soon
    yield "internal-error", service, soon
    yield "time-out-after-apply", service, soon


@dataclass
class Nemesis:
    """What goes wrong, by a seed."""

    chance: Random
    stage: Stage
    book: FaultBook
    struck: Counter[str] = field(default_factory=Counter)
    armed: dict[str, tuple[str, float]] = field(default_factory=dict)
    """The kind and the end of each fault, by its id."""
    stopped: dict[int, float] = field(default_factory=dict)
    """When each process that was stopped goes on."""

    def strike(self) -> None:
        """One thing more, and an end to what has lasted long enough."""
        self.relent(time.monotonic())
        ways: list[Callable[[], None]] = [self._arm] * 5
        self.chance.choice([*ways, self._kill_server, self._stop_server])()

    def relent(self, now: float) -> None:
        """Take back what is over by now."""
        told = {fault["id"]: fault for fault in self.book.told()["faults"]}
        for id_ in [id_ for id_, (_, until) in self.armed.items() if until <= now]:
            kind, _ = self.armed.pop(id_)
            jumped = kind == "clock-jump"
            self.struck[kind] += 1 if jumped else told.get(id_, {}).get("struck", 0)
            self.book.remove(id_)
        for pid in [pid for pid, until in self.stopped.items() if until <= now]:
            del self.stopped[pid]
            with contextlib.suppress(psutil.NoSuchProcess):
                psutil.Process(pid).resume()

    def rest(self) -> None:
        """Nothing goes wrong any more."""
        self.relent(float("inf"))

    def _arm(self) -> None:
        endpoint = self.stage.home.names.endpoint(MODEL)
        kind, wish, lasts = self.chance.choice(list(faults(self.chance, endpoint)))
        id_ = self.book.add({"kind": kind, **wish})
        self.armed[id_] = (kind, time.monotonic() + lasts)

    def _kill_server(self) -> None:
        if serving := self._serving():
            with contextlib.suppress(psutil.NoSuchProcess):
                self.chance.choice(serving).kill()
                self.struck["kill -9 of a serving process"] += 1

    def _stop_server(self) -> None:
        if serving := self._serving():
            with contextlib.suppress(psutil.NoSuchProcess):
                victim = self.chance.choice(serving)
                victim.suspend()
                self.stopped[victim.pid] = time.monotonic() + self.chance.uniform(0.5, 3.0)
                self.struck["a serving process stopped for a while"] += 1

    def _serving(self) -> list[psutil.Process]:
        found = []
        for each in psutil.Process(self.stage.local.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                if each.cmdline()[1:3] == ["-m", "serving"]:
                    found.append(each)
        return sorted(found, key=lambda process: process.pid)


@dataclass
class Trial:
    """One stage, what is dropped into it, and what is wrong at the end."""

    stage: Stage
    users: Users
    folders: list[Path]
    dropped: list[str] = field(default_factory=list)

    def go_on(self) -> None:
        """The next drop, once the run of the last one is over."""
        if len(self.dropped) == len(self.folders) or not self._last_is_over():
            return
        name = f"drop-{len(self.dropped)}"
        self.stage.drop(name, self.folders[len(self.dropped)])
        self.dropped.append(name)

    def _last_is_over(self) -> bool:
        return not self.dropped or self._ended(self.dropped[-1])

    def _ended(self, name: str) -> bool:
        drop = self.stage.record(name)
        if drop is None or not drop.ended:
            return False
        runs = [run for run in self.stage.runs() if run.drop == name]
        return not drop.dataset or any(r.state in _OVER or r.due_at is None for r in runs)

    def at_rest(self) -> bool:
        """Whether every drop has come to its end, and nothing else is open in the ledger."""
        return all(map(self._ended, self.dropped)) and not list(self._open())

    def _open(self) -> Iterator[str]:
        """Records that would still be looked at; a run that waits does so for a person."""
        later = datetime.now(UTC) + timedelta(days=30)
        for record in self.stage.home.ledger.overdue(later, limit=1000):
            if not (isinstance(record, RunRecord) and record.state in _WAITING):
                yield f"{record.kind} {record.key} is open: {getattr(record, 'state', '')}"

    def wrong(self) -> Iterator[str]:
        """What the history and the world at rest do not say as they must."""
        ledger = self.stage.home.ledger
        rollouts = ledger.all(RolloutRecord)
        yield from unallowed(self.users.answers, rollouts)
        yield from lost(self.users.answers)
        yield from (
            f"{name} never came to an end" for name in self.dropped if not self._ended(name)
        )
        yield from self._open()
        yield from verified(ledger.logs()).faults
        yield from self._left()
        yield from self._not_serving()

    def _left(self) -> Iterator[str]:
        sagemaker = self.stage.client("sagemaker")
        for kind in ("training", "processing"):
            told = getattr(sagemaker, f"list_{kind}_jobs")(StatusEquals="InProgress")
            for job in told[f"{kind.title()}JobSummaries"]:
                yield f"{job[f'{kind.title()}JobName']} runs on"

    def _not_serving(self) -> Iterator[str]:
        champion = self.stage.champion()
        view = self.stage.home.endpoints.view(MODEL)
        if champion is None:
            return
        said = actions.invoke(self.stage.home, MODEL, actions.sample(self.stage.home, MODEL))[
            "said"
        ]
        if f"version={champion}" not in str(said):
            yield f"version {champion} is the champion, and {said} answers: {view}"


def drops(folder: Path) -> list[Path]:
    """Each larger than the one before; the holdout is not among them."""
    rest = digits().cut(HOLDOUT_ROWS)
    sizes = [FIRST_ROWS + _MORE_ROWS * number for number in range(_DROPS)]
    return [
        write(folder / f"drop-{number}", {"part-0.parquet": rest.cut(0, size)})
        for number, size in enumerate(sizes)
    ]


def tried(folder: Path, seconds: float, seed: int) -> tuple[Trial, Nemesis, list[str]]:
    """So many seconds of strikes, then rest; what is wrong."""
    local = bring_up(
        Up(folder, STAGE, Path("models"), port=0, time_scale=TIME_SCALE), lambda *_: None
    )
    stage = Stage(embedded(local, STAGE), local, {})
    held = write(folder / "holdout", {"holdout.parquet": digits().cut(0, HOLDOUT_ROWS)})
    actions.holdout(stage.home, MODEL, [held], id_="v1", progress=lambda *_: None)
    users = Users(local.url, stage.home.names.endpoint(MODEL), questions(), RATE)
    trial = Trial(stage, users, drops(folder))
    nemesis = Nemesis(Random(seed), stage, FaultBook(local.url))
    trial.go_on()
    stage.until(lambda: stage.champion() or None, "a first champion")
    users.start()
    _strike(trial, nemesis, until=time.monotonic() + seconds)
    calm = time.monotonic()
    while not _quiet(trial) and time.monotonic() < calm + _CALM:
        time.sleep(0.5)
    print(f"at rest {time.monotonic() - calm:.0f} s after the last strike", flush=True)
    time.sleep(2.0)
    users.stop()
    return trial, nemesis, list(trial.wrong())


def _strike(trial: Trial, nemesis: Nemesis, *, until: float) -> None:
    while time.monotonic() < until:
        with contextlib.suppress(*AT_WORK):
            nemesis.strike()
        with contextlib.suppress(*AT_WORK):
            trial.go_on()
        time.sleep(nemesis.chance.uniform(*_PAUSE))
    nemesis.rest()


def _quiet(trial: Trial) -> bool:
    with contextlib.suppress(*AT_WORK):
        return trial.at_rest()
    return False


def report(trial: Trial, nemesis: Nemesis, wrong: list[str]) -> None:
    """The table of what struck, and what the history said."""
    print("strikes")
    for what, times in sorted(nemesis.struck.items()):
        print(f"  {times:6d} x {what}")
    answers = trial.users.answers
    print(f"history: {len(answers)} questions")
    for status, count in sorted(Counter(answer.status for answer in answers).items()):
        print(f"  {count:6d} x {f'HTTP {status}' if status else 'connection closed'}")
    for version, count in sorted(Counter(a.version for a in answers if a.ok).items(), key=str):
        print(f"  {count:6d} answered by version {version}")
    for name in trial.dropped:
        runs = [f"{r.state} {r.reason or ''}" for r in trial.stage.runs() if r.drop == name]
        print(f"  {name}: {', '.join(runs) or 'no run'}")
    for rollout in trial.stage.home.ledger.all(RolloutRecord):
        print(f"  {rollout.rollout}: {rollout.state} {rollout.reason or ''}")
    print(f"{len(wrong)} things wrong")
    for line in wrong[:30]:
        print(f"  {line[:300]}")


def main() -> int:
    """Try; 1 when something was wrong."""
    parser = argparse.ArgumentParser(prog="python -m bench.nemesis", description=__doc__)
    parser.add_argument("--seconds", type=float, default=90.0, help="of strikes")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path(".sluice-nemesis"))
    wish = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    folder = wish.folder.resolve()
    stop(folder)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        trial, nemesis, wrong = tried(folder, wish.seconds, wish.seed)
        report(trial, nemesis, wrong)
    finally:
        stop(folder)
    if not wrong:
        shutil.rmtree(folder)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
