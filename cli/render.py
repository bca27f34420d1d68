"""What people see: records as JSON or as a few readable lines."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from pydantic import BaseModel
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from cli.plan import RolloutPlan
from cli.status import ModelStatus, Status
from functions.evidence import Evidence
from functions.ledger import DropRecord, Record, RolloutRecord, RunRecord

_COLOURS = {
    "accepted": "green",
    "approved": "green",
    "completed": "green",
    "watching": "green",
    "rejected": "red",
    "expired": "red",
    "failed": "red",
    "aborted": "red",
    "stopped": "red",
    "held": "yellow",
    "parked": "yellow",
}


def as_json(value: object) -> str:
    """Any record, or list of them, as JSON."""
    return json.dumps(value, default=_plain, indent=2)


def as_line(value: object) -> str:
    """A record as one line of JSON."""
    return json.dumps(value, default=_plain)


def _plain(value: object) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude={"outbox", "traceparent"})
    return str(value)


def state(word: str) -> str:
    """A state in its colour."""
    colour = _COLOURS.get(word, "cyan")
    return f"[{colour}]{word}[/]"


def drop_line(drop: DropRecord) -> str:
    why = f" {drop.reason}: {escape(drop.message)}" if drop.reason else ""
    rows = f" {drop.rows} rows" if drop.rows else ""
    return f"drop {drop.model}/{drop.drop} {state(drop.state)}{rows}{why}"


def run_line(run: RunRecord) -> str:
    version = f" as version {run.version}" if run.version else ""
    reason = f" {run.reason}:" if run.reason else ""
    return f"run {run.run} {state(run.state)}{version}{reason} {escape(run.message)}".rstrip()


def rollout_line(rollout: RolloutRecord) -> str:
    reason = f" {rollout.reason}:" if rollout.reason else ""
    return (
        f"rollout {rollout.rollout} {state(rollout.state)} {rollout.weight} %"
        f"{reason} {escape(rollout.message)}"
    ).rstrip()


def under_way(record: Record) -> tuple[str, float | None]:
    """What is going on with a record, and how much of it is done if that can be said."""
    match record:
        case DropRecord():
            return f"{record.drop}: waiting for the rest of the drop", None
        case RunRecord():
            return f"{record.run}: {record.state}", None
        case RolloutRecord():
            return (
                f"version {record.version}: {record.weight} % of the traffic",
                record.weight / 100,
            )
        case _:
            return record.key, None


def runs_table(runs: Iterable[RunRecord]) -> Table:
    """Runs, newest first; what does not fit is cut from the words, never from ids and states."""
    table = Table(box=None, expand=True)
    for heading, least in (("run", 12), ("model", None), ("state", 8), ("v", None)):
        table.add_column(heading, no_wrap=True, min_width=least)
    table.add_column("cause", no_wrap=True, overflow="ellipsis", max_width=12)
    table.add_column("started", no_wrap=True, min_width=11)
    table.add_column("said", no_wrap=True, overflow="ellipsis", ratio=1)
    for run in sorted(runs, key=lambda r: r.started_at, reverse=True):
        table.add_row(
            run.run,
            run.model,
            state(run.state),
            str(run.version or ""),
            Text(run.cause),
            f"{run.started_at:%m-%d %H:%M}",
            Text((f"{run.reason}: " if run.reason else "") + run.message),
        )
    return table


def plan(console: Console, found: RolloutPlan) -> None:
    """The phases of a rollout that has not begun, and what may be done better."""
    console.print(
        f"{found.model}: {found.strategy}, {found.count} x {found.instance} a variant",
        highlight=False,
    )
    table = Table(box=None)
    for heading in ("phase", "instances", "waits", "USD"):
        table.add_column(heading)
    for each in found.phases:
        cost = "?" if each.cost is None else f"{each.cost:.2f}"
        waits = str(timedelta(seconds=round(each.seconds)))
        table.add_row(Text(each.name), str(each.instances), waits, cost)
    console.print(table)
    console.print("beside the waits: as long as SageMaker takes for its machines", highlight=False)
    if found.advice:
        console.print(Text(f"! {found.advice}"))


def timeline(history: Sequence[Evidence]) -> Table:
    """Who said what when; changes that nobody said anything about are left out."""
    table = Table("when", "who", "what", box=None)
    for line in history:
        if not line.text:
            continue
        table.add_row(f"{line.at:%H:%M:%S.%f}"[:-3], line.by, Text(line.text))
    return table


def status(console: Console, found: Status) -> None:
    """Where everything stands, a few lines per model."""
    console.print(f"{found.where}, stage {found.stage}", highlight=False)
    for model in found.models:
        champion = f"v{model.champion}" if model.champion else "none"
        shares = ", ".join(f"{v} {w} %" for v, w in sorted(model.weights.items()))
        shown = f" ({shares})" if shares else ""
        console.print(
            f"[bold]{model.model}[/]  champion {champion}  endpoint {model.endpoint}{shown}",
            highlight=False,
        )
        if model.rollout and model.rollout_state:
            console.print(
                f"  rollout {model.rollout} {state(model.rollout_state)} {model.weight} %",
                highlight=False,
            )
        if model.waiting:
            console.print(f"  version {model.waiting} waits for its turn", highlight=False)
        if model.last_run and model.last_state:
            console.print(f"  last run {model.last_run} {state(model.last_state)}")
        _trainings(console, model)
    if not found.models:
        console.print("no drop has arrived yet; `sluice drop MODEL PATH`")
    if found.overdue:
        console.print(f"[yellow]{found.overdue} records overdue[/]: the sweep will ask again")


def _trainings(console: Console, model: ModelStatus) -> None:
    """What waits and for what, what trains, and what that costs."""
    for run in model.parked:
        line = f"  run {run.run} waits, {run.reason}: {escape(run.message)}"
        console.print(line, highlight=False)
    if model.training or model.spent:
        console.print(
            f"  {model.training} training; {model.spent:.2f} USD today,"
            f" up to {model.reserved:.2f} more reserved",
            highlight=False,
        )


def fields(console: Console, told: Mapping[str, object]) -> None:
    """A record's fields, one per line."""
    width = max(len(name) for name in told)
    for name, value in told.items():
        if value not in (None, "", [], {}):
            console.print(f"[bold]{name:<{width}}[/]  {escape(str(value))}", highlight=False)
