"""Bad news acts at once; good news waits for the bake; silence never promotes."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.catalog import RolloutStepDue
from events.words import Reason
from functions.endpoint import NO_TRAFFIC, Arms, Traffic
from functions.ledger import RETRY_AFTER, RolloutState
from functions.machines import RolloutNews
from functions.step_rollout.decide import (
    Case,
    Close,
    Hold,
    Ignore,
    LookAgain,
    Promote,
    RollBack,
    Shift,
    Wait,
    bake,
    ends_bake,
    keep_warm,
    look_within,
    next_look,
    next_step,
    since_first,
)
from functions.step_rollout.judge import Seen
from tests.builders import (
    A_MINUTE_LATER,
    CONFIG,
    NOON,
    a_definition,
    a_probe,
    a_rollout,
    a_view,
    traffic,
)


def seen(challenger: Traffic, champion: Traffic, *, whole: Traffic | None = None) -> Seen:
    """A step; what was seen before it only when it is told."""
    step = Arms(challenger, champion)
    return Seen(step, Arms(whole, champion) if whole else step)


PROVISIONED = Case(
    a_rollout(state=RolloutState.PROVISIONING), a_view(challenger=0), baked=False, probe=a_probe()
)
SHIFTING = Case(
    a_rollout(),
    a_view(),
    baked=True,
    seen=seen(traffic(50), traffic(950)),
)
LAST = replace(SHIFTING, rollout=a_rollout(step=2, weight=100), view=a_view(challenger=100))
WATCHING = Case(
    a_rollout(state=RolloutState.WATCHING, step=3, weight=100), a_view(challenger=100), baked=True
)
SEEN = "challenger 0/50 errors, p99 10 ms; champion 0/950"


def test_a_challenger_that_answers_the_golden_probe_gets_the_first_share() -> None:
    assert next_step(PROVISIONED) == Shift(5, 0, "golden probe answered by version 2")


def test_a_first_version_that_answers_the_golden_probe_is_the_champion() -> None:
    case = replace(PROVISIONED, rollout=a_rollout(state=RolloutState.PROVISIONING, champion=None))

    assert next_step(case) == Promote("the first version; golden probe answered by 2")


@pytest.mark.parametrize(
    ("probe", "said"),
    [
        (a_probe(None, ok=False, message="no answer"), "no answer"),
        (a_probe(1), "version 1 answered"),
        (a_probe(None), "version None answered"),
        (None, "was not asked"),
    ],
)
def test_a_challenger_that_fails_the_golden_probe_goes_back(probe: object, said: str) -> None:
    step = next_step(replace(PROVISIONED, probe=probe))  # type: ignore[arg-type]  # parametrized

    assert step == RollBack(Reason.PROBE_FAILED, f"golden probe of version 2: {said}")


def test_nothing_is_probed_before_the_update_was_asked_for() -> None:
    rollout = a_rollout(state=RolloutState.PROVISIONING, placed=False)
    older = a_view(config="older")

    for view in (None, older):
        step = next_step(replace(PROVISIONED, rollout=rollout, view=view))
        assert step == Wait("the update is not asked for yet")


def test_an_endpoint_that_is_where_it_was_asked_to_be_was_asked_for() -> None:
    rollout = a_rollout(state=RolloutState.PROVISIONING, placed=False)

    step = next_step(replace(PROVISIONED, rollout=rollout))

    assert step == Shift(5, 0, "golden probe answered by version 2")


@pytest.mark.parametrize("status", ["Creating", "Updating", "SystemUpdating"])
@pytest.mark.parametrize("case", [PROVISIONED, SHIFTING, WATCHING])
def test_an_endpoint_at_work_is_waited_for(status: str, case: Case) -> None:
    step = next_step(replace(case, view=a_view(status=status)))

    for_us = case is not SHIFTING
    assert step == Wait(f"the endpoint is {status}", for_us=for_us)


def test_an_endpoint_that_is_not_there_yet_is_waited_for_until_the_sweep_asks() -> None:
    case = replace(PROVISIONED, view=None)

    assert next_step(case) == Wait("the endpoint is not there yet")
    assert next_step(replace(case, baked=True)) == RollBack(
        Reason.NOT_DEPLOYED, "the endpoint is gone"
    )


def test_an_endpoint_that_somebody_deleted_ends_the_rollout_and_the_watch() -> None:
    assert next_step(replace(SHIFTING, view=None)) == RollBack(
        Reason.NOT_DEPLOYED, "the endpoint is gone"
    )
    assert next_step(replace(WATCHING, view=None, baked=False)) == Ignore(
        "under watch, without an endpoint"
    )
    assert next_step(replace(WATCHING, view=None, baked=True)) == Close()


@pytest.mark.parametrize("state", [RolloutState.ROLLING_BACK, RolloutState.SHIFTING])
def test_a_return_that_waited_for_the_endpoint_is_asked_for_when_it_settles(
    state: RolloutState,
) -> None:
    rollout = a_rollout(state=state, reason=Reason.ALARM, message="5xx")
    case = replace(SHIFTING, rollout=rollout)

    assert next_step(replace(case, overdue=True)) == RollBack(Reason.ALARM, "5xx")
    assert isinstance(next_step(case), Ignore)


@pytest.mark.parametrize("case", [PROVISIONED, SHIFTING, WATCHING])
def test_a_silent_return_to_another_configuration_is_seen(case: Case) -> None:
    step = next_step(replace(case, view=a_view(config="older", failure="no capacity")))

    assert step == RollBack(
        Reason.NOT_DEPLOYED,
        f"the endpoint is InService with older, asked was {CONFIG}: no capacity",
    )


@pytest.mark.parametrize("status", ["Failed", "UpdateRollbackFailed", "OutOfService"])
def test_an_endpoint_that_failed_is_seen(status: str) -> None:
    step = next_step(replace(SHIFTING, view=a_view(status=status)))

    assert step == RollBack(
        Reason.NOT_DEPLOYED, f"the endpoint is {status} with {CONFIG}, asked was {CONFIG}"
    )


def test_a_first_version_under_watch_has_nobody_to_return_to() -> None:
    rollout = a_rollout(state=RolloutState.WATCHING, champion=None)

    step = next_step(replace(WATCHING, rollout=rollout, view=a_view(config="older")))

    assert step == Close()


def test_a_good_step_leads_to_the_next() -> None:
    assert next_step(SHIFTING) == Shift(50, 1, SEEN)


def test_a_good_step_waits_for_its_bake() -> None:
    assert next_step(replace(SHIFTING, baked=False)) == Ignore("step 0 bakes")


def test_a_silent_challenger_is_never_moved_on() -> None:
    assert next_step(replace(SHIFTING, seen=seen(NO_TRAFFIC, traffic(950)))) == Hold("no data yet")


def test_a_challenger_with_too_few_requests_is_held() -> None:
    step = next_step(replace(SHIFTING, seen=seen(traffic(5), traffic(950))))

    assert isinstance(step, Hold)
    assert "20 requests are needed" in step.why


def test_a_failing_challenger_goes_back() -> None:
    step = next_step(replace(SHIFTING, seen=seen(traffic(50, errors=25), traffic(950))))

    assert isinstance(step, RollBack)
    assert step.reason is Reason.TOO_MANY_ERRORS


def test_a_weight_that_did_not_take_is_asked_for_again() -> None:
    step = next_step(replace(SHIFTING, view=a_view(challenger=0)))

    assert step == Shift(5, 0, "the weight asked for is not in effect")


def test_the_last_step_promotes_on_enough_requests_over_the_whole_rollout() -> None:
    few = next_step(replace(LAST, seen=seen(traffic(50), traffic(950), whole=traffic(99))))
    enough = next_step(replace(LAST, seen=seen(traffic(50), traffic(950), whole=traffic(100))))

    assert few == Hold("99 of the 100 requests to promote on")
    assert enough == Promote(SEEN)


def test_a_watch_that_is_over_is_closed() -> None:
    assert next_step(WATCHING) == Close()
    assert next_step(replace(WATCHING, baked=False)) == Ignore("under watch")


@pytest.mark.parametrize(
    "state", [RolloutState.ROLLING_BACK, RolloutState.COMPLETED, RolloutState.ABORTED]
)
def test_a_rollout_that_is_over_takes_no_step(state: RolloutState) -> None:
    rollout = a_rollout(state=state)

    step = next_step(replace(SHIFTING, rollout=rollout))

    assert step == Ignore(str(rollout.ignores(RolloutNews.WANTED_BACK)))


@pytest.mark.parametrize("case", [PROVISIONED, SHIFTING, LAST, WATCHING])
def test_once_the_traffic_is_wanted_back_nothing_good_is_seen_any_more(case: Case) -> None:
    wanted = case.rollout.changed(reason=Reason.TOO_SLOW)

    assert next_step(replace(case, rollout=wanted)) == Ignore(
        "the traffic is wanted back: TOO_SLOW"
    )


def test_times_come_from_the_model() -> None:
    definition = a_definition(rollout={"bake": "90s"}, watch={"keep_warm": "2h"})
    rollout = a_rollout(definition=definition)

    assert (bake(rollout), keep_warm(rollout)) == (timedelta(seconds=90), timedelta(hours=2))


@pytest.mark.parametrize(
    ("step", "hold", "ends"), [(1, 2, True), (1, 1, False), (1, 3, False), (0, 2, False)]
)
def test_only_the_end_of_the_present_bake_ends_it(*, step: int, hold: int, ends: bool) -> None:
    rollout = a_rollout(step=1, holds=2)
    due = RolloutStepDue(rollout=rollout.rollout, model="digits", step=step, hold=hold)

    assert ends_bake(rollout, due) is ends


@pytest.mark.parametrize(("hold", "look", "number"), [(2, 3, 3), (2, 0, 0), (1, 3, 0)])
def test_a_look_within_another_bake_is_none(*, hold: int, look: int, number: int) -> None:
    rollout = a_rollout(step=1, holds=2)
    due = RolloutStepDue(rollout=rollout.rollout, model="digits", step=1, hold=hold, look=look)

    assert look_within(rollout, due) == number
    assert ends_bake(rollout, due) is (look == 0 and hold == 2)


def test_a_look_within_a_bake_moves_nothing_forward() -> None:
    looking = replace(SHIFTING, baked=False, look=4)

    assert next_step(looking) == LookAgain(5)
    assert next_step(replace(looking, seen=seen(NO_TRAFFIC, traffic(950)))) == LookAgain(5)


def test_a_look_within_a_bake_takes_a_failing_challenger_back() -> None:
    looking = replace(SHIFTING, baked=False, look=1)

    step = next_step(replace(looking, seen=seen(traffic(50, errors=25), traffic(950))))

    assert isinstance(step, RollBack)
    assert step.reason is Reason.TOO_MANY_ERRORS


def test_looks_come_as_often_as_the_model_says_and_end_with_the_bake() -> None:
    definition = a_definition(rollout={"bake": "10m", "look": "4m"})
    rollout = a_rollout(definition=definition, due_at=NOON + timedelta(minutes=10) + RETRY_AFTER)

    assert next_look(rollout, NOON) == NOON + timedelta(minutes=4)
    assert next_look(rollout, NOON + timedelta(minutes=6)) is None


def test_the_whole_evidence_begins_with_the_first_traffic() -> None:
    assert since_first(a_rollout(started_at=NOON, traffic_since=A_MINUTE_LATER)) == A_MINUTE_LATER
    assert since_first(a_rollout(started_at=NOON, traffic_since=None)) == NOON


PLANS = st.lists(st.integers(1, 99), unique=True, max_size=6).map(
    lambda steps: (*sorted(steps), 100)
)
TRAFFIC = st.builds(
    lambda requests, errors, p99: traffic(requests, min(errors, requests), p99=p99),
    st.integers(0, 300),
    st.integers(0, 300),
    st.none() | st.floats(0, 1),
)


@given(plan=PLANS, step=st.integers(0, 6), live=TRAFFIC, beside=TRAFFIC, whole=TRAFFIC)
def test_no_evidence_whatever_skips_a_step_or_leaves_the_plan(
    plan: tuple[int, ...], step: int, live: Traffic, beside: Traffic, whole: Traffic
) -> None:
    step = min(step, len(plan) - 1)
    definition = a_definition(rollout={"steps": list(plan), "promote_requests": 50})
    rollout = a_rollout(definition=definition, step=step, weight=plan[step])
    view = a_view(challenger=plan[step])

    taken = next_step(Case(rollout, view, baked=True, seen=seen(live, beside, whole=whole)))

    match taken:
        case Shift(weight=weight, step=then):
            assert (then, weight) == (step + 1, plan[step + 1])
        case Promote():
            assert step == len(plan) - 1
            assert whole.requests >= 50
        case Hold() | RollBack():
            pass
        case other:
            raise AssertionError(other)
    if live.requests == 0:
        assert taken == Hold("no data yet")


@given(live=TRAFFIC, beside=TRAFFIC, step=st.integers(0, 2))
def test_before_the_bake_is_over_no_evidence_moves_anything(
    live: Traffic, beside: Traffic, step: int
) -> None:
    weight = (5, 50, 100)[step]
    rollout = a_rollout(step=step, weight=weight)
    case = Case(
        rollout,
        a_view(challenger=weight),
        baked=False,
        seen=seen(live, beside),
    )

    assert next_step(case) == Ignore(f"step {step} bakes")
