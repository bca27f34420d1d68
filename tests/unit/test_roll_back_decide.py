"""Whether the traffic goes back, and to whom."""

from datetime import datetime, timedelta

import pytest

from events.words import Reason
from functions.ledger import RolloutState
from functions.machines import RolloutNews
from functions.roll_back.decide import Alarmed, Asked, Confirm, Ignore, Return, decide
from tests.builders import A_MINUTE_LATER, NOON, a_champion, a_rollout, an_endpoint

ALARM = Alarmed("digits-green-5xx", "green", "3 of 3 datapoints", A_MINUTE_LATER)
ASKED = Asked(Reason.TOO_SLOW, "p99 90 ms")
ACTIVE = [RolloutState.PROVISIONING, RolloutState.SHIFTING, RolloutState.WATCHING]
HELD = an_endpoint(champion=a_champion(1), rollout="sluice-dev-digits-v2")
FREED = an_endpoint(champion=a_champion(1))


@pytest.mark.parametrize("state", [RolloutState.SHIFTING, RolloutState.WATCHING])
def test_an_alarm_on_the_challenger_gives_the_traffic_back(state: RolloutState) -> None:
    outcome = decide(a_rollout(state=state), ALARM, HELD)

    assert outcome == Return(
        a_champion(1), Reason.ALARM, "alarm digits-green-5xx: 3 of 3 datapoints"
    )


@pytest.mark.parametrize("state", ACTIVE)
def test_whoever_asks_gets_the_traffic_back(state: RolloutState) -> None:
    outcome = decide(a_rollout(state=state), ASKED, HELD)

    assert outcome == Return(a_champion(1), Reason.TOO_SLOW, "p99 90 ms")


def test_an_alarm_without_a_time_is_believed() -> None:
    outcome = decide(a_rollout(), Alarmed("a", "green", "bad"), HELD)

    assert isinstance(outcome, Return)


def test_an_alarm_on_the_champion_is_no_reason_to_give_it_more_traffic() -> None:
    outcome = decide(a_rollout(), Alarmed("a", "blue", "bad", NOON), HELD)

    assert outcome == Ignore("the alarm is on blue, not on the challenger")


def test_a_late_alarm_about_an_earlier_challenger_in_the_same_variant_is_not_believed() -> None:
    outcome = decide(a_rollout(), Alarmed("a", "green", "bad", NOON - timedelta(hours=3)), HELD)

    assert outcome == Ignore("the alarm of 2026-11-24 09:00 is older than the challenger's traffic")


@pytest.mark.parametrize("at", [None, NOON, A_MINUTE_LATER])
def test_a_challenger_without_traffic_is_not_to_blame_for_an_alarm(at: datetime | None) -> None:
    rollout = a_rollout(state=RolloutState.PROVISIONING)

    outcome = decide(rollout, Alarmed("a", "green", "bad", at), HELD)

    assert outcome == Ignore(
        "the challenger has had no traffic yet: the alarm is on another version"
    )


@pytest.mark.parametrize("seconds", [0, 1])
def test_an_alarm_counts_from_the_first_traffic_and_not_from_the_start(seconds: int) -> None:
    rollout = a_rollout(started_at=NOON, traffic_since=A_MINUTE_LATER)
    at = A_MINUTE_LATER + timedelta(seconds=seconds)

    outcome = decide(rollout, Alarmed("a", "green", "bad", at), HELD)

    assert isinstance(outcome, Return) == (seconds > 0)


def test_without_a_word_on_its_traffic_an_alarm_counts_from_the_start() -> None:
    rollout = a_rollout(traffic_since=None)

    assert isinstance(decide(rollout, ALARM, HELD), Return)
    assert isinstance(decide(rollout, Alarmed("a", "green", "bad", NOON), HELD), Ignore)


@pytest.mark.parametrize("cause", [ALARM, ASKED])
def test_a_rollback_under_way_keeps_its_first_reason(cause: Alarmed | Asked) -> None:
    rollout = a_rollout(
        state=RolloutState.ROLLING_BACK, reason=Reason.PROBE_FAILED, message="no answer"
    )

    assert decide(rollout, cause, HELD) == Return(a_champion(1), Reason.PROBE_FAILED, "no answer")


def test_a_first_version_that_cannot_be_placed_is_given_up() -> None:
    rollout = a_rollout(state=RolloutState.PROVISIONING, champion=None)

    assert decide(rollout, ASKED, HELD) == Return(None, Reason.TOO_SLOW, "p99 90 ms")


def test_a_first_version_under_watch_has_nobody_to_give_the_traffic_to() -> None:
    rollout = a_rollout(state=RolloutState.WATCHING, champion=None)

    assert decide(rollout, ALARM, HELD) == Ignore(
        "the first version has nobody to give the traffic back to"
    )


def test_without_a_rollout_nothing_goes_back() -> None:
    assert decide(None, ASKED, FREED) == Ignore("no rollout is under way there")


def test_a_rollout_that_is_completed_does_not_go_back() -> None:
    rollout = a_rollout(state=RolloutState.COMPLETED)

    assert decide(rollout, ASKED, FREED) == Ignore(str(rollout.ignores(RolloutNews.RETURNING)))


def test_an_aborted_rollout_is_looked_at_once_more() -> None:
    outcome = decide(a_rollout(state=RolloutState.ABORTED), ASKED, FREED)

    assert outcome == Confirm(a_champion(1))


@pytest.mark.parametrize(
    "endpoint",
    [
        None,
        an_endpoint(champion=a_champion(1), rollout="sluice-dev-digits-v3"),
        an_endpoint(champion=a_champion(3)),
        an_endpoint(),
    ],
)
def test_an_aborted_rollout_lets_others_have_the_endpoint(endpoint: object) -> None:
    aborted = a_rollout(state=RolloutState.ABORTED)

    outcome = decide(aborted, ASKED, endpoint)  # type: ignore[arg-type]  # parametrized

    assert isinstance(outcome, Ignore)


def test_an_aborted_first_version_is_looked_at_once_more_until_another_has_the_endpoint() -> None:
    aborted = a_rollout(state=RolloutState.ABORTED, champion=None)

    assert decide(aborted, ASKED, an_endpoint()) == Confirm(None)
    assert decide(aborted, ASKED, FREED) == Ignore(
        "sluice-dev-digits-v2 is over, and so is its champion"
    )
