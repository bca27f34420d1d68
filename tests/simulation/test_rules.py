"""Worlds made rule by rule are safe, and what breaks one is told in the fewest rules."""

import re

import pytest

from tests.simulation.mutants import MUTANTS, shrunk
from tests.simulation.rules import played

EXAMPLES = 100
"""A few seconds; `python -m tests.simulation.rules` plays as many as there is time for."""


def test_no_order_of_rules_breaks_a_world() -> None:
    played(EXAMPLES)


@pytest.mark.parametrize(
    ("bug", "rule"),
    [
        ("a drop without its marker counts as whole", "drops_in_pieces"),
        ("evidence forgets the event", "drops_"),
        ("no capacity is a failure", "full=True|Fault.LIMIT"),
    ],
)
def test_a_planted_bug_is_told_in_its_shortest_story(bug: str, rule: str) -> None:
    (mutant,) = (each for each in MUTANTS if each.name == bug)

    story = shrunk(mutant)

    assert re.search(rule, "\n".join(story)), story
    assert len(story) <= 5
