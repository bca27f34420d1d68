"""Following a drop: each change is told once, and silence ends with a code."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.text import Text

from cli.errors import EndedBadlyError, TimedOutError
from cli.watch import Watch
from events.words import Reason
from functions.ledger import DropRecord, DropState, Record, RunState
from functions.names import Names
from tests.builders import a_run

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Ledger:
    """Answers with one record after the other, then the last for ever."""

    def __init__(self, *records: Record | None) -> None:
        self._records: Iterator[Record | None] = iter(records)
        self._last: Record | None = None

    def get(self, _kind: object, _key: str) -> Record | None:
        self._last = next(self._records, self._last)
        return self._last


def a_drop(**fields: Any) -> DropRecord:
    return DropRecord(model="digits", drop="d1", first_seen=NOW, **fields)


def a_watch(ledger: Any, told: list[str], *, within: float = 100) -> Watch:
    seconds = iter(range(10_000))
    return Watch(
        ledger,
        Names("sluice-dev"),
        told.append,
        within,
        pause=lambda _seconds: None,
        clock=lambda: float(next(seconds)),
    )


def test_each_change_is_told_once_until_the_end_and_a_refusal_is_raised() -> None:
    told: list[str] = []
    refused = a_drop(state=DropState.REJECTED, reason=Reason.NO_ROWS, message="no rows")
    watch = a_watch(Ledger(None, a_drop(), a_drop(), refused), told)

    with pytest.raises(EndedBadlyError, match=r"^NO_ROWS: drop digits/d1: no rows$"):
        watch.drop("digits", "d1", str)

    assert len(told) == 2
    assert "receiving" in told[0]
    assert "NO_ROWS: no rows" in told[1]
    assert watch.seen == {"drop": refused}


def test_a_run_that_waits_for_a_person_says_what_the_person_can_do() -> None:
    told: list[str] = []
    held = a_run(state=RunState.HELD, version=3, ended_at=NOW)

    a_watch(Ledger(held), told).run(held.run)

    assert told[-1] == "it waits for a person: `sluice approve digits 3`"


def test_a_run_judged_again_is_followed_past_its_first_version() -> None:
    told: list[str] = []
    again = a_run(state=RunState.EVALUATING, version=3, ended_at=NOW)
    rejected = a_run(
        state=RunState.REJECTED, version=3, ended_at=NOW, reason=Reason.BELOW_MINIMUM, message="low"
    )

    with pytest.raises(EndedBadlyError, match=r"^BELOW_MINIMUM: "):
        a_watch(Ledger(again, rejected), told).run(again.run)


def test_silence_ends_with_a_code() -> None:
    with pytest.raises(TimedOutError, match="TIMED_OUT: "):
        a_watch(Ledger(None), [], within=5).drop("digits", "d1", str)


def test_a_message_in_square_brackets_is_told_as_it_is() -> None:
    told: list[str] = []
    failed = a_run(
        state=RunState.FAILED, ended_at=NOW, reason=Reason.JOB_FAILED, message="[training] [/x]"
    )

    with pytest.raises(EndedBadlyError):
        a_watch(Ledger(failed), told).run(failed.run)

    assert Text.from_markup(told[0]).plain.endswith("JOB_FAILED: [training] [/x]")
