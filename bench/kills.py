"""Kills everything at random moments while the demo's drops are worked on: what is left of it?

python -m bench.kills --kills 200 --seed 1
"""

import argparse
import contextlib
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import psutil
from botocore.exceptions import BotoCoreError, ClientError

from cli import actions
from cli.embedded import stop
from cli.errors import CliError
from cli.home import Local, embedded
from cli.up import Up, bring_up
from demo.data import write_all
from demo.stage import MODEL, Stage
from functions.ledger import DropState, RunState

STAGE = "dev"
TIME_SCALE = 100.0
CHAMPION = 2
"""drop-1 makes version 1, drop-2 with more data version 2; nothing else is promoted."""
ORDER = ("drop-1", "drop-2", "drop-3", "wrong-schema", "not-a-number")
_JUDGED = frozenset({RunState.APPROVED, RunState.REJECTED, RunState.HELD, RunState.FAILED})
_AT_WORK = (ClientError, BotoCoreError, CliError)
_IN_DEPLOY = 0.2
"""How often the kill comes while `up` is at work."""
_LONGEST = 12.0
"""Seconds of story between two kills, at most."""
_SETTLES = 300.0


@dataclass
class Outcome:
    kills: int = 0
    recoveries: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


@dataclass
class Trial:
    """One folder with an embedded AWS of its own, and the story that goes on in it."""

    folder: Path
    chance: Random
    outcome: Outcome = field(default_factory=Outcome)
    dropped: set[str] = field(default_factory=set)
    told: int = 0
    with_holdout: bool = False

    def run(self, kills: int) -> Outcome:
        self.folders = write_all(self.folder / "demo")
        while self.outcome.kills < kills:
            self._one()
            self.outcome.kills += 1
            print(f"{self.outcome.kills:4d}  up {self.outcome.recoveries[-1]:5.1f} s", flush=True)
        stage = self._up()
        self._drop_all(stage)
        self._check(stage)
        stop(self.folder)
        self._nothing_left()
        return self.outcome

    def _one(self) -> None:
        """Up, some of the story, the kill; or the kill while it comes up."""
        if self.chance.random() < _IN_DEPLOY:
            self._killed_while_coming_up()
        stage = self._up()
        deadline = time.monotonic() + self.chance.uniform(0.0, _LONGEST)
        with contextlib.suppress(*_AT_WORK):
            while time.monotonic() < deadline:
                self._next(stage)
                time.sleep(self.chance.uniform(0.0, 0.5))
        self._kill()

    def _up(self) -> Stage:
        begun = time.monotonic()
        wish = Up(self.folder, STAGE, Path("models"), port=0, time_scale=TIME_SCALE)
        try:
            local = bring_up(wish, lambda *_: None)
        except _AT_WORK as error:
            self.outcome.wrong.append(f"kill {self.outcome.kills}: up failed: {error}")
            local = bring_up(wish, lambda *_: None)
        self.outcome.recoveries.append(time.monotonic() - begun)
        return Stage(embedded(local, STAGE), local, {})

    def _killed_while_coming_up(self) -> None:
        """`sluice up` as a process of its own, so that it can be killed like everything else."""
        words = f"from bench.kills import up; up({str(self.folder)!r})"
        process = subprocess.Popen(
            [sys.executable, "-c", words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(self.chance.uniform(0.5, 20.0))
        _kill([process.pid])
        process.wait()
        self._kill()

    def _kill(self) -> None:
        local = Local.read(self.folder)
        _kill([local.pid] if local is not None and local.alive else [])
        time.sleep(0.2)  # the kernel takes children along
        self.outcome.wrong += [f"left alive: {line}" for line in self._alive()]

    def _next(self, stage: Stage) -> None:
        """The next drop of the story, in turn; one that was told before is told again at times."""
        if not self.with_holdout:
            paths = [self.folders["holdout"]]
            actions.holdout(stage.home, MODEL, paths, id_="v1", progress=lambda *_: None)
            self.with_holdout = True
        if self.told < len(ORDER):
            self._drop(stage, ORDER[self.told])

    def _drop(self, stage: Stage, name: str) -> None:
        before = ORDER[: ORDER.index(name)]
        if not all(_settled(stage, each) for each in before):
            return  # the story's order decides who is champion
        if name not in self.dropped:
            stage.drop(name, self.folders[name])
            self.dropped.add(name)
        elif _settled(stage, name):
            self.told += 1

    def _drop_all(self, stage: Stage) -> None:
        deadline = time.monotonic() + _SETTLES
        while self.told < len(ORDER) and time.monotonic() < deadline:
            self._next(stage)
            time.sleep(0.2)

    def _check(self, stage: Stage) -> None:
        for name in ORDER:
            if not _settled(stage, name):
                self.outcome.wrong.append(f"{name} came to no end: {stage.record(name)}")
        try:
            stage.until(lambda: stage.champion() == CHAMPION or None, "v2", within=_SETTLES)
            said = actions.invoke(stage.home, MODEL, actions.sample(stage.home, MODEL))["said"]
        except _AT_WORK as error:
            self.outcome.wrong.append(f"champion {stage.champion()}: {error}")
            return
        if f"version={CHAMPION}" not in str(said):
            self.outcome.wrong.append(f"somebody else answers: {said}")

    def _alive(self) -> list[str]:
        """Processes that belong to the folder; the reader of this line is none of them."""
        mark = str(self.folder)
        return [line for pid, line in _lines() if mark in line and pid != os.getpid()]

    def _nothing_left(self) -> None:
        self.outcome.wrong += [f"left alive: {line}" for line in self._alive()]
        for pattern in ("**/*.partial*", "**/unpacking-*", "state/sagemaker/endpoints/*/*"):
            self.outcome.wrong += [f"left: {path}" for path in self.folder.glob(pattern)]


def up(folder: str) -> None:
    """What the process that is killed while it comes up does."""
    wish = Up(Path(folder), STAGE, Path("models"), port=0, time_scale=TIME_SCALE)
    bring_up(wish, lambda *_: None)


def _settled(stage: Stage, name: str) -> bool:
    """A drop whose whole consequence is there: turned away, or judged and rolled out."""
    drop = stage.record(name)
    if drop is None or not drop.settled:
        return False
    if drop.state is not DropState.ACCEPTED:
        return True
    runs = [run for run in stage.runs() if run.drop == name]
    if not runs or runs[0].state not in _JUDGED:
        return False
    return name == "drop-3" or stage.champion() == ORDER.index(name) + 1


def _kill(roots: Sequence[int]) -> None:
    """kill -9 of whole trees, at one moment: all are stopped before any is killed."""
    tree: list[psutil.Process] = []
    for root in roots:
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(root)
            tree += [process, *process.children(recursive=True)]
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for each in tree:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.send_signal(number)
    psutil.wait_procs(tree, 10)


def _lines() -> Iterable[tuple[int, str]]:
    for process in psutil.process_iter(["pid", "cmdline", "status"]):
        if process.info["status"] != psutil.STATUS_ZOMBIE:
            yield process.info["pid"], " ".join(process.info["cmdline"] or ())


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path(".sluice-kills"))
    options = parser.parse_args()
    stop(options.folder)
    shutil.rmtree(options.folder, ignore_errors=True)
    options.folder.mkdir(parents=True)
    try:
        outcome = Trial(options.folder.resolve(), Random(options.seed)).run(options.kills)
    finally:
        stop(options.folder)
    times = sorted(outcome.recoveries)
    print(f"{outcome.kills} kills, seed {options.seed}: {len(outcome.wrong)} things wrong")
    print(f"up: median {statistics.median(times):.1f} s, longest {times[-1]:.1f} s")
    for line in outcome.wrong:
        print(f"  {line[:200]}")
    return 1 if outcome.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
