"""What holds a training up, in which order, and who gives way to whom."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from events.words import Reason
from functions.allowance import STAGE, AllowanceRecord, Refused, Reservation, next_day, what_of
from functions.ledger import RETRY_AFTER, RunRecord, RunState
from functions.start_training.guards import Case, End, Go, Wait, allowed, still_waits
from tests.builders import A_DAY_LATER, NOON, a_definition, a_run

JOB = "sluice-dev-digits-0123456789ab-t1"
HOUR = timedelta(hours=1)
NEWER = "f" * 12


def reservation(most: float = 1.408) -> Reservation:
    return Reservation(run="f" * 12, most=most)


def a_case(*, model: dict[str, Any] | None = None, **training: Any) -> Case:
    """An ordinary run of a model whose `[training]` says so, with nothing in its way."""
    definition = a_definition(training=training)
    run = a_run(definition=definition, dropped_at=NOON, training_job=None, rows=100)
    return Case(
        run=run,
        job=JOB,
        limits=definition.training,
        model=AllowanceRecord(scope="digits", **(model or {})),
        stage=AllowanceRecord(scope=STAGE),
        most_running=20,
    )


def waiting(*, hours: int) -> RunRecord:
    """Another run that waits, on a drop of so many hours later."""
    return a_run(
        run=NEWER, state=RunState.PARKED, dropped_at=NOON + hours * HOUR, training_job=None
    )


def reason(case: Case) -> Reason | None:
    found = allowed(case, now=NOON)
    return None if isinstance(found, Go) else found.reason


def test_a_run_that_nothing_holds_up_gets_its_place_and_its_money_in_both_allowances() -> None:
    case = a_case()

    hourly = {"ml.g5.xlarge": 1.408}
    held = {JOB: Reservation(run=case.run.run, most=1.408, hourly=hourly)}
    assert allowed(case, now=NOON) == Go(
        (
            AllowanceRecord(scope="digits", reserved=held, begun_at=NOON),
            AllowanceRecord(scope="*", reserved=held, begun_at=NOON),
        )
    )


def test_what_is_reserved_is_enough_for_the_dearest_of_its_instance_types() -> None:
    case = a_case(instances=["ml.g4dn.xlarge", "ml.g5.2xlarge"], max_runtime="2h")

    assert case.most == pytest.approx(3.03)


def test_a_price_of_the_users_own_counts_instead_of_the_list() -> None:
    own = a_definition(training={"budget": {"prices": {"ml.g5.xlarge": 2}}}).training

    assert replace(a_case(), limits=own).held.hourly == {"ml.g5.xlarge": 2}


def test_a_run_that_has_its_place_goes_on_whatever_changed_since() -> None:
    case = a_case(
        model={"reserved": {JOB: reservation(), "other": reservation()}, "begun_at": NOON},
        max_running=1,
        cooldown="1h",
        budget={"per_day": 1.5},
    )

    assert allowed(case, now=NOON) == Go()


def test_a_drop_within_the_cooldown_waits_to_its_end() -> None:
    case = a_case(model={"begun_at": NOON - 0.5 * HOUR}, cooldown="1h")

    found = allowed(case, now=NOON)

    assert isinstance(found, Wait)
    assert (found.reason, found.until) == (Reason.COOLDOWN, NOON + 0.5 * HOUR)
    assert found.allowance == case.model.changed(waiting=case.run.run)
    assert isinstance(allowed(case, now=NOON + 0.5 * HOUR), Go)


@pytest.mark.parametrize(
    "fields", [{"asked": True}, {"attempt": 2}, {"short_since": NOON}], ids=str
)
def test_a_cooldown_and_refused_candidates_hold_up_only_what_begins_by_itself(
    fields: dict[str, Any],
) -> None:
    case = a_case(model={"begun_at": NOON}, cooldown="1h")
    case = replace(case, run=case.run.changed(**fields))
    row = Refused(runs=("a", "b"), what=what_of(case.run), rows=100)
    case = replace(case, model=case.model.changed(refused=row))

    assert reason(case) is None


def test_of_two_drops_that_wait_the_older_gives_way() -> None:
    older = waiting(hours=-1)
    case = replace(a_case(model={"begun_at": NOON}, cooldown="1h"), waiting=older)

    found = allowed(case, now=NOON)

    assert isinstance(found, Wait)
    assert (found.reason, found.supersedes) == (Reason.COOLDOWN, older)


def test_an_older_drop_that_arrives_late_gives_way_to_the_newer_one_that_waits() -> None:
    case = replace(a_case(model={"begun_at": NOON}, cooldown="1h"), waiting=waiting(hours=1))

    assert allowed(case, now=NOON) == End(
        Reason.SUPERSEDED, f"run {NEWER} on a newer drop takes its turn"
    )


def test_a_drop_that_begins_takes_the_turn_of_an_older_one_that_waits() -> None:
    older = waiting(hours=-1)
    case = replace(a_case(model={"waiting": older.run}, cooldown="1h"), waiting=older)

    found = allowed(case, now=NOON)

    assert isinstance(found, Go)
    assert found.supersedes == older
    assert found.reserves[0].waiting is None


def test_a_person_takes_nobodys_turn() -> None:
    case = replace(a_case(model={"waiting": NEWER}, cooldown="1h"), waiting=waiting(hours=-1))
    case = replace(case, run=case.run.changed(asked=True))

    found = allowed(case, now=NOON)

    assert isinstance(found, Go)
    assert found.supersedes is None
    assert found.reserves[0].waiting == NEWER


def test_without_a_cooldown_drops_wait_side_by_side() -> None:
    full = {"reserved": {"one": reservation()}}
    case = replace(a_case(model=full, max_running=1), waiting=waiting(hours=-1))

    found = allowed(case, now=NOON)

    assert isinstance(found, Wait)
    assert (found.allowance, found.supersedes) == (None, None)


@pytest.mark.parametrize(("running", "held"), [(1, None), (2, Reason.TOO_MANY_RUNNING)])
def test_a_model_trains_in_as_many_jobs_as_it_may(running: int, held: Reason | None) -> None:
    jobs = {str(number): reservation() for number in range(running)}

    assert reason(a_case(model={"reserved": jobs}, max_running=2)) == held


def test_the_stage_has_a_limit_of_its_own() -> None:
    stage = AllowanceRecord(scope=STAGE, reserved={"of another model": reservation()})
    case = replace(a_case(), stage=stage, most_running=1)

    found = allowed(case, now=NOON)

    assert isinstance(found, Wait)
    assert (found.reason, found.until) == (Reason.TOO_MANY_RUNNING, NOON + RETRY_AFTER)


@pytest.mark.parametrize(
    ("model", "held"),
    [
        ({"day": "2026-11-24", "spent": 3.5}, None),
        ({"day": "2026-11-24", "spent": 3.7}, Reason.OVER_BUDGET),
        ({"day": "2026-11-23", "spent": 5.0}, None),
        ({"reserved": {"a": reservation(3.5)}}, None),
        ({"reserved": {"a": reservation(3.7)}}, Reason.OVER_BUDGET),
        ({"day": "2026-11-24", "spent": 2.0, "reserved": {"a": reservation(1.7)}}, "OVER_BUDGET"),
    ],
    ids=str,
)
def test_a_day_is_spent_up_by_what_was_settled_and_what_is_reserved(
    model: dict[str, Any], held: Reason | None
) -> None:
    assert reason(a_case(model=model, budget={"per_day": 5.0})) == held


def test_who_waits_for_money_waits_for_the_next_day_or_for_a_job_to_come_out_cheaper() -> None:
    spent = a_case(model={"day": "2026-11-24", "spent": 5.0}, budget={"per_day": 5.0})
    reserved = a_case(model={"reserved": {"a": reservation(5.0)}}, budget={"per_day": 5.0})

    untils = [
        found.until for c in (spent, reserved) if isinstance(found := allowed(c, now=NOON), Wait)
    ]

    assert untils == [next_day(NOON), NOON + RETRY_AFTER]
    assert isinstance(allowed(spent, now=next_day(NOON)), Go)


def test_a_limit_that_was_raised_since_counts_at_once() -> None:
    case = a_case(model={"day": "2026-11-24", "spent": 5.0}, budget={"per_day": 5.0})
    raised = a_definition(training={"budget": {"per_day": 10.0}}).training

    assert isinstance(allowed(replace(case, limits=raised), now=NOON), Go)


def test_a_run_that_has_cost_its_budget_ends() -> None:
    case = a_case(budget={"per_run": 2.0})
    again = replace(case, run=case.run.changed(cost=0.7, attempt=2, asked=True))

    assert allowed(again, now=NOON) == End(
        Reason.OVER_BUDGET,
        "it has cost 0.70 USD, and up to 1.41 more would pass [training.budget] per_run = 2",
    )


def refused(case: Case, *, runs: int = 2, rows: int = 100, beside: int | None = None) -> Case:
    """After so many candidates that the gate refused, made alike."""
    row = Refused(
        runs=tuple(str(number) for number in range(runs)),
        what=what_of(case.run),
        beside=beside,
        rows=rows,
    )
    return replace(case, model=case.model.changed(refused=row))


def test_after_two_refused_in_a_row_the_next_drop_waits_for_a_person() -> None:
    found = allowed(refused(a_case()), now=A_DAY_LATER)

    assert isinstance(found, Wait)
    assert (found.reason, found.until) == (Reason.NOT_HELPING, None)
    assert "`sluice train digits --dataset" in found.message


@pytest.mark.parametrize(
    "case",
    [
        refused(a_case(), runs=1),
        refused(a_case(stop_after=3)),
        refused(a_case(stop_after=0), runs=50),
        replace(refused(a_case(), beside=1), champion=2),
        refused(a_case(), rows=83),
        replace(refused(a_case()), run=a_case(hyperparameters={"epochs": 3}).run),
    ],
    ids=["one", "three may", "never", "another champion", "a fifth more rows", "another recipe"],
)
def test_what_differs_from_the_refused_is_tried(case: Case) -> None:
    assert isinstance(allowed(case, now=NOON), Go)


def test_a_drop_of_hardly_more_rows_is_not_another_one() -> None:
    assert reason(refused(a_case(), rows=90)) is Reason.NOT_HELPING


@pytest.mark.parametrize(
    ("run", "waits"),
    [
        (None, False),
        (waiting(hours=0), True),
        (waiting(hours=0).changed(training_job=JOB), False),
        (waiting(hours=0).changed(state=RunState.FAILED), False),
    ],
    ids=["none", "waits", "asks for machines", "ended"],
)
def test_only_who_never_began_can_give_way(run: RunRecord | None, *, waits: bool) -> None:
    assert still_waits(run) is waits
