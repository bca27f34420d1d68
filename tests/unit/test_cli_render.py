"""What people see fits their terminal and says what is there."""

import io
from datetime import UTC, datetime

import pytest
from rich.console import Console

from cli import render
from cli.status import ModelStatus, Parked, Status
from functions.evidence import Evidence
from functions.ledger import RunState
from tests.builders import a_run

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def printed(what: object, *, width: int) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(what)
    return str(console.file.getvalue())  # type: ignore[attr-defined]  # a StringIO


@pytest.mark.parametrize("width", [80, 120, 250])
def test_a_long_message_never_hides_run_model_state_or_version(width: int) -> None:
    run = a_run(state=RunState.APPROVED, version=12, message="word " * 60)

    (_, line, *_) = printed(render.runs_table([run]), width=width).splitlines()

    assert [run.run, run.model, "approved", "12"] == line.split()[:4]
    assert len(line) <= width


def test_square_brackets_are_words_and_not_colours() -> None:
    line = Evidence(kind="RUN", key="x", at=NOW, by="gate_model", text="see [/issue] [bold]7")

    assert "see [/issue] [bold]7" in printed(render.timeline([line]), width=100)


def test_a_model_tells_what_waits_for_what_and_what_trainings_cost_today() -> None:
    model = ModelStatus(
        model="digits",
        champion=3,
        endpoint="InService",
        weights={},
        rollout=None,
        rollout_state=None,
        weight=None,
        waiting=None,
        last_run=None,
        last_state=None,
        parked=[Parked("0123456789ab", "OVER_BUDGET", "per_day [bold]= 5")],
        training=2,
        spent=3.456,
        reserved=1.4,
    )
    console = Console(file=io.StringIO(), width=120)

    render.status(console, Status(where="here", stage="dev", models=[model], overdue=0))

    shown = str(console.file.getvalue())  # type: ignore[attr-defined]  # a StringIO
    assert "run 0123456789ab waits, OVER_BUDGET: per_day [bold]= 5\n" in shown
    assert "2 training; 3.46 USD today, up to 1.40 more reserved\n" in shown
