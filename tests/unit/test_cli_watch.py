"""Following a drop: each change is told once, and silence ends with a code."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from cli.errors import TimedOutError
from cli.watch import Watch
from events.words import Reason
from functions.ledger import DropRecord, DropState
from functions.names import Names

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Ledger:
    """Answers with one record after the other, then the last for ever."""

    def __init__(self, *records: DropRecord | None) -> None:
        self._records: Iterator[DropRecord | None] = iter(records)
        self._last: DropRecord | None = None

    def get(self, _kind: object, _key: str) -> DropRecord | None:
        self._last = next(self._records, self._last)
        return self._last


def a_drop(**fields: Any) -> DropRecord:
    return DropRecord(model="digits", drop="d1", first_seen=NOW, **fields)


def a_watch(ledger: Any, told: list[str]) -> Watch:
    seconds = iter(range(10_000))
    return Watch(
        ledger,
        Names("sluice-dev"),
        told.append,
        pause=lambda _seconds: None,
        clock=lambda: float(next(seconds)),
    )


def test_each_change_is_told_once_until_the_end() -> None:
    told: list[str] = []
    refused = a_drop(state=DropState.REJECTED, reason=Reason.NO_ROWS, message="no rows")
    ledger = Ledger(None, a_drop(), a_drop(), refused)

    good = a_watch(ledger, told).drop("digits", "d1", within=100)

    assert good is False
    assert len(told) == 2
    assert "receiving" in told[0]
    assert "NO_ROWS: no rows" in told[1]


def test_silence_ends_with_a_code() -> None:
    with pytest.raises(TimedOutError, match="TIMED_OUT: "):
        a_watch(Ledger(None), []).drop("digits", "d1", within=5)
