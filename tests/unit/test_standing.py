"""What of an endpoint is a rollout's, what SageMaker's, and what somebody else's."""

from dataclasses import replace

import pytest

from functions.endpoint import EndpointView
from functions.ledger import RolloutRecord, RolloutState
from functions.standing import meddled, shifted_by_others
from tests.builders import A_DAY_LATER, CONFIG, NOON, a_rollout, a_view

BEFORE = a_rollout(before="sluice-dev-digits-11111111", made_at=NOON)
SEEN = replace(a_view(), made=NOON)


@pytest.mark.parametrize(
    "view",
    [
        SEEN,
        replace(SEEN, config="sluice-dev-digits-11111111"),
        replace(SEEN, config="another", status="Updating"),
        replace(SEEN, made=None),
    ],
)
def test_what_a_rollout_asked_for_and_what_was_before_it_are_nobody_elses(
    view: EndpointView,
) -> None:
    assert meddled(BEFORE, view) is None


def test_a_configuration_of_another_instance_type_is_the_rollouts_own() -> None:
    rollout = BEFORE.changed(tried=(CONFIG,), config="sluice-dev-digits-22222222")

    assert meddled(rollout, SEEN) is None


def test_of_a_rollout_that_does_not_know_what_was_before_nothing_is_told() -> None:
    assert meddled(a_rollout(), replace(SEEN, config="another")) is None


@pytest.mark.parametrize(
    ("view", "said"),
    [
        (replace(SEEN, config="another"), "the endpoint has another, which this rollout did not"),
        (replace(SEEN, made=A_DAY_LATER), "the endpoint was deleted and made again"),
    ],
)
def test_another_configuration_and_another_endpoint_are_somebody_elses(
    view: EndpointView, said: str
) -> None:
    assert (meddled(BEFORE, view) or "").startswith(said)


SECOND = a_rollout(step=1, weight=50)
WATCHED = a_rollout(state=RolloutState.WATCHING, step=3, weight=100)


@pytest.mark.parametrize(
    ("rollout", "challenger", "told"),
    [
        (SECOND, 50, False),
        (SECOND, 5, False),
        (SECOND, 0, True),
        (SECOND, 33, True),
        (a_rollout(), 0, False),
        (WATCHED, 100, False),
        (WATCHED, 50, True),
    ],
)
def test_weights_are_the_last_that_was_asked_for_or_the_one_before(
    rollout: RolloutRecord, challenger: int, *, told: bool
) -> None:
    assert (shifted_by_others(rollout, a_view(challenger=challenger)) is not None) is told
