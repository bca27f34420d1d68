"""The page of machines: states and what moves them, as pictures and as every pair."""

from enum import StrEnum
from typing import Any

from docs.source import notes
from docs.words import table
from functions import machines
from functions.machines import MACHINES, Machine, Stays

_HEAD = """\
# Machines

What a drop, a run, a rollout and a park may become, and by which news: `functions/machines.py`.
The functions ask these very values before they do anything, and records move by them alone. Every
pair of a state and a piece of news has an answer: the state after, or why it stays.

News is what a function has found out by reading the world, not what an event says: an event that
is old, doubled or out of order is at most a reason to look.
"""


def machine_page() -> str:
    """docs/machines.md."""
    lines = [line for machine in MACHINES for line in _section(machine)]
    return "\n".join([_HEAD, *lines])


def _section(machine: Machine[Any, Any]) -> list[str]:
    return [
        f"## {machine.name.capitalize()}",
        "",
        "```mermaid",
        *_chart(machine),
        "```",
        "",
        *table(("news", "what it means"), [(f"`{n}`", _note(n)) for n in machine.news]),
        "",
        *table(("in", "by", "becomes"), _pairs(machine)),
        "",
    ]


def _chart(machine: Machine[Any, Any]) -> list[str]:
    arrows: dict[tuple[str, str], list[str]] = {}
    for before, news, after in machine.moves():
        arrows.setdefault((before, after), []).append(news)
    drawn = [f"    {a} --> {b} : {', '.join(by)}" for (a, b), by in arrows.items()]
    ends = [f"    {state} --> [*]" for state in machine.states if state in machine.ends]
    return ["stateDiagram-v2", f"    [*] --> {machine.begins}", *drawn, *ends]


def _pairs(machine: Machine[Any, Any]) -> list[tuple[str, str, str]]:
    return [
        (f"`{state}`", f"`{news}`", _said(machine.hears(state, news)))
        for state in machine.states
        for news in machine.news
    ]


def _said(answer: StrEnum | Stays) -> str:
    return f"stays: {answer.why}" if isinstance(answer, Stays) else f"`{answer}`"


def _note(news: StrEnum) -> str:
    return notes(machines)[(type(news).__name__, news.name)]
