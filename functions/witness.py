"""Who acts at this moment, and because of what: the evidence log writes it beside every change."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class Witness:
    """One turn: the actor, the id and the detail-type of the event that woke it, and its time."""

    by: str
    event: str
    cause: str
    at: datetime


_PRESENT: ContextVar[Witness | None] = ContextVar("witness", default=None)


@contextmanager
def acting(witness: Witness) -> Iterator[None]:
    """Whatever is written inside was done by this witness."""
    token = _PRESENT.set(witness)
    try:
        yield
    finally:
        _PRESENT.reset(token)


def present() -> Witness:
    """Who acts; outside of any turn it is nobody, now."""
    return _PRESENT.get() or Witness(by="nobody", event="", cause="", at=datetime.now(UTC))
