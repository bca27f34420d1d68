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
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import psutil

from bench.retold import AT_WORK, Told, under_way, wrong
from cli.embedded import stop
from cli.home import Local, embedded
from cli.up import Up, bring_up
from demo.data import questions, write_all
from demo.stage import MODEL, Stage
from demo.traffic import Users

STAGE = "dev"
TIME_SCALE = 100.0
RATE = 40.0
"""Questions a second that users ask all the while."""
_IN_UP = 0.15
"""How often the kill comes while `up` is at work; the first of a story always does."""
_SOON, _LATE = 3.0, 14.0
"""Seconds of story between two kills: mostly up to the one, at times up to the other."""
_OFTEN = 0.65
_STORY = 25
"""Kills in one story, which is then told to its end."""
_ENDS = 600.0
_LEFT = ("**/*.partial*", "**/unpacking-*")
"""Files that nobody takes up again."""


@dataclass
class Outcome:
    interrupted: list[str] = field(default_factory=list)
    """What was under way at each kill."""
    ready: list[float] = field(default_factory=list)
    """Seconds of each `up` after a kill."""
    wrong: list[str] = field(default_factory=list)
    fresh: list[float] = field(default_factory=list)
    """Seconds of an `up` into an empty folder."""
    serving: list[float] = field(default_factory=list)
    """Seconds from the beginning of an `up` after a kill to the first answer to a user."""

    @property
    def kills(self) -> int:
        return len(self.interrupted)


