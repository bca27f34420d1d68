"""Other strategies than `stepped`, through all functions over fakes."""

from datetime import timedelta

from events.words import Reason
from functions.ledger import RolloutState
from tests.builders import MODEL
from tests.fakes.stage import Stage, asks_back

ALL_AT_ONCE = {"strategy": "all_at_once", "bake": "10m", "promote_requests": 100}


def served(stage: Stage, *, versions: int) -> Stage:
    """A stage in which so many drops came, one after the other."""
    for number in range(1, versions + 1):
        stage.accuracy[f"drop-{number}"] = 0.9 + number / 100
        stage.drop(f"drop-{number}")
        stage.settle()
        if number < versions:
            stage.rest()
    return stage


def test_all_at_once_is_probed_moved_in_one_step_and_promoted_on_evidence() -> None:
    stage = served(Stage(rollout=ALL_AT_ONCE), versions=2)
    assert stage.serving == {2: 100}
    assert stage.rollout_of(2).state is RolloutState.SHIFTING

    stage.elapse(timedelta(minutes=15))

    assert stage.champion == 2
    assert stage.endpoints.endpoints[MODEL].history[-2:] == [{1: 100, 2: 0}, {1: 0, 2: 100}]


def test_all_at_once_that_does_not_answer_its_probe_gets_no_traffic() -> None:
    stage = Stage(rollout=ALL_AT_ONCE)
    stage.endpoints.broken = {2}
    served(stage, versions=2)

    stage.rest()

    assert (stage.champion, stage.serving) == (1, {1: 100})
    assert stage.rollout_of(2).reason is Reason.PROBE_FAILED


def test_all_at_once_goes_back_in_one_step_while_it_is_watched() -> None:
    stage = served(Stage(rollout=ALL_AT_ONCE), versions=2)
    stage.elapse(timedelta(minutes=15))
    assert stage.rollout_of(2).state is RolloutState.WATCHING

    stage.bus.publish(asks_back(stage, 2))
    stage.rest()

    assert (stage.champion, stage.serving) == (1, {1: 100})
    assert stage.endpoints.updates == 2
