"""Endpoints that people change, that SageMaker strands, and that last; each is told once."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from events.catalog import PersonPaged
from events.words import Reason
from functions.ledger import STUCK_AFTER, RolloutState
from tests.builders import MODEL
from tests.component.test_functions_together import (
    BAKE,
    a_stage_with_a_challenger,
    a_stage_with_a_champion,
)
from tests.fakes.stage import SWEEP_EVERY, Stage

LONG = timedelta(hours=6)


def pages(stage: Stage) -> list[Reason]:
    """For what a person was paged, each time."""
    return [event.reason for event in stage.bus.said if isinstance(event, PersonPaged)]


def other_weights(stage: Stage) -> None:
    stage.endpoints.weigh_by_hand(MODEL, {"blue": 33, "green": 67})


def another_configuration(stage: Stage) -> None:
    stage.endpoints.configure_by_hand(MODEL, "by-hand", {"blue": 1})


def other_variants(stage: Stage) -> None:
    stage.endpoints.configure_by_hand(MODEL, "by-hand", {"mine": 1})


def made_again(stage: Stage) -> None:
    stage.endpoints.make_by_hand(MODEL)


CHANGES = [other_weights, another_configuration, other_variants, made_again]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("told", [True, False])
def test_what_a_person_changes_during_a_rollout_is_left_to_them_and_told_once(
    change: Callable[[Stage], None], *, told: bool
) -> None:
    stage = a_stage_with_a_challenger()
    if not told:
        stage.lose_aws_events()
    change(stage)
    theirs, touched = stage.serving, (stage.endpoints.updates, stage.endpoints.shifts)

    stage.elapse(LONG)

    rollout = stage.rollout_of(2)
    assert (rollout.state, rollout.reason) == (RolloutState.STOPPED, Reason.ENDPOINT_CHANGED)
    assert pages(stage) == [Reason.ENDPOINT_CHANGED]
    assert (stage.serving, (stage.endpoints.updates, stage.endpoints.shifts)) == (theirs, touched)
    assert (stage.champion, stage.endpoint.rollout, stage.open(), stage.dead) == (1, None, [], [])


@pytest.mark.parametrize("change", [another_configuration, other_variants, made_again])
def test_bad_news_does_not_touch_what_a_person_has_changed(
    change: Callable[[Stage], None],
) -> None:
    stage = a_stage_with_a_challenger()
    stage.lose_aws_events()
    change(stage)
    theirs = stage.serving

    stage.bus.silent.clear()
    stage.alarm("green")
    stage.elapse(LONG)

    assert stage.rollout_of(2).state is RolloutState.STOPPED
    assert (pages(stage), stage.serving) == ([Reason.ENDPOINT_CHANGED], theirs)
    assert stage.dead == []


def test_the_next_approved_version_takes_up_an_endpoint_that_was_left() -> None:
    stage = a_stage_with_a_challenger()
    another_configuration(stage)
    stage.elapse(LONG)
    stage.accuracy["wednesday"] = 0.99

    stage.drop("wednesday")
    stage.rest()

    assert (stage.champion, stage.serving) == (3, {3: 100})


def test_an_endpoint_that_is_deleted_during_a_rollout_is_told_once() -> None:
    stage = a_stage_with_a_challenger()
    stage.endpoints.delete_by_hand(MODEL)

    stage.elapse(LONG)

    assert stage.rollout_of(2).state is RolloutState.ABORTED
    assert (pages(stage), stage.dead) == ([Reason.ENDPOINT_CHANGED], [])


def a_stage_on_its_way() -> Stage:
    """Version 2 is being placed beside the champion."""
    stage = a_stage_with_a_champion()
    stage.accuracy = {"tuesday": 0.97}
    stage.drop("tuesday")
    stage.settle(until=lambda: stage.endpoints.updates == 2)
    return stage


def test_when_an_update_cannot_go_back_the_champion_comes_alone() -> None:
    stage = a_stage_on_its_way()

    stage.endpoints.strand(MODEL)
    stage.rest()

    assert (stage.champion, stage.serving) == (1, {1: 100})
    assert stage.rollout_of(2).state is RolloutState.ABORTED
    assert (pages(stage), stage.dead) == ([Reason.ENDPOINT_STRANDED], [])


def test_the_next_version_is_rolled_out_on_an_endpoint_that_was_restored() -> None:
    stage = a_stage_on_its_way()
    stage.endpoints.strand(MODEL)
    stage.rest()
    stage.accuracy["wednesday"] = 0.99

    stage.drop("wednesday")
    stage.rest()

    assert (stage.champion, stage.serving) == (3, {3: 100})


class Stranding(Stage):
    """A stage whose endpoint, once it is to change its fleet again, never can."""

    strands = False

    def _pause(self, seconds: float) -> None:
        self.paused += seconds
        self._moves()

    def _aws_moves(self) -> bool:
        return self._moves() or super()._aws_moves()

    def _moves(self) -> bool:
        endpoint = self.endpoints.endpoints.get(MODEL)
        if not self.strands or endpoint is None or endpoint.then is None:
            return False
        self.endpoints.strand(MODEL)
        return True


def test_an_endpoint_that_stays_stranded_is_left_to_a_person_with_a_reason() -> None:
    stage = Stranding()
    stage.drop("monday")
    stage.rest()
    stage.strands = True

    stage.accuracy = {"tuesday": 0.97}
    stage.drop("tuesday")
    stage.rest()

    rollout = stage.rollout_of(2)
    assert (rollout.state, rollout.reason) == (RolloutState.STOPPED, Reason.ENDPOINT_STRANDED)
    assert (pages(stage), stage.champion, stage.dead) == ([Reason.ENDPOINT_STRANDED], 1, [])


@pytest.mark.parametrize("back", [False, True])
def test_a_deleted_configuration_is_made_again_from_the_ledger(*, back: bool) -> None:
    stage = a_stage_with_a_challenger()
    stage.endpoints.deleted.add(stage.rollout_of(2).config)

    if back:
        stage.alarm("green")
    stage.rest()

    assert stage.serving == ({1: 100} if back else {2: 100})
    assert (stage.endpoints.deleted, pages(stage), stage.dead) == (set(), [], [])
    told = [note.text for note in stage.ledger.notes if "made again" in note.text]
    assert len(told) == (0 if back else 1)


def test_a_missing_artifact_ends_the_rollout_with_its_reason_and_one_page() -> None:
    stage = a_stage_with_a_champion()
    stage.endpoints.lacking = "Could not find model data"
    stage.accuracy = {"tuesday": 0.97}

    stage.drop("tuesday")
    stage.rest()

    rollout = stage.rollout_of(2)
    assert (rollout.state, rollout.reason) == (RolloutState.ABORTED, Reason.ARTIFACT_MISSING)
    assert (pages(stage), stage.serving, stage.dead) == ([Reason.ARTIFACT_MISSING], {1: 100}, [])


def test_a_configuration_whose_models_are_gone_too_is_left_with_a_reason() -> None:
    stage = a_stage_with_a_challenger()
    stage.endpoints.deleted.add(stage.rollout_of(2).config)
    stage.endpoints.lacking = "Could not find model"

    stage.elapse(LONG)

    rollout = stage.rollout_of(2)
    assert (rollout.state, rollout.reason) == (RolloutState.STOPPED, Reason.ARTIFACT_MISSING)
    assert (pages(stage), stage.open(), stage.dead) == ([Reason.ARTIFACT_MISSING], [], [])


def test_an_update_that_lasts_is_told_once_and_goes_on_when_it_ends() -> None:
    stage = a_stage_on_its_way()
    stage.endpoints.hurries = False
    stage.elapse(STUCK_AFTER - 2 * SWEEP_EVERY)
    early = pages(stage)

    stage.elapse(LONG)
    stage.endpoints.hurries = True
    stage.rest()

    assert (early, pages(stage)) == ([], [Reason.ENDPOINT_STUCK])
    assert stage.serving == {2: 100}


def test_a_return_that_lasts_is_told_once_and_ends() -> None:
    stage = a_stage_with_a_challenger()
    stage.endpoints.hurries = False
    stage.alarm("green")
    stage.elapse(LONG)
    during = pages(stage)

    stage.endpoints.hurries = True
    stage.rest()

    assert (during, pages(stage)) == ([Reason.ENDPOINT_STUCK], [Reason.ENDPOINT_STUCK])
    assert (stage.serving, stage.rollout_of(2).state) == ({1: 100}, RolloutState.ABORTED)


def test_a_weight_that_is_not_in_effect_yet_is_nobody_elses() -> None:
    stage = a_stage_with_a_challenger()
    stage.endpoints.weigh_by_hand(MODEL, {"blue": 100, "green": 0})

    stage.elapse(BAKE)

    assert pages(stage) == []
    assert stage.serving == {1: 95, 2: 5}
