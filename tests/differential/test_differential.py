"""Both homes write the same ledger; all scenarios by `python -m tests.differential`."""

import pytest

from tests.differential import in_memory
from tests.differential.__main__ import on_the_embedded_aws
from tests.differential.scenarios import SCENARIOS, LedgerSeen, differences

QUICK = ("half-written drop", "unreadable drop")
"""Of each kind of drop one; the others take longer."""


@pytest.mark.parametrize("name", QUICK)
def test_both_homes_come_to_the_same_ledger(name: str) -> None:
    memory = in_memory.play(SCENARIOS[name])

    assert memory.records
    assert differences(memory, on_the_embedded_aws(SCENARIOS[name])) == []


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_scenario_ends_in_memory(name: str) -> None:
    told = in_memory.play(SCENARIOS[name])

    assert all(told.evidence[key] for key in told.records)


def test_a_ledger_that_differs_is_told_apart() -> None:
    one = LedgerSeen({"RUN a": {"state": "held"}}, {"RUN a": [("gate_model", "x", "held", "y")]})
    other = LedgerSeen({"RUN a": {"state": "approved"}}, dict(one.evidence))

    (line,) = differences(one, other)

    assert "RUN a" in line
    assert differences(one, one) == []
