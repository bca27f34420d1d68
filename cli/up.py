"""`sluice up`: the embedded AWS and the stack in it, with nothing half-done left behind."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cli.deploy import Cdk
from cli.embedded import start, stop
from cli.home import Local

STEPS = ("embedded AWS", "bootstrap", "synth", "deploy")
"""In the order in which they end; the first three begin together."""
Tell = Callable[[str, float], None]
"""Told each step's name and its seconds."""


@dataclass(frozen=True)
class Up:
    """What to bring up."""

    folder: Path
    stage: str
    models: Path
    port: int
    time_scale: float


def bring_up(wish: Up, tell: Tell) -> Local:
    """Start (or keep) the embedded AWS and deploy; stops it again when that fails."""
    cdk = Cdk(wish.folder, wish.stage, wish.models)
    cdk.check()
    wish.folder.mkdir(parents=True, exist_ok=True)
    running = _running(wish)
    begun = time.monotonic()
    synth = cdk.synth()
    try:
        local = running or start(wish.folder, port=wish.port, time_scale=wish.time_scale)
        tell("embedded AWS", time.monotonic() - begun)
        if running is None:
            cdk.finish("bootstrap", cdk.bootstrap(local))
            tell("bootstrap", time.monotonic() - begun)
        cdk.finish("synth", synth)
        tell("synth", time.monotonic() - begun)
        cdk.finish("deploy", cdk.deploy(local))
        tell("deploy", time.monotonic() - begun)
    except BaseException:
        synth.kill()
        if running is None:
            stop(wish.folder)
        raise
    return local


def _running(wish: Up) -> Local | None:
    local = Local.read(wish.folder)
    return local if local is not None and local.alive else None
