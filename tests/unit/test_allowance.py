"""Places and money: held from before a job to its end, counted by what it really cost."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from functions.allowance import (
    AllowanceRecord,
    Refused,
    Reservation,
    cost_of,
    day_of,
    next_day,
    settled,
    what_of,
)
from functions.jobs import JobStatus, JobView
from tests.builders import A_DAY_LATER, NOON, a_definition, a_run

JOB = "job"
HELD = Reservation(
    run="0123456789ab",
    most=1.408,
    hourly={"ml.g5.xlarge": 1.408, "ml.g4dn.xlarge": 0.7364},
)


def ended(*, billable: int | None = 1800, instance: str = "ml.g5.xlarge") -> JobView:
    return JobView(JOB, JobStatus.COMPLETED, instance=instance, billable=billable)


def test_a_job_costs_what_is_billed_on_the_machine_it_ran_on() -> None:
    assert cost_of(ended(), HELD) == 0.704
    assert cost_of(ended(instance="ml.g4dn.xlarge"), HELD) == 0.3682


def test_a_job_costs_what_it_was_reserved_by_whatever_the_price_is_by_then() -> None:
    dear = HELD.model_copy(update={"hourly": {"ml.g5.xlarge": 2.0}})

    assert cost_of(ended(), dear) == 1.0


def test_a_job_that_never_had_a_machine_costs_nothing() -> None:
    assert cost_of(ended(billable=None), HELD) == 0.0


def test_a_job_that_somebody_deleted_costs_all_that_was_reserved() -> None:
    assert cost_of(None, HELD) == 1.408


def test_after_its_end_a_jobs_cost_takes_the_place_of_what_was_reserved() -> None:
    model = AllowanceRecord(scope="digits", reserved={JOB: HELD}, day="2026-11-24", spent=1.0)
    stage = AllowanceRecord(scope="*", reserved={JOB: HELD, "other": HELD})

    run, (after, whole) = settled(a_run(cost=0.5), ended(), JOB, (model, stage), NOON)

    assert run.cost == 1.204
    assert (after.reserved, after.spent_on(NOON)) == ({}, 1.704)
    assert (set(whole.reserved), whole.outstanding) == ({"other"}, 1.408)


def test_a_job_is_settled_once() -> None:
    model = AllowanceRecord(scope="digits", reserved={JOB: HELD})
    run, freed = settled(a_run(), ended(), JOB, (model,), NOON)

    assert settled(run, ended(), JOB, freed, NOON) == (run, ())


def test_what_was_spent_yesterday_is_not_todays() -> None:
    spent = AllowanceRecord(scope="digits").settled(JOB, cost=2.0, now=NOON)

    assert (spent.spent_on(NOON), spent.spent_on(A_DAY_LATER)) == (2.0, 0.0)
    assert spent.settled(JOB, cost=1.0, now=A_DAY_LATER).spent_on(A_DAY_LATER) == 1.0


def test_a_day_is_one_of_utc_wherever_the_clock_stands() -> None:
    late = datetime.fromisoformat("2026-11-24T23:30:00-05:00")

    assert day_of(late) == "2026-11-25"
    assert next_day(late) == datetime(2026, 11, 26, tzinfo=UTC)


@given(minutes=st.integers(0, 10_000))
def test_the_next_day_is_another_day_and_at_most_one_away(minutes: int) -> None:
    now = NOON + timedelta(minutes=minutes)

    assert day_of(next_day(now)) != day_of(now)
    assert timedelta() < next_day(now) - now <= timedelta(days=1)


def test_candidates_that_were_refused_in_a_row_are_counted_once_each() -> None:
    one, two = a_run(run="1" * 12, rows=10, against=3), a_run(run="2" * 12, rows=7, against=3)

    after = AllowanceRecord(scope="digits")
    for run in (one, two, one):
        after = after.judged(run, refused=True)

    assert after.refused == Refused(runs=(two.run, one.run), what=what_of(one), beside=3, rows=10)


def test_a_candidate_that_is_let_through_ends_the_row() -> None:
    after = AllowanceRecord(scope="digits").judged(a_run(), refused=True)

    assert after.judged(a_run(), refused=False).refused == Refused()


def test_another_champion_or_another_recipe_begins_a_new_row() -> None:
    before = AllowanceRecord(scope="digits").judged(a_run(run="1" * 12, against=1), refused=True)
    recipe = a_definition(training={"hyperparameters": {"epochs": 3}})

    other_champion = before.judged(a_run(run="2" * 12, against=2), refused=True)
    other_recipe = before.judged(a_run(run="3" * 12, against=1, definition=recipe), refused=True)

    assert (other_champion.refused.runs, other_recipe.refused.runs) == (("2" * 12,), ("3" * 12,))
