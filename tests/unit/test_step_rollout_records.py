"""What a step leaves in the ledger: one bake told from another, one version handed on."""

from datetime import timedelta

import pytest

from events.catalog import RolloutStepDue, VersionApproved
from functions.ledger import RETRY_AFTER, Champion, EndpointRecord, RolloutState
from functions.step_rollout.decide import Hold, Promote, Shift, Wait
from functions.step_rollout.records import (
    Written,
    bake_over,
    closed,
    held,
    looked_at_later,
    promoted,
    shifted,
)
from tests.builders import A_DAY_LATER, A_MINUTE_LATER, NOON, a_champion, a_rollout, an_endpoint

QUEUE = an_endpoint(champion=a_champion(1), rollout="sluice-dev-digits-v2", waiting=3)


def handed_on(written: Written) -> list[str]:
    return [saying.name for endpoint in written.endpoint for saying in endpoint.outbox]


def test_the_first_share_is_remembered_as_the_first_traffic() -> None:
    provisioned = a_rollout(state=RolloutState.PROVISIONING)

    first = shifted(Shift(5, 0, "probed"), provisioned, NOON).rollout
    second = shifted(Shift(50, 1, "good"), first, A_MINUTE_LATER).rollout

    assert (first.traffic_since, second.traffic_since) == (NOON, NOON)
    assert (second.step_since, second.holds) == (A_MINUTE_LATER, 0)


def test_a_first_version_has_its_traffic_from_its_promotion_on() -> None:
    provisioned = a_rollout(state=RolloutState.PROVISIONING, champion=None)

    written = promoted(Promote("probed"), provisioned, an_endpoint(), NOON)

    assert written.rollout.traffic_since == NOON


def test_every_bake_has_a_name_of_its_own() -> None:
    step = a_rollout(step=0, weight=5)
    prolonged = held(Hold("no data yet"), step, NOON).rollout
    asked_again = shifted(Shift(5, 0, "not in effect"), prolonged, NOON).rollout
    next_step = shifted(Shift(50, 1, "good"), asked_again, NOON).rollout

    bakes = [(r.step, r.holds) for r in (step, prolonged, asked_again, next_step)]

    assert bakes == [(0, 0), (0, 1), (0, 2), (1, 0)]
    assert bake_over(asked_again) == RolloutStepDue(
        rollout="sluice-dev-digits-v2", model="digits", step=0, hold=2
    )


@pytest.mark.parametrize(("champion", "said"), [(a_champion(1), []), (None, ["VersionApproved"])])
def test_a_promotion_hands_on_only_when_there_is_nobody_to_keep_warm(
    champion: Champion | None, said: list[str]
) -> None:
    rollout = a_rollout(step=2, weight=100, champion=champion)

    written = promoted(Promote("good"), rollout, QUEUE, NOON)

    assert handed_on(written) == said
    assert written.rollout.state is RolloutState.WATCHING


def test_the_end_of_a_watch_frees_the_endpoint_and_hands_on() -> None:
    written = closed(a_rollout(state=RolloutState.WATCHING), QUEUE, NOON)

    (free,) = written.endpoint
    assert (free.rollout, free.previous, free.due_at) == (None, None, NOON + RETRY_AFTER)
    assert free.outbox[0].event() == VersionApproved(model="digits", version=3)


def test_with_nobody_in_line_nobody_is_called() -> None:
    written = closed(a_rollout(state=RolloutState.WATCHING), EndpointRecord(model="digits"), NOON)

    assert handed_on(written) == []


@pytest.mark.parametrize(
    ("due", "later"),
    [
        (None, NOON + RETRY_AFTER),
        (NOON, NOON + RETRY_AFTER),
        (A_DAY_LATER, A_DAY_LATER),
        (NOON + timedelta(minutes=4), NOON + RETRY_AFTER),
    ],
)
def test_waiting_never_cuts_a_bake_short(due: object, later: object) -> None:
    written = looked_at_later(Wait("an update"), a_rollout(due_at=due), NOON)

    assert written.rollout.due_at == later
