"""Other strategies than `stepped`, through all functions over fakes."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from events.words import Reason
from functions.endpoint import Guard
from functions.ledger import RolloutState
from functions.registry import Approval
from functions.scaling import Scaling
from tests.builders import MODEL, a_deployed
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


def guarded(**also: Any) -> Stage:
    """A stage of four instances whose first version serves."""
    rollout = {"strategy": "guardrail", "bake": "10m", "promote_requests": 100}
    return served(Stage(rollout=rollout, serving={"count": 4}, **also), versions=1)


def a_second_version(stage: Stage) -> Stage:
    stage.rest()
    stage.accuracy["drop-2"] = 0.97
    stage.drop("drop-2")
    return stage


def test_a_guarded_version_takes_the_champions_place_and_is_promoted_on_evidence() -> None:
    stage = a_second_version(guarded())
    stage.settle()
    rollout = stage.rollout_of(2)
    assert (rollout.state, rollout.weight) == (RolloutState.SHIFTING, 100)
    assert rollout.challenger.variant == "blue"

    stage.elapse(timedelta(minutes=15))

    assert (stage.champion, stage.serving) == (2, {2: 100})
    endpoint = stage.endpoints.endpoints[MODEL]
    assert endpoint.history == [{1: 100}, {2: 100}]
    assert endpoint.now is not None
    assert endpoint.now.counts == {"blue": 4}
    assert endpoint.now.guard == Guard(
        stage.rollout_of(2).definition.rollout.guardrail,
        ("sluice-dev-digits-blue-errors", "sluice-dev-digits-blue-latency"),
    )
    assert stage.endpoints.shifts == 0


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        ("", Reason.NOT_DEPLOYED),
        ("no capacity", Reason.NOT_DEPLOYED),
        ("One or more configured alarms are in ALARM state: ['x'].", Reason.ALARM),
    ],
)
def test_a_return_by_sagemaker_itself_is_seen_with_and_without_a_word(
    failure: str, reason: Reason
) -> None:
    stage = a_second_version(guarded())
    stage.settle(until=lambda: stage.endpoints.endpoints[MODEL].then is not None)

    stage.endpoints.give_up(MODEL, failure)
    stage.rest()

    rollout = stage.rollout_of(2)
    assert (rollout.state, rollout.reason) == (RolloutState.ABORTED, reason)
    assert failure in rollout.message
    assert (stage.champion, stage.serving) == (1, {1: 100})
    assert stage.registry.versions[(MODEL, 2)].approval is Approval.REJECTED


def test_a_guarded_version_that_fails_its_probe_is_replaced_by_the_champion_again() -> None:
    stage = guarded()
    stage.endpoints.broken = {2}

    a_second_version(stage).rest()

    assert stage.rollout_of(2).reason is Reason.PROBE_FAILED
    assert (stage.champion, stage.serving) == (1, {1: 100})


def test_a_guarded_version_goes_back_to_the_old_configuration_while_it_is_watched() -> None:
    stage = a_second_version(guarded())
    stage.settle()
    stage.elapse(timedelta(minutes=15))
    old = stage.rollout_of(2).returns_to

    stage.bus.publish(asks_back(stage, 2))
    stage.rest()

    endpoint = stage.endpoints.endpoints[MODEL].now
    assert endpoint is not None
    assert (endpoint.config, endpoint.guard) == (old, None)
    assert (stage.champion, stage.serving) == (1, {1: 100})


def test_an_alarm_during_the_deployment_has_the_last_word() -> None:
    stage = a_second_version(guarded())
    stage.settle(until=lambda: stage.endpoints.endpoints[MODEL].then is not None)
    stage.settle(until=lambda: stage.rollout_of(2).placed)
    assert stage.rollout_of(2).state is RolloutState.PROVISIONING

    stage.alarm("blue")
    stage.rest()

    assert stage.rollout_of(2).reason is Reason.ALARM
    assert (stage.champion, stage.serving) == (1, {1: 100})


def test_alarms_that_are_not_there_are_told_before_anything_changes() -> None:
    stage = guarded()
    stage.alarms.missing = {"sluice-dev-digits-blue-latency"}

    a_second_version(stage).rest()

    rollout = stage.rollout_of(2)
    assert rollout.reason is Reason.NOT_DEPLOYED
    assert "alarms sluice-dev-digits-blue-latency are not there" in rollout.message
    assert (stage.serving, stage.endpoints.updates) == ({1: 100}, 1)


def test_a_deployment_waits_while_an_alarm_rings_that_would_end_it() -> None:
    stage = guarded()
    stage.alarms.ringing = {"sluice-dev-digits-blue-errors"}
    a_second_version(stage)
    stage.elapse(timedelta(hours=1))
    assert (stage.serving, stage.endpoints.updates) == ({1: 100}, 1)
    assert stage.rollout_of(2).message == "sluice-dev-digits-blue-errors rings already"

    stage.alarms.ringing = set()
    stage.rest()

    assert stage.champion == 2


def test_a_champion_beside_an_idle_variant_gets_the_endpoint_alone_first() -> None:
    """Guardrails know variants by their names, and rolling takes one alone."""
    stage = served(Stage(rollout={"strategy": "stepped", "steps": [100]}), versions=2)
    stage.rest()
    stage.definitions.deployed[MODEL] = a_deployed(
        rollout={"strategy": "guardrail"}, serving={"count": 2}
    )

    stage.accuracy["drop-3"] = 0.97
    stage.drop("drop-3")
    stage.rest()

    assert (stage.champion, stage.serving) == (3, {3: 100})
    assert stage.endpoints.endpoints[MODEL].history[-2:] == [{2: 100}, {3: 100}]


def test_a_champion_that_was_scaled_out_keeps_its_instances() -> None:
    stage = served(Stage(rollout={"strategy": "stepped", "steps": [100]}), versions=1)
    stage.rest()
    endpoint = stage.endpoints.endpoints[MODEL]
    assert endpoint.now is not None
    endpoint.now = replace(endpoint.now, counts={"blue": 3})

    a_second_version(stage).rest()

    assert endpoint.now.counts == {"blue": 3, "green": 3}


def test_a_container_of_the_marketplace_is_refused_where_its_guardrails_would_be_dropped() -> None:
    stage = guarded()
    stage.registry.marketplace = True

    a_second_version(stage).rest()

    rollout = stage.rollout_of(2)
    assert rollout.reason is Reason.NOT_DEPLOYED
    assert rollout.message == (
        "guardrail for a container of the AWS Marketplace: SageMaker silently drops its guardrails"
        ' there and updates all at once, without a bake; write strategy = "stepped"'
    )
    assert stage.endpoints.updates == 1


SCALED = Scaling(variant="blue", least=2, most=8, policies=({"PolicyName": "busy"},))


@pytest.mark.parametrize("strategy", ["stepped", "guardrail"])
def test_who_is_scaled_is_let_go_for_the_update_and_scaled_again_after_it(strategy: str) -> None:
    rollout = {"strategy": strategy, "bake": "10m"}
    stage = served(Stage(rollout=rollout, serving={"count": 2}), versions=1)
    stage.scaling.targets = {"blue": SCALED}

    a_second_version(stage)
    stage.settle(until=lambda: stage.endpoints.endpoints[MODEL].then is not None)
    during = dict(stage.scaling.targets)
    stage.rest()

    assert during == {}
    assert stage.champion == 2
    assert stage.scaling.targets["blue"] == SCALED
    assert set(stage.scaling.targets) == (
        {"blue"} if strategy == "guardrail" else {"blue", "green"}
    )
    assert stage.rollout_of(2).scaling == ()


def test_who_is_scaled_is_so_again_when_the_traffic_came_back() -> None:
    stage = guarded()
    stage.scaling.targets = {"blue": SCALED}
    stage.endpoints.broken = {2}

    a_second_version(stage).rest()

    assert (stage.champion, stage.scaling.targets) == (1, {"blue": SCALED})
