"""`make demo`: from nothing to the end of the story, with a verdict."""

import argparse
import os
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from cli import aws_errors
from cli.embedded import stop
from cli.errors import CliError
from cli.home import FOLDER, Local, embedded
from cli.up import Up, bring_up
from demo.claims import Claims
from demo.data import questions, write_all
from demo.measure import Memory, Weights
from demo.reckoning import Reckoning, reckon
from demo.stage import MODEL, Stage
from demo.story import Story
from demo.traffic import Users
from demo.witness import Witness

TIME_SCALE = 100.0
"""A ten-minute bake takes six seconds; the reaction to an alarm is not scaled."""
RATE = 100.0
"""Questions per second."""
_INTERRUPTED = 130


def main() -> int:
    """Tell the story; 0 when every claim held."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave the embedded AWS up")
    options = parser.parse_args()
    console = Console(soft_wrap=True, width=None if sys.stdout.isatty() else 140)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    begun = time.time()
    claims = Claims(console)
    if stop(FOLDER):
        console.print("stopped the embedded AWS that was up; the demo begins from nothing")
    shutil.rmtree(FOLDER / "state", ignore_errors=True)
    try:
        reckoning = _tell(console, claims, begun)
    except (CliError, *aws_errors.FAMILIES) as error:
        console.print(f"[red]{escape(str(error))}[/]")
        console.print(f"  logs: {FOLDER}/local.log and `sluice logs FUNCTION` (with --keep)")
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED
    finally:
        if not options.keep:
            stop(FOLDER)
    console.print(claims.table())
    console.print(reckoning.table())
    console.print(f"picture: {reckoning.picture}    {time.time() - begun:.0f} s in all")
    return 0 if claims.hold and reckoning.holds else 1


def _tell(console: Console, claims: Claims, begun: float) -> Reckoning:
    memory = Memory([])
    sampling = memory.sampler()
    memory.roots.append(os.getpid())
    sampling.start()
    claims.begin("0. The embedded AWS and the stack")
    wish = Up(FOLDER, "dev", Path("models"), port=0, time_scale=TIME_SCALE)
    local = bring_up(wish, lambda step, s: console.print(f"    {s:5.1f} s  {step}"))
    memory.roots.append(local.pid)
    stage = Stage(embedded(local, "dev"), local, {})
    story = Story(stage, claims, write_all(FOLDER / "demo"), Witness.placed(stage))
    served = story.first_champion()
    users = _users(local, stage)
    weights = Weights(lambda: stage.home.endpoints.view(MODEL))
    looking = weights.sampler()
    looking.start()
    users.start()
    try:
        marks = _chapters(story, begun)
    finally:
        users.stop()
        looking.stop()
        sampling.stop()
    return reckon(
        story,
        claims,
        users=users.answers,
        weights=weights,
        memory=memory,
        begun=begun,
        served=served,
        marks=marks,
        picture=FOLDER / "demo.png",
    )


def _chapters(story: Story, begun: float) -> Sequence[tuple[float, str]]:
    """Chapters 2 to 6 while users ask; when each began."""
    marks: list[tuple[float, str]] = []

    def mark(word: str) -> None:
        marks.append((time.time() - begun, word))

    mark("drop 2")
    story.better()
    mark("drop 3 (shuffled)")
    story.worse()
    mark("drop 2 again")
    story.again()
    story.half_written()
    mark("careless version")
    story.careless()
    mark("broken drops")
    story.broken()
    return marks


def _users(local: Local, stage: Stage) -> Users:
    return Users(local.url, stage.home.names.endpoint(MODEL), questions(), RATE)


if __name__ == "__main__":
    sys.exit(main())
