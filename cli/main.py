"""The verbs of `sluice`; each says what it does, asks one module, and shows the answer."""

import shutil
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from cli import actions, aws_errors, faults, render
from cli.embedded import stop
from cli.errors import BadInputError, CliError, EvidenceError
from cli.home import FOLDER, Home, choose
from cli.live import Live
from cli.logs import follow, group_of, lines
from cli.plan import plan_of
from cli.status import status_of
from cli.up import PORT, STEPS, Up, bring_up
from cli.verify import verified
from cli.watch import Watch
from functions.ledger import RunRecord

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Drop data in, get a better model out, and never a worse one.",
)
app.add_typer(faults.app, name="faults")
_REFUSED = 2
_INTERRUPTED = 130
_USAGE: type[Exception] = typer.BadParameter.__mro__[2]
"""What typer raises for any wrong usage; it has no public name."""


@dataclass(frozen=True)
class Options:
    """What stands before the verb."""

    profile: str | None
    region: str | None
    stage: str

    @property
    def home(self) -> Home:
        """The AWS that is meant; one that nobody named is told on standard error."""
        home = choose(profile=self.profile, region=self.region, stage=self.stage)
        if self.profile is None and not home.embedded:
            print(f"speaking to the {home.where}", file=sys.stderr)
        return home


Json = Annotated[bool, typer.Option("--json", help="Print the record as JSON.")]
Wait = Annotated[bool, typer.Option("--wait", help="Follow it to its end.")]
Within = Annotated[float, typer.Option(min=1, help="Seconds to wait at most.")]
Model = Annotated[str, typer.Argument(help="The model's folder name.")]


@app.callback()
def options(
    context: typer.Context,
    profile: Annotated[str | None, typer.Option(help="AWS profile of an account.")] = None,
    region: Annotated[str | None, typer.Option(help="AWS region.")] = None,
    stage: Annotated[str, typer.Option(help="Which stage.")] = "dev",
) -> None:
    """Speak to the embedded AWS when it is up, or to an account by --profile."""
    context.obj = Options(profile, region, stage)


@app.command()
def up(
    context: typer.Context,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help=f"On 127.0.0.1; {PORT}, or 0 for any.")
    ] = None,
    time_scale: Annotated[float | None, typer.Option(help="How much faster waits pass.")] = None,
    models: Annotated[Path, typer.Option(help="Folder of model folders.")] = Path("models"),
    json: Json = False,
) -> None:
    """Start the embedded AWS and deploy the stage into it."""
    _only_here(context.obj)
    if time_scale is not None and not 0 < time_scale < float("inf"):
        raise BadInputError(f"--time-scale {time_scale}: give a number above 0")
    console = _console(json)
    wish = Up(FOLDER, context.obj.stage, models, port, time_scale)
    with Live(console, STEPS[0]) as live:

        def tell(step: str, seconds: float) -> None:
            live.tell(f"  {seconds:5.1f} s  {step}")
            live.now(" and ".join(STEPS[STEPS.index(step) + 1 :]))

        local = bring_up(wish, tell)
    if json:
        print(render.as_json({"url": local.url, "pid": local.pid}))
    else:
        console.print(f"[green]up[/] at {local.url}; `sluice drop MODEL PATH` is next")


@app.command()
def down(
    context: typer.Context,
    purge: Annotated[bool, typer.Option("--purge", help="Forget everything too.")] = False,
    json: Json = False,
) -> None:
    """Stop the embedded AWS and everything it started."""
    _only_here(context.obj)
    stopped = stop(FOLDER)
    if purge:
        _purge(FOLDER)
    said = "down" if stopped else "nothing was up"
    print(render.as_json({"stopped": stopped}) if json else said)


@app.command()
def status(context: typer.Context, json: Json = False) -> None:
    """Who serves, who challenges, what ran last."""
    found = status_of(context.obj.home)
    if json:
        print(render.as_json(found.told()))
    else:
        render.status(_console(json), found)


