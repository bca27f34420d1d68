"""The container's command: `train` or `evaluate`, on SageMaker's /opt/ml."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from training import launch
from training.container import EvaluationPlaces, TrainingPlaces
from training.failure import is_of_input, one_line, record
from training.log import Log

_USAGE: Final = "usage: python3 <code.zip> train|evaluate\n"
_FAILED: Final = 1
_MISUSED: Final = 2  # by the command line or by what the job was given
_STOPPED: Final = 128 + signal.SIGTERM


def main(arguments: Sequence[str] | None = None) -> int:
    match list(sys.argv[1:] if arguments is None else arguments):
        case ["train"] if not launch.is_worker():
            return start(_base(os.environ), os.environ)
        case ["train"]:
            told = StopRequest()
            signal.signal(signal.SIGTERM, told.by_signal)
            base = _base(os.environ)
            return train(base, os.environ, root=_root(), stopping=lambda: told.stop)
        case ["evaluate"]:
            return evaluate(_base(os.environ), os.environ, root=_root())
        case _:
            sys.stderr.write(_USAGE)
            return _MISUSED


def start(base: Path, environment: Mapping[str, str]) -> int:
    """The processes of a training, and what the first of them that failed ended with."""
    places = TrainingPlaces(base)
    try:
        plan = launch.Plan.read(places.resources, environment)
        return launch.launch(launch.command(), plan, environment, failure=places.failure)
    except Exception as error:  # noqa: BLE001  # the last line of defence: every failure is told
        return _fail(error, places.failure, Log(sys.stdout))


def train(
    base: Path, environment: Mapping[str, str], *, root: Path, stopping: Callable[[], bool]
) -> int:
    """Told to stop, it leaves a checkpoint and no failure: the next attempt goes on from there."""
    places = TrainingPlaces(base)
    log = Log(sys.stdout).about(traceparent=environment.get("TRACEPARENT", ""))
    try:
        from training.parallel import World
        from training.train import train as job

        world = World.of(environment)
        log = log.of_one(speaks=world.leads)
        finished = job(places, root=root, log=log, stopping=stopping, world=world)
    except Exception as error:  # noqa: BLE001  # the last line of defence: every failure is told
        return _fail(error, places.failure, log)
    return 0 if finished else _STOPPED


def evaluate(base: Path, environment: Mapping[str, str], *, root: Path) -> int:
    places = EvaluationPlaces(base)
    log = Log(sys.stdout).about(traceparent=environment.get("TRACEPARENT", ""))
    try:
        from training.judge import judge as job

        job(places, environment, root=root, log=log)
    except Exception as error:  # noqa: BLE001  # the last line of defence: every failure is told
        return _fail(error, places.failure, log)
    return 0


class StopRequest:
    """SIGTERM as a value that can be asked for."""

    def __init__(self) -> None:
        self.stop = False

    def by_signal(self, _number: int, _frame: object) -> None:
        self.stop = True


def _fail(error: Exception, path: Path, log: Log) -> int:
    if not path.exists():  # of several processes the first to fail knows why
        record(path, error)
    log.error(one_line(error), trace="".join(traceback.format_exception(error)))
    return _MISUSED if is_of_input(error) else _FAILED


def _base(environment: Mapping[str, str]) -> Path:
    return Path(environment.get("SAGEMAKER_BASE_DIR") or "/opt/ml")


def _root() -> Path:
    """The archive this runs from, or the folder that holds the package."""
    return Path(__file__).parents[1]


if __name__ == "__main__":
    raise SystemExit(main())
