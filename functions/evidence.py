"""The evidence log: every change of a record is a line, and every line holds the one before.

A line's digest covers its whole content and the digest of its predecessor (a hash chain, as in
Haber and Stornetta, "How to time-stamp a digital document", 1991), and the record holds the digest
of its last line. So no line can be changed, taken out or put in, and no record be changed beside
its log, without `faults` saying where. Whoever rewrites a record with its whole log is not caught.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from functions.witness import Witness


class Evidence(BaseModel):
    """Why a record changed, in the words of whoever decided it."""

    model_config = ConfigDict(defer_build=True, frozen=True)

    kind: str
    key: str
    """Which record it belongs to."""
    at: datetime
    by: str
    """The function that says so."""
    text: str
    numbers: dict[str, float] = {}


class Entry(Evidence):
    """One line of a record's log; appended, never changed."""

    number: int
    """From 1, without a gap."""
    event: str
    """The id of the event that woke the function."""
    cause: str
    """That event's detail-type."""
    state: str
    """The record's state after the change; empty for a record without states."""
    substance: str
    """What the record held then, as a digest."""
    before: str
    """The digest of the line before; empty for the first."""

    @property
    def digest(self) -> str:
        """SHA-256 (hexadecimal) of everything in it."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


class Chain(BaseModel):
    """The end of a record's log, kept in the record."""

    model_config = ConfigDict(defer_build=True, frozen=True)

    length: int = 0
    digest: str = ""
    substance: str = ""
    state: str = ""


@dataclass(frozen=True)
class Subject:
    """A record as the log sees it."""

    kind: str
    key: str
    state: str
    substance: str


def appended(
    chain: Chain, subject: Subject, notes: Sequence[Evidence], witness: Witness
) -> tuple[Chain, tuple[Entry, ...]]:
    """The lines of one change and the log's end after them; none when nothing of substance changed.

    Each note is a line; a change without a note is a line that names the new state.
    """
    if not notes and subject.substance == chain.substance:
        return chain, ()
    said = notes or (_unsaid(chain, subject, witness),)
    entries: list[Entry] = []
    digest = chain.digest
    for number, note in enumerate(said, chain.length + 1):
        entry = Entry(
            **note.model_dump(),
            number=number,
            event=witness.event,
            cause=witness.cause,
            state=subject.state,
            substance=subject.substance,
            before=digest,
        )
        entries.append(entry)
        digest = entry.digest
    end = Chain(
        length=chain.length + len(entries),
        digest=digest,
        substance=subject.substance,
        state=subject.state,
    )
    return end, tuple(entries)


def _unsaid(chain: Chain, subject: Subject, witness: Witness) -> Evidence:
    text = subject.state if subject.state != chain.state else ""
    return Evidence(kind=subject.kind, key=subject.key, at=witness.at, by=witness.by, text=text)


def faults(chain: Chain, subject: Subject, entries: Sequence[Entry]) -> tuple[str, ...]:
    """What is wrong with a record's log, one line each; nothing when it holds."""
    found: list[str] = []
    before = ""
    for number, entry in enumerate(entries, 1):
        if entry.number != number:
            found.append(f"line {number} is missing: the next one is {entry.number}")
            break
        if (entry.kind, entry.key) != (subject.kind, subject.key):
            found.append(f"line {number} belongs to {entry.kind} {entry.key}")
        if entry.before != before:
            found.append(f"line {number} does not follow the line before it")
        before = entry.digest
    if not found and (len(entries), before) != (chain.length, chain.digest):
        found.append(f"the log ends at line {len(entries)}, the record knows {chain.length}")
    if subject.substance != chain.substance:
        found.append("the record was changed beside its log")
    return tuple(found)