@app.command()
def drop(
    context: typer.Context,
    model: Model,
    paths: Annotated[list[Path], typer.Argument(help="Files, or folders of them.")],
    id: Annotated[str | None, typer.Option("--id", help="The drop's id.")] = None,
    holdout: Annotated[str | None, typer.Option(help="Make it the holdout of this id.")] = None,
    wait: Wait = False,
    within: Within = 3600,
    json: Json = False,
) -> None:
    """Drop data: the files, then the manifest that says they are all there."""
    home, console = context.obj.home, _console(json)
    if holdout is not None and (wait or id is not None):
        raise BadInputError("--holdout takes neither --wait nor --id; it makes no run")
    with Live(console, "reading") as live:

        def arrived(name: str, sent: int, size: int) -> None:
            live.now(name, sent / size if size else 1.0)
            if sent == size:
                live.tell(f"  {escape(name)} ({size} bytes)")

        if holdout is not None:
            chosen = actions.holdout(home, model, paths, id_=holdout, progress=arrived)
        else:
            chosen = actions.drop(home, model, paths, id_=id, progress=arrived)
    if holdout is not None:
        _told(json, {"holdout": chosen}, f"holdout {model}/{chosen} is frozen")
        return
    if (lacking := actions.holdout_missing(home, model)) is not None:
        console.print(f"[yellow]![/] {lacking}", highlight=False)
    if wait:
        deployed = actions.deployed(home, model)
        follow = partial(Watch.drop, model=model, drop=chosen, run_of=actions.run_of(deployed))
        _wait(home, json, within, follow)
    else:
        said = f"dropped {model}/{chosen}; `sluice show {model}/{chosen}` tells its way"
        _told(json, {"drop": chosen}, said)


@app.command()
def runs(
    context: typer.Context,
    model: Annotated[str | None, typer.Argument(help="Only this model's.")] = None,
    json: Json = False,
) -> None:
    """The runs, newest first."""
    home = context.obj.home
    if model is not None:
        actions.deployed(home, model)
    found = [r for r in home.ledger.all(RunRecord) if model in (None, r.model)]
    found.sort(key=lambda r: r.started_at, reverse=True)
    if json:
        print(render.as_json(found))
    else:
        _console(json).print(render.runs_table(found) if found else "no runs yet")


@app.command()
def show(
    context: typer.Context,
    id: Annotated[str, typer.Argument(help="A run, a rollout, or model/drop.")],
    json: Json = False,
) -> None:
    """A whole record and its history."""
    home, console = context.obj.home, _console(json)
    found = actions.find(home, id)
    history = home.ledger.history(found.kind, found.key)
    if json:
        print(render.as_json({"record": found, "history": list(history)}))
        return
    hidden = {"definition", "outbox", "revision", "numbers", "challenger", "champion"}
    told = found.model_dump(mode="json", exclude=hidden)
    last = {name: told.pop(name) for name in ("due_at", "traceparent")}
    render.fields(console, told | last)
    if history:
        console.print(render.timeline(history))


@app.command()
def verify(context: typer.Context, json: Json = False) -> None:
    """Recompute the evidence log of every record: nothing was changed, added or taken out."""
    found = verified(context.obj.home.ledger.logs())
    if json:
        print(render.as_json(found))
    elif not found.faults:
        print(f"{found.records} records, {found.lines} lines of evidence: every chain holds")
    if found.faults:
        for fault in found.faults:
            _console(json).print(fault, style="red", highlight=False, markup=False)
        raise EvidenceError(
            f"{len(found.faults)} fault(s) in {found.records} records: somebody wrote into the"
            " ledger beside the functions; restore it from its point-in-time backup"
        )


@app.command()
def approve(
    context: typer.Context,
    model: Model,
    version: Annotated[int, typer.Argument(min=1, max=10**9, help="The version that waits.")],
    force: Annotated[bool, typer.Option("--force", help="Also one the gate rejected.")] = False,
    wait: Wait = False,
    within: Within = 3600,
    json: Json = False,
) -> None:
    """Approve a version; its rollout begins."""
    home = context.obj.home
    found = actions.approve(home, model, version, force=force)
    if wait:
        _wait(home, json, within, lambda watch: watch.version(model, version))
    else:
        _told(json, found.__dict__, f"version {version} of {model} is approved")


@app.command()
def plan(context: typer.Context, model: Model, json: Json = False) -> None:
    """What the model's next rollout takes: phases, instances, time and cost."""
    found = plan_of(context.obj.home, model)
    if json:
        print(render.as_json(asdict(found)))
    else:
        render.plan(_console(json), found)


