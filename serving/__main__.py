"""`python -m serving`: verifies the model, serves it, and drains on SIGTERM."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from typing import Final

from serving.errors import ServingError, SettingsError
from serving.log import Log
from serving.settings import Settings

_REFUSED: Final = 1
_MISUSED: Final = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """SageMaker starts the container with `serve`; people start it without."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given not in ([], ["serve"]):
        sys.stderr.write("usage: python -m serving [serve]\n")
        return _MISUSED
    try:
        return run(os.environ)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return _MISUSED
    except ServingError as error:
        sys.stderr.write(f"{error}\n")
        return _REFUSED


def run(environment: Mapping[str, str]) -> int:
    settings = Settings.read(environment)
    log = Log(sys.stderr, {"model": settings.model, "version": settings.version})
    signal.signal(signal.SIGTERM, _leave)
    from serving.model import load, use_threads
    from serving.pace import Pace, buckets
    from serving.server import serve
    from serving.warmup import make_ready

    use_threads(settings.threads)
    model = load(settings.model_dir, digest=settings.digest, name=settings.model)
    padded = model.device.type != "cpu"
    pace = Pace(buckets(settings.max_batch), objective=settings.latency, padded=padded)
    make_ready(model, pace, log)
    with asyncio.Runner(loop_factory=_loop()) as runner:
        answered_all = runner.run(serve(model, pace, settings, log))
    if not answered_all:
        sys.stderr.flush()
        os._exit(0)  # the model hangs in its thread: nothing more can be answered
    return 0


def _leave(_number: int, _frame: FrameType | None) -> None:
    """Until something is served nothing is lost; process 1 of a container must ask to be told."""
    os._exit(0)


def _loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


if __name__ == "__main__":
    raise SystemExit(main())
