"""The page of reason codes: where each is given and what it means."""

from docs.source import notes, users_of
from docs.words import table
from events import words
from events.words import Reason

_HEAD = """\
# Reason codes

Why something was refused or ended. A code stands in the event that tells of it (`DropRejected`,
`RunFailed`, `CandidateRejected`, `RollbackRequested`, `RolloutAborted`), in the ledger's record and
before the message of every refusal. Codes are stable: alert on them, never on the message.
"""


def reason_page() -> str:
    """docs/reasons.md."""
    used, said = users_of("Reason"), notes(words)
    rows = [
        (f"`{code}`", _where(used.get(code.name, [])), said.get(("Reason", code.name), ""))
        for code in Reason
    ]
    return "\n".join([_HEAD, *table(("code", "given in", "notes"), rows), ""])


def _where(files: list[str]) -> str:
    return ", ".join(f"`{file}`" for file in files) or "nothing gives it yet"