@app.command()
def rollback(
    context: typer.Context,
    model: Model,
    reason: Annotated[str, typer.Option(help="Why; it is kept with the version.")] = "by a person",
    wait: Wait = False,
    within: Within = 600,
    json: Json = False,
) -> None:
    """Give the traffic back to the champion (or to the one before, while it is watched)."""
    home = context.obj.home
    found = actions.roll_back(home, model, why=reason)
    if wait:
        _wait(home, json, within, lambda watch: watch.returned(model, found.version))
    else:
        said = f"version {found.version} is asked back; `sluice status` tells when it is done"
        _told(json, found, said)


@app.command()
def invoke(
    context: typer.Context,
    model: Model,
    file: Annotated[str, typer.Argument(help="A JSON file, or - for standard input.")] = "-",
    sample: Annotated[bool, typer.Option("--sample", help="Ask a known good question.")] = False,
    json: Json = False,
) -> None:
    """Ask the endpoint."""
    home = context.obj.home
    body = actions.sample(home, model) if sample else _read(file)
    answer = actions.invoke(home, model, body)
    said = f"{answer['answer']}  ({answer['said']}, variant {answer['variant']})"
    _told(json, answer, said)


@app.command()
def train(
    context: typer.Context,
    model: Model,
    dataset: Annotated[str, typer.Option(help="A digest, a drop's id, or latest.")] = "latest",
    source: Annotated[Path | None, typer.Option("--from", help="Another model folder.")] = None,
    wait: Wait = False,
    within: Within = 3600,
    json: Json = False,
) -> None:
    """Ask for a run on data that is there already, perhaps with other code."""
    home = context.obj.home
    asked = actions.train(home, model, dataset=dataset, folder=source)
    if wait:
        _wait(home, json, within, lambda watch: watch.run(asked.run, attempt=asked.attempt))
    else:
        said = f"run {asked.run} is asked for; `sluice show {asked.run}` tells its way"
        _told(json, asked.__dict__, said)


@app.command()
def logs(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A function, a job, or a model's endpoint.")],
    following: Annotated[bool, typer.Option("--follow", help="Go on with what comes.")] = False,
    json: Json = False,
) -> None:
    """What a function, a job or an endpoint wrote."""
    home = context.obj.home
    group, stream = group_of(home, name)
    tell = follow if following else lines
    for line in tell(home, group, stream):
        print(render.as_line(line) if json else line["message"].rstrip())


def main() -> None:
    """Run; a refusal is one line on standard error and exit status 2."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends a verb as Ctrl-C does
    try:
        sys.exit(app(standalone_mode=False))
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(_INTERRUPTED)
    except _USAGE as error:
        _misused(error)
    except CliError as error:
        _refuse(error)
    except aws_errors.FAMILIES as error:
        _refuse(aws_errors.told(error))
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _refuse(BadInputError(f"{where}{error.strerror or error}; look at the path and its rights"))


def _misused(error: Exception) -> None:
    """Wrong usage; without any verb the help is the answer."""
    said = error.format_message() if hasattr(error, "format_message") else str(error)
    if type(error).__name__ == "NoArgsIsHelpError":
        print(said)
        sys.exit(0)
    _refuse(BadInputError(f"{said.rstrip('.')}; `sluice --help` lists what there is"))


def _refuse(error: CliError) -> None:
    print(" ".join(str(error).split()), file=sys.stderr)
    sys.exit(_REFUSED)


def _console(json: bool) -> Console:  # noqa: FBT001  # one meaning everywhere in this module
    return Console(stderr=json, soft_wrap=True)


def _told(json: bool, record: object, said: str) -> None:  # noqa: FBT001  # as above
    print(render.as_json(record) if json else said)


def _wait(home: Home, json: bool, within: float, follow: Callable[[Watch], None]) -> None:  # noqa: FBT001  # as above
    """Follow to the end, good or bad; as JSON every record that was followed is printed."""
    with Live(_console(json), "waiting") as live:
        watch = Watch(home.ledger, home.names, live.tell, within, live.now)
        try:
            follow(watch)
        finally:
            if json:
                print(render.as_json(watch.seen))


def _read(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise BadInputError(f"{file}: {error.strerror}") from error


def _only_here(options: Options) -> None:
    if options.profile is not None or options.region is not None:
        raise BadInputError("--profile and --region mean an account; the embedded AWS has neither")


def _purge(folder: Path) -> None:
    for name in ("state", "cdk.out", "demo"):
        shutil.rmtree(folder / name, ignore_errors=True)
    for path in folder.glob("*.log"):
        path.unlink()
