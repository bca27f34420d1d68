"""The verbs of `sluice`; each says what it does, asks one module, and shows the answer."""

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError
from rich.console import Console

from cli import actions, render
from cli.embedded import stop
from cli.errors import BadInputError, CliError, CredentialsError, UnreachableError
from cli.home import FOLDER, Home, choose
from cli.live import Live
from cli.logs import follow, group_of, lines
from cli.status import Status, status_of
from cli.up import STEPS, Up, bring_up
from cli.watch import Watch
from functions.ledger import RunRecord

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Drop data in, get a better model out, and never a worse one.",
)
_REFUSED = 2
_USAGE: type[Exception] = typer.BadParameter.__mro__[2]
"""What typer raises for any wrong usage; it has no public name."""
_EXPIRED = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException"}
)


@dataclass(frozen=True)
class Options:
    """What stands before the verb."""

    profile: str | None
    region: str | None
    stage: str

    @property
    def home(self) -> Home:
        return choose(profile=self.profile, region=self.region, stage=self.stage)


Json = Annotated[bool, typer.Option("--json", help="Print the record as JSON.")]
Wait = Annotated[bool, typer.Option("--wait", help="Follow it to its end.")]
Within = Annotated[float, typer.Option(help="Seconds to wait at most.")]
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
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 takes any.")] = 4700,
    time_scale: Annotated[float, typer.Option(help="How much faster waits pass.")] = 1.0,
    models: Annotated[Path, typer.Option(help="Folder of model folders.")] = Path("models"),
    json: Json = False,
) -> None:
    """Start the embedded AWS and deploy the stage into it."""
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
    purge: Annotated[bool, typer.Option("--purge", help="Forget everything too.")] = False,
    json: Json = False,
) -> None:
    """Stop the embedded AWS and everything it started."""
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
        _show_status(found)


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
    with Live(console, "reading") as live:

        def arrived(name: str, sent: int, size: int) -> None:
            live.now(name, sent / size if size else 1.0)
            if sent == size:
                live.tell(f"  {name} ({size} bytes)")

        if holdout is not None:
            chosen = actions.holdout(home, model, paths, id_=holdout, progress=arrived)
        else:
            chosen = actions.drop(home, model, paths, id_=id, progress=arrived)
            if wait:
                _watch(home, live).drop(model, chosen, within=within)
    if holdout is not None:
        _told(json, {"holdout": chosen}, f"holdout {model}/{chosen} is frozen")
    elif json:
        found = actions.find(home, f"{model}/{chosen}") if wait else {"drop": chosen}
        print(render.as_json(found))
    elif not wait:
        console.print(f"dropped {model}/{chosen}; `sluice show {model}/{chosen}` tells its way")


@app.command()
def runs(
    context: typer.Context,
    model: Annotated[str | None, typer.Argument(help="Only this model's.")] = None,
    json: Json = False,
) -> None:
    """The runs, newest first."""
    found = [r for r in context.obj.home.ledger.all(RunRecord) if model in (None, r.model)]
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
    render.fields(console, found.model_dump(mode="json", exclude=hidden))
    if history:
        console.print(render.timeline(history))


@app.command()
def approve(
    context: typer.Context,
    model: Model,
    version: Annotated[int, typer.Argument(help="The version that waits for a person.")],
    wait: Wait = False,
    within: Within = 3600,
    json: Json = False,
) -> None:
    """Approve a version; its rollout begins."""
    home = context.obj.home
    found = actions.approve(home, model, version)
    if wait:
        with Live(_console(json), f"version {version}") as live:
            _watch(home, live).version(model, version, within=within)
    _told(json, found.__dict__, f"version {version} of {model} is approved")


@app.command()
def rollback(
    context: typer.Context,
    model: Model,
    reason: Annotated[str, typer.Option(help="Why; it is kept with the version.")] = "by a person",
    json: Json = False,
) -> None:
    """Give the traffic back to the champion (or to the one before, while it is watched)."""
    found = actions.roll_back(context.obj.home, model, why=reason)
    _told(json, found, f"{found.rollout} is asked back; `sluice status` tells when it is done")


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
    wanted = actions.train(home, model, dataset=dataset, folder=source)
    if wait:
        with Live(_console(json), f"a run on {wanted[:12]}") as live:
            _watch(home, live).dataset(model, wanted, within=within)
    _told(json, {"model": model, "dataset": wanted}, f"a run on {wanted[:12]} is asked for")


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
        print(render.as_json(line) if json else line["message"].rstrip())


def main() -> None:
    """Run; a refusal is one line on standard error and exit status 2."""
    try:
        app(standalone_mode=False)
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(130)
    except _USAGE as error:
        _refuse(BadInputError(f"{error}; `sluice --help` lists what there is"))
    except CliError as error:
        _refuse(error)
    except (BotoCoreError, ClientError) as error:
        _refuse(_sorted(error))


def _sorted(error: BotoCoreError | ClientError) -> CliError:
    """An AWS error that no verb expected, in the command's own words."""
    if isinstance(error, EndpointConnectionError):
        return UnreachableError(f"{error}; is it up, and is the region right?")
    if isinstance(error, ClientError):
        code = error.response["Error"]["Code"]
        if code in _EXPIRED:
            return CredentialsError(f"{code}: sign in again, for example by `aws sso login`")
        said = error.response["Error"].get("Message", "")
        return UnreachableError(f"{error.operation_name}: {code}: {said}")
    return CredentialsError(f"{error}; see `aws configure`")


def _refuse(error: CliError) -> None:
    print(" ".join(str(error).split()), file=sys.stderr)
    sys.exit(_REFUSED)


def _console(json: bool) -> Console:  # noqa: FBT001  # one meaning everywhere in this module
    return Console(stderr=json, soft_wrap=True)


def _told(json: bool, record: object, said: str) -> None:  # noqa: FBT001  # as above
    print(render.as_json(record) if json else said)


def _watch(home: Home, live: Live) -> Watch:
    return Watch(home.ledger, home.names, live.tell, live.now)


def _read(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise BadInputError(f"{file}: {error.strerror}") from error


def _show_status(found: Status) -> None:
    console = _console(json=False)
    console.print(f"{found.where}, stage {found.stage}", highlight=False)
    for model in found.models:
        champion = f"v{model.champion}" if model.champion else "none"
        shares = ", ".join(f"{v} {w} %" for v, w in sorted(model.weights.items()))
        console.print(
            f"[bold]{model.model}[/]  champion {champion}  endpoint {model.endpoint} ({shares})",
            highlight=False,
        )
        if model.rollout and model.rollout_state:
            console.print(
                f"  rollout {model.rollout} {render.state(model.rollout_state)} {model.weight} %",
                highlight=False,
            )
        if model.last_run and model.last_state:
            console.print(f"  last run {model.last_run} {render.state(model.last_state)}")
    if not found.models:
        console.print("no drop has arrived yet; `sluice drop MODEL PATH`")
    if found.overdue:
        console.print(f"[yellow]{found.overdue} records overdue[/]: the sweep will ask again")


def _purge(folder: Path) -> None:
    for name in ("state", "cdk.out"):
        shutil.rmtree(folder / name, ignore_errors=True)
    for path in folder.glob("*.log"):
        path.unlink()
