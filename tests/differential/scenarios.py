"""The stories, told so that both homes can play them, and what is compared of their ledgers."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from functions.evidence import Entry
from functions.ledger import Record

_TIMES = {"at", "since", "first_seen", "settled_at", "started_at", "ended_at", "step_since"}
_TIMES |= {"traffic_since", "due_at", "traceparent", "revision", "chain", "outbox", "definition"}
_TIMES |= {"dropped_at", "begun_at", "made_at", "short_since", "day", "cost", "spent"}
"""What a job costs is its time."""
_TEXTS = {"message"}
"""AWS's own words stand in them."""


@dataclass(frozen=True)
class Drop:
    """What is dropped."""

    name: str
    score: float
    fails: bool = False
    """Whether its model fails under traffic."""
    whole: bool = True
    """Whether the file and the marker come together."""
    readable: bool = True

    @property
    def body(self) -> bytes:
        told = {"name": self.name, "score": self.score, "fails": self.fails}
        return json.dumps(told).encode() if self.readable else b"bad"


@dataclass(frozen=True)
class Scenario:
    """Drops one after the other, each when the one before has come to its end."""

    drops: tuple[Drop, ...]
    approval: str = "auto"
    twice: bool = False
    """Whether every event is delivered twice."""


SCENARIOS: dict[str, Scenario] = {
    "first champion": Scenario((Drop("monday", 0.95),)),
    "better one promoted": Scenario((Drop("monday", 0.95), Drop("tuesday", 0.97))),
    "worse one rejected": Scenario((Drop("monday", 0.95), Drop("tuesday", 0.5))),
    "rollback by alarm": Scenario((Drop("monday", 0.95), Drop("tuesday", 0.97, fails=True))),
    "redelivery": Scenario((Drop("monday", 0.95),), twice=True),
    "half-written drop": Scenario((Drop("monday", 0.95, whole=False),)),
    "unreadable drop": Scenario((Drop("monday", 0.95, readable=False),)),
    "approval by a person": Scenario((Drop("monday", 0.95),), approval="human"),
}


@dataclass
class LedgerSeen:
    """A ledger without times and ids."""

    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    evidence: dict[str, list[tuple[str, str, str, str]]] = field(default_factory=dict)
    """By record: who wrote each line, woken by what, in which state, and its first word."""


def seen(records: Iterable[Record], entries: Iterable[Entry]) -> LedgerSeen:
    """What two homes must agree on."""
    found = LedgerSeen()
    for record in records:
        told = record.model_dump(mode="json")
        found.records[f"{record.kind} {record.key}"] = _timeless(told)
    for entry in entries:
        line = (entry.by, entry.cause, entry.state, entry.text.split(":")[0].split(" ")[0])
        found.evidence.setdefault(f"{entry.kind} {entry.key}", []).append(line)
    return found


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {k: v for k, v in value.items() if k not in _TIMES | _TEXTS}
        return {key: _timeless(inner) for key, inner in kept.items()}
    return value


def differences(memory: LedgerSeen, embedded: LedgerSeen) -> list[str]:
    """Where two ledgers tell different things, one line each."""
    found: list[str] = []
    for what in ("records", "evidence"):
        one, other = getattr(memory, what), getattr(embedded, what)
        found += [
            f"{what} of {key}: in memory {one.get(key)}, on the embedded AWS {other.get(key)}"
            for key in sorted(one.keys() | other.keys())
            if one.get(key) != other.get(key)
        ]
    return found