@dataclass
class Trial:
    """One folder with an embedded AWS of its own, and the story that goes on in it."""

    folder: Path
    chance: Random
    outcome: Outcome
    told: Told
    users: Users | None = None
    killed: bool = False
    up_since: float | None = None
    """When the `up` of this life began."""

    def run(self, kills: int) -> None:
        """So many kills; then the story is told to its end, and looked at."""
        for _ in range(kills):
            if not self.killed or self.chance.random() < _IN_UP:
                self._killed_in_up()
            else:
                self._killed_in_story()
            took = f"{self.outcome.ready[-1]:5.1f} s" if self.outcome.ready else "      -"
            print(f"{self.outcome.kills:4d}  up {took}  {self.outcome.interrupted[-1]}", flush=True)
        stage = self._up()
        self._to_the_end(stage)
        self._check(stage)
        self._stop()

    def _killed_in_story(self) -> None:
        stage = self._up()
        longest = _SOON if self.chance.random() < _OFTEN else _LATE
        deadline = time.monotonic() + self.chance.uniform(0.0, longest)
        while time.monotonic() < deadline:
            with contextlib.suppress(*AT_WORK):
                self.told.go_on(stage)
            time.sleep(self.chance.uniform(0.0, 0.3))
        self._kill(under_way(stage))

    def _killed_in_up(self) -> None:
        """`sluice up` as a process of its own, so that it can be killed like everything else."""
        words = f"from bench.kills import up; up({str(self.folder)!r})"
        process = subprocess.Popen(
            [sys.executable, "-c", words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(self.chance.uniform(0.5, 4.0 if self.killed else 30.0))
        ended = process.poll() is not None
        if ended and process.returncode:
            self.outcome.wrong.append(
                f"kill {self.outcome.kills + 1}: up ended in {process.returncode}"
            )
        kill([process.pid])
        said = process.communicate()[0].decode().split("\n")
        self._kill("just up" if ended else f"up after: {said[-2] if said[1:] else 'its start'}")

    def _kill(self, what: str) -> None:
        self._note_first_answer()
        local = Local.read(self.folder)
        alone = self.chance.random() < 0.5
        if local is not None and local.alive:
            kill([local.pid], alone=alone)
        self.outcome.interrupted.append(what)
        self.killed = True
        self._nobody_left()

    def _up(self) -> Stage:
        begun, at = time.monotonic(), time.time()
        try:
            local = bring_up(_wish(self.folder), lambda *_: None)
        except AT_WORK as error:
            self.outcome.wrong.append(f"kill {self.outcome.kills}: up failed: {error}")
            local = bring_up(_wish(self.folder), lambda *_: None)
        times = self.outcome.ready if self.killed else self.outcome.fresh
        times.append(time.monotonic() - begun)
        stage = Stage(embedded(local, STAGE), local, {})
        self._ask(stage)
        self.up_since = at if self.killed else None
        return stage

    def _ask(self, stage: Stage) -> None:
        if self.users is None or self.users.url != stage.local.url:
            endpoint = stage.home.names.endpoint(MODEL)
            self.users = Users(stage.local.url, endpoint, questions(), RATE)
            self.users.start()

    def _note_first_answer(self) -> None:
        if self.users is not None and self.up_since is not None:
            answers = [each for each in self.users.answers if each.at >= self.up_since]
            answered = [each.at + each.seconds for each in answers if each.ok]
            self.outcome.serving += [min(answered) - self.up_since] if answered else []
            self.users.answers.clear()
            self.up_since = None

    def _to_the_end(self, stage: Stage) -> None:
        deadline = time.monotonic() + _ENDS
        while time.monotonic() < deadline:
            with contextlib.suppress(*AT_WORK):
                if self.told.go_on(stage):
                    return
            time.sleep(0.3)

    def _check(self, stage: Stage) -> None:
        with contextlib.suppress(*AT_WORK):
            self.outcome.wrong += [f"{self.folder}: {line}" for line in wrong(stage)]
            return
        self.outcome.wrong.append(f"{self.folder}: nobody answers at the end of the story")

    def _stop(self) -> None:
        if self.users is not None:
            self.users.stop()
        stop(self.folder)
        self._nobody_left()
        for pattern in _LEFT:
            self.outcome.wrong += [f"left: {path}" for path in self.folder.glob(pattern)]

    def _nobody_left(self) -> None:
        deadline = time.monotonic() + 5.0
        while (left := self._alive()) and time.monotonic() < deadline:
            time.sleep(0.05)  # the kernel takes children along
        self.outcome.wrong += [f"left alive: {line}" for line in left]

    def _alive(self) -> list[str]:
        """Processes that belong to the folder; the reader of this line is none of them."""
        mark = f"{self.folder}/"
        return [line for pid, line in _lines() if mark in line and pid != os.getpid()]


def up(folder: str) -> None:
    """What the process that is killed while it comes up does; it says what has ended."""
    bring_up(_wish(Path(folder)), lambda step, _: print(step, flush=True))


def _wish(folder: Path) -> Up:
    return Up(folder, STAGE, Path("models"), port=0, time_scale=TIME_SCALE)


def kill(roots: Sequence[int], *, alone: bool = False) -> None:
    """kill -9 of whole trees, at one moment: all are stopped before any is killed.

    Alone, the roots are killed and nothing else: their children are the kernel's matter.
    """
    tree: list[psutil.Process] = []
    for root in roots:
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(root)
            tree += [process, *([] if alone else process.children(recursive=True))]
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for each in tree:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.send_signal(number)
    psutil.wait_procs(tree, 10)


def _lines() -> Iterable[tuple[int, str]]:
    for process in psutil.process_iter(["pid", "cmdline", "status"]):
        if process.info["status"] != psutil.STATUS_ZOMBIE:
            yield process.info["pid"], " ".join(process.info["cmdline"] or ())


def report(outcome: Outcome, seed: int) -> None:
    failed = len([line for line in outcome.wrong if "up failed" in line])
    print(f"{outcome.kills} kills, seed {seed}: {outcome.kills - failed} recovered at once")
    measured = {
        "up into nothing": outcome.fresh,
        "up after a kill": outcome.ready,
        "first answer after a kill": outcome.serving,
    }
    for title, times in measured.items():
        if times:
            middle, longest = statistics.median(times), max(times)
            print(f"{title}: p50 {middle:.1f} s, longest {longest:.1f} s, {len(times)} times")
    for what, count in Counter(outcome.interrupted).most_common():
        print(f"  {count:4d}  {what}")
    print(f"{len(outcome.wrong)} things wrong")
    for line in outcome.wrong:
        print(f"  {line[:400]}")


def _stories(options: argparse.Namespace, outcome: Outcome) -> None:
    chance, root = Random(options.seed), options.folder.resolve()
    folders = write_all(root / "demo")
    number = 0
    while outcome.kills < options.kills:
        number += 1
        folder = root / f"story-{number}"
        stop(folder)
        shutil.rmtree(folder, ignore_errors=True)
        trial = Trial(folder, chance, outcome, Told(folders))
        try:
            trial.run(min(options.story, options.kills - outcome.kills))
        except AT_WORK as error:
            outcome.wrong.append(f"{folder} is given up: {error}")
        finally:
            stop(folder)
        if not outcome.wrong:
            shutil.rmtree(folder)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--story", type=int, default=_STORY, help="kills in one story")
    parser.add_argument("--folder", type=Path, default=Path(".sluice-kills"))
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # says what was found so far
    outcome = Outcome()
    try:
        _stories(options, outcome)
    finally:
        report(outcome, options.seed)
    return 1 if outcome.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
