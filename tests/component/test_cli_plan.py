"""The plan of a rollout says before it begins what each of its phases takes."""

from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from cli import render
from cli.errors import UnknownModelError
from cli.plan import SCARCE, Phase, plan_of, planned
from functions.ledger import RolloutRecord
from tests.builders import MODEL, a_definition
from tests.fakes.home import FakeHome
from tests.fakes.stage import Stage

GUARDED = {"rollout": {"strategy": "guardrail"}, "serving": {"count": 4}}


def told(phases: tuple[Phase, ...]) -> list[tuple[int, float]]:
    return [(each.instances, each.seconds) for each in phases]


def test_side_by_side_both_versions_stand_beside_what_serves_until_they_are_there() -> None:
    definition = a_definition(rollout={"steps": [10, 100], "bake": "10m"})

    found = planned(MODEL, definition, count=2, standing=2)

    assert told(found.phases) == [(6, 0.0), (4, 600.0), (4, 600.0), (4, 3600.0)]
    assert found.phases[1].name == "10 % on the challenger"
    assert found.phases[1].cost == pytest.approx(4 * 1.408 / 6, abs=0.001)
    assert found.seconds == 4800


@pytest.mark.parametrize(
    ("guardrail", "first"),
    [
        ({"type": "canary", "size": 25, "wait": "5m"}, (8, 300.0)),
        ({"type": "linear", "size": 25, "wait": "5m"}, (8, 900.0)),
        ({"type": "rolling", "size": 25, "wait": "5m"}, (5, 1200.0)),
    ],
)
def test_guardrails_take_a_second_fleet_and_rolling_one_batch(
    guardrail: dict[str, Any], first: tuple[int, float]
) -> None:
    definition = a_definition(
        rollout={"strategy": "guardrail", "guardrail": guardrail}, serving={"count": 4}
    )

    found = planned(MODEL, definition, count=4, standing=4)

    assert told(found.phases) == [first, (4, 600.0), (4, 3600.0)]


def test_rolling_is_proposed_where_there_was_no_room_lately() -> None:
    definition = a_definition(**GUARDED)
    rolls = a_definition(
        rollout={"strategy": "guardrail", "guardrail": {"type": "rolling"}}, serving={"count": 4}
    )

    def advice(of: Any = definition, *, count: int = 4, scarce: bool = True) -> str:
        return planned(MODEL, of, count=count, standing=4, scarce=scarce).advice

    assert (advice(), advice(scarce=False)) == (SCARCE, "")
    assert (advice(rolls), advice(count=1)) == ("", "")


def test_the_plan_counts_the_instances_that_serve_now() -> None:
    stage = Stage(serving={"count": 2})
    home = FakeHome(stage)
    first = plan_of(home, MODEL)
    assert told(first.phases) == [(2, 0.0)]

    stage.drop("monday")
    stage.rest()

    found = plan_of(home, MODEL)
    assert (found.count, found.phases[0].instances, found.advice) == (2, 6, "")
    (rollout,) = stage.ledger.all(RolloutRecord)
    assert rollout.count == 2


def test_a_plan_is_printed_with_its_advice() -> None:
    console = Console(width=120, record=True, file=StringIO())

    render.plan(console, planned(MODEL, a_definition(**GUARDED), count=4, standing=4, scarce=True))

    text = console.export_text()
    assert "digits: guardrail, 4 x ml.g5.xlarge a variant" in text
    assert "canary in 2 moves of SageMaker's" in text
    assert 'type = "rolling"' in text


def test_an_unknown_model_has_no_plan() -> None:
    with pytest.raises(UnknownModelError):
        plan_of(FakeHome(Stage()), "nobody")
