"""The page of codes: why records ended, and what command and containers refuse."""

import re

from cli import errors
from docs.source import codes_in, notes, users_of
from docs.words import table
from events import words
from events.words import Reason

_HEAD = """\
# Codes

Codes are stable: alert on them, never on the words after them.

## Why something was refused or ended

A reason stands in the event that tells of it (`DropRejected`, `TrainingParked`, `RunFailed`,
`CandidateRejected`, `RollbackRequested`, `RolloutAborted`), in the ledger's record and before the
message of every refusal.
"""
_COMMAND = """\

## What the `sluice` command refuses

One line on standard error and exit status 2. With `--wait` it ends with the record's own reason.
`app.py` itself, and `sluice up` for it, adds `UNKNOWN_STAGE`, `BAD_MODEL` and `BUNDLE_FAILED`.
"""
_CONTAINERS = """\

## What the containers say

A job ends with one line, `CODE: what, where, what to do`, in its FailureReason, which a run's
`JOB_FAILED` repeats; status 2 means bad input. The server answers with the code in its JSON.
"""
_LEAF = re.compile(r"[├└]── \w+ +([A-Z_]+|\(.+?\)) +(.+)")


def reason_page() -> str:
    """docs/reasons.md."""
    used, said = users_of("Reason"), notes(words)
    reasons = [
        (f"`{code}`", _where(used.get(code.name, [])), said.get(("Reason", code.name), ""))
        for code in Reason
    ]
    refusals = [(f"`{code}`", why) for code, why in _LEAF.findall(errors.__doc__ or "")]
    given = [
        (f"`{code}`", _where(files)) for code, files in codes_in("training", "serving").items()
    ]
    return "\n".join(
        [
            _HEAD,
            *table(("code", "given in", "what it means"), reasons),
            _COMMAND,
            *table(("code", "what it means"), refusals),
            _CONTAINERS,
            *table(("code", "given in"), given),
            "",
        ]
    )


def _where(files: list[str]) -> str:
    return ", ".join(f"`{file}`" for file in files) or "nothing gives it yet"
