"""`sluice faults`: what is to go wrong in the embedded AWS, told to its `/_local/faults`."""

import json as json_
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.error import HTTPError, URLError

import typer
from rich.console import Console
from rich.table import Table

from cli import render
from cli.errors import BadInputError, NotFoundError, NotUpError, UnreachableError
from cli.home import FOLDER, Local, choose

app = typer.Typer(no_args_is_help=True, help="Make things go wrong in the embedded AWS.")
_NUMBERS = frozenset(
    {"count", "probability", "seed", "copies", "seconds", "status", "call", "bytes"}
)
_TOLD_APART = frozenset({"id", "kind", "struck", "left"})
_PATIENCE = 30.0
Json = Annotated[bool, typer.Option("--json", help="Print the record as JSON.")]


@dataclass(frozen=True)
class FaultBook:
    """The faults of the embedded AWS at one URL."""

    url: str

    def told(self) -> dict[str, Any]:
        return self._ask("GET", "")

    def add(self, wish: Mapping[str, Any]) -> str:
        """The fault's id; raises BadInputError with the embedded AWS's own line."""
        return str(self._ask("POST", "", wish)["id"])

    def remove(self, id_: str | None) -> int:
        """One or all, and how many that were; raises NotFoundError."""
        return int(self._ask("DELETE", f"/{id_}" if id_ else "")["removed"])

    def _ask(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        data = None if body is None else json_.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/_local/faults{path}", data, method=method)
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with direct.open(request, timeout=_PATIENCE) as answer:
                told: dict[str, Any] = json_.load(answer)
        except HTTPError as error:
            raise _refusal(error) from error
        except URLError as error:
            raise UnreachableError(f"{self.url} does not answer: {error.reason}") from error
        return told


def wish_of(kind: str, words: list[str]) -> dict[str, Any]:
    """What the words of a command line ask for; raises BadInputError."""
    wish: dict[str, Any] = {"kind": kind}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name or not value:
            raise BadInputError(f"{word!r} is no NAME=VALUE, as in service=sagemaker or count=3")
        wish[name] = _number(name, value) if name in _NUMBERS else value
    return wish


@app.command("list")
def show(context: typer.Context, *, json: Json = False) -> None:
    """What is armed, and how often each has struck."""
    told = _book(context).told()
    if json:
        typer.echo(render.as_json(told["faults"]))
    elif told["faults"]:
        Console(soft_wrap=True).print(_table(told["faults"]))
    else:
        typer.echo(f"nothing goes wrong; `sluice faults add` knows {', '.join(told['kinds'])}")


@app.command()
def add(
    context: typer.Context,
    kind: Annotated[str, typer.Argument(help="What goes wrong; `list` names the kinds.")],
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME=VALUE]...", help="What it is about, and how often."),
    ] = None,
    *,
    json: Json = False,
) -> None:
    """Arm a fault, as in `add throttle service=sagemaker action='Create*' count=3`."""
    wish = wish_of(kind, words or [])
    id_ = _book(context).add(wish)
    said = f"{kind} is armed as {id_}; `sluice faults clear {id_}` takes it back"
    typer.echo(render.as_json({"id": id_}) if json else said)


@app.command()
def clear(
    context: typer.Context,
    id_: Annotated[str | None, typer.Argument(metavar="[ID]", help="Only this one.")] = None,
    *,
    json: Json = False,
) -> None:
    """Take back every fault, or one."""
    removed = _book(context).remove(id_)
    typer.echo(render.as_json({"removed": removed}) if json else f"{removed} taken back")


def _book(context: typer.Context) -> FaultBook:
    """Of the embedded AWS that is up; raises CliError."""
    options = context.obj
    if options.profile is not None or options.region is not None:
        raise BadInputError("faults are for the embedded AWS: say neither --profile nor --region")
    home = choose(profile=None, region=None, stage=options.stage)
    local = Local.read(FOLDER)
    if not home.embedded or local is None:
        raise NotUpError("no embedded AWS is up here; run `sluice up`")
    return FaultBook(local.url)


def _refusal(error: HTTPError) -> Exception:
    try:
        said = str(json_.load(error)["error"])
    except (ValueError, KeyError, TypeError):
        said = f"{error.url} answers {error.code}"
    return NotFoundError(said) if error.code == 404 else BadInputError(said)


def _number(name: str, value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        raise BadInputError(f"{name}={value}: give a number") from None
    return int(number) if number.is_integer() else number


def _table(faults: list[dict[str, Any]]) -> Table:
    table = Table("id", "kind", "about", "struck", "left", box=None)
    for fault in faults:
        about = " ".join(f"{k}={v}" for k, v in fault.items() if k not in _TOLD_APART)
        left = "always" if fault["left"] is None else str(fault["left"])
        table.add_row(fault["id"], fault["kind"], about, str(fault["struck"]), left)
    return table
