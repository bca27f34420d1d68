"""`sluice verify`: the evidence log of every record, recomputed line by line."""

from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import ValidationError

from functions.aws.ledger import Log
from functions.evidence import Entry, faults
from functions.ledger import Record


@dataclass(frozen=True)
class Verified:
    """What was looked at, and what is wrong with it: one line per fault."""

    records: int
    lines: int
    faults: tuple[str, ...]


def verified(logs: Iterable[Log]) -> Verified:
    """Every record held to its log."""
    known = list(logs)
    found = [f"{log.kind} {log.key}: {fault}" for log in known for fault in _faults(log)]
    return Verified(len(known), sum(len(log.lines) for log in known), tuple(found))


def _faults(log: Log) -> tuple[str, ...]:
    match log.record:
        case None:
            return (f"{len(log.lines)} lines of evidence, and no record",)
        case Record() as record:
            try:
                entries = [Entry.model_validate_json(line) for line in log.lines]
            except ValidationError as error:
                return (f"a line cannot be read: {error.errors(include_url=False)[0]['msg']}",)
            return faults(record.chain, record.subject, entries)
        case unreadable:
            return (f"the record cannot be read: {unreadable.why}",)
