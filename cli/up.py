"""`sluice up`: the embedded AWS and the stack in it, with nothing half-done left behind."""

import fcntl
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen

from cli.deploy import Cdk
from cli.deployed import Deployed, calm, is_bootstrapped, sources, stack_as_it_is
from cli.embedded import awaited, free, start, stop
from cli.errors import BadDefinitionError, BadInputError, BusyError, DeployError
from cli.guard import end
from cli.home import Local
from functions.definition import DefinitionError, read_definition

STEPS = ("embedded AWS", "bootstrap", "synth", "deploy")
"""In the order in which they end; the first three begin together."""
Tell = Callable[[str, float], None]
"""Told each step's name and its seconds."""
PORT = 4700
TIME_SCALE = 1.0


@dataclass(frozen=True)
class Up:
    """What to bring up; a port or a time scale of None takes what runs, or the usual."""

    folder: Path
    stage: str
    models: Path
    port: int | None = None
    time_scale: float | None = None


def bring_up(wish: Up, tell: Tell) -> Local:
    """Start (or keep) the embedded AWS and deploy; stops it again when that fails."""
    cdk = Cdk(wish.folder, wish.stage, wish.models)
    cdk.check()
    check_models(wish.models)
    wish.folder.mkdir(parents=True, exist_ok=True)
    with alone(wish.folder):
        shutil.rmtree(cdk.scratch, ignore_errors=True)
        cdk.scratch.mkdir()
        running = _running(wish)
        work = _Work(cdk, tell)
        try:
            return work.do(wish, running)
        except BaseException:
            work.end()
            if running is None:
                stop(wish.folder)
            raise


@dataclass
class _Work:
    """The steps, and the CDK calls they began."""

    cdk: Cdk
    tell: Tell
    begun: float = field(default_factory=time.monotonic)
    calls: list["Popen[str]"] = field(default_factory=list)

    def do(self, wish: Up, running: Local | None) -> Local:
        if running is None:
            free(PORT if wish.port is None else wish.port)
        known, now = Deployed.read(wish.folder), sources(self.cdk.root, wish.models, wish.stage)
        synth = None if known and known.sources == now else self._call(self.cdk.synth())
        local = running or self._started(wish)
        calm(local)
        self._done("embedded AWS")
        if known is None or known != Deployed(now, stack_as_it_is(local, wish.stage)):
            self._deploy(local, synth or self._call(self.cdk.synth()))
            Deployed(now, stack_as_it_is(local, wish.stage)).write(wish.folder)
        else:
            self._done("deploy")
        return local

    def _started(self, wish: Up) -> Local:
        port = PORT if wish.port is None else wish.port
        return start(wish.folder, port=port, time_scale=wish.time_scale or TIME_SCALE)

    def _deploy(self, local: Local, synth: "Popen[str]") -> None:
        if not is_bootstrapped(local):
            self._finish("bootstrap", self._call(self.cdk.bootstrap(local)))
        self._finish("synth", synth)
        self._finish("deploy", self._call(self.cdk.deploy(local)))

    def end(self) -> None:
        for call in self.calls:
            end(call)

    def _call(self, call: "Popen[str]") -> "Popen[str]":
        self.calls.append(call)
        return call

    def _finish(self, step: str, call: "Popen[str]") -> None:
        self.cdk.finish(step, call)
        self._done(step)

    def _done(self, step: str) -> None:
        self.tell(step, time.monotonic() - self.begun)


def check_models(models: Path) -> None:
    """Raise BadDefinitionError, before anything is begun, when a model cannot be deployed."""
    folders = sorted({path.parent for path in models.glob("*/model.*")})
    if not folders:
        raise BadDefinitionError(f"{models}: no model in there; make {models}/NAME/model.toml")
    for folder in folders:
        try:
            read_definition(folder)
        except DefinitionError as error:
            raise BadDefinitionError(str(error)) from error


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Nobody else brings up in `folder` meanwhile; raises BusyError."""
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise BusyError(
                f"another `sluice up` is at work in {folder}; wait for its end"
            ) from error
        yield


def _running(wish: Up) -> Local | None:
    """What runs already; raises BadInputError when it was asked for otherwise."""
    local = Local.read(wish.folder)
    if local is None or not local.alive:
        return None
    try:
        local = awaited(wish.folder, local)
    except DeployError:  # a new one may do better
        return None
    port = int(local.url.rpartition(":")[2] or 0)
    if wish.port not in (None, 0, port) or wish.time_scale not in (None, local.time_scale):
        raise BadInputError(
            f"the embedded AWS is up at {local.url} with time scale {local.time_scale:g};"
            " run `sluice down` first, or leave out --port and --time-scale"
        )
    return local
