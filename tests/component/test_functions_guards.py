"""Cooldown, caps, budget and capacity over the whole stage, also where two turns race."""

from datetime import timedelta
from typing import Any

import pytest

from events.catalog import TrainingRequested
from events.words import Reason
from functions.allowance import STAGE, AllowanceRecord
from functions.jobs import JobStatus
from functions.ledger import RunRecord, RunState
from tests.builders import MODEL
from tests.fakes.bus import Envelope
from tests.fakes.stage import SWEEP_EVERY, Stage

HOUR = timedelta(hours=1)
TYPES = ["ml.g5.xlarge", "ml.g4dn.xlarge"]


def a_stage(**training: Any) -> Stage:
    """One whose candidates of 0.95 are let through beside each other."""
    return Stage(
        training=training,
        gates={"max_drop": 0.05},
        rollout={"steps": [100]},
        watch={"keep_warm": "5m"},
    )


def ready(stage: Stage) -> Envelope:
    """The next accepted drop, about to be trained on."""
    queue = stage.bus.queue
    stage.settle(until=lambda: bool(queue) and queue[0]["detail-type"] == "DatasetReady")
    return queue.popleft()


def two_ready(stage: Stage) -> tuple[Envelope, Envelope]:
    stage.drop("monday")
    first = ready(stage)
    stage.now += timedelta(minutes=1)
    stage.drop("tuesday")
    return first, ready(stage)


def allowance(stage: Stage, scope: str = MODEL) -> AllowanceRecord:
    found = stage.ledger.get(AllowanceRecord, scope)
    assert found is not None
    return found


def asks(stage: Stage, run: RunRecord) -> None:
    """`sluice train`, of a person."""
    stage.bus.publish(
        TrainingRequested(
            model=run.model,
            dataset=run.dataset,
            run=run.run,
            attempt=run.attempt + 1,
            person=True,
            cause="sluice train",
        )
    )


LIMITS: dict[str, dict[str, Any]] = {
    "one job of the model": {"max_running": 1},
    "money for one job": {"budget": {"per_day": 1.5}},
    "one begin an hour": {"cooldown": "1h"},
}


@pytest.mark.parametrize("limits", LIMITS.values(), ids=LIMITS)
def test_of_two_that_begin_at_once_only_one_gets_the_last_place(limits: dict[str, Any]) -> None:
    alone = a_stage(**limits)
    one, _ = two_ready(alone)
    before = len(alone.calls.made)
    alone.turn("start_training", one)
    calls = len(alone.calls.made) - before

    for call in range(1, calls + 1):
        stage = a_stage(**limits)
        one, two = two_ready(stage)
        stage.calls.interrupted_at = len(stage.calls.made) + call
        stage.calls.interruption = lambda s=stage, raw=two: s.turn("start_training", raw)
        stage.turn("start_training", one)
        stage.turn("start_training", two)

        assert len(stage.jobs.running()) == 1, f"interrupted at call {call}"
        assert set(allowance(stage).reserved) == set(stage.jobs.trainings)
        assert allowance(stage, STAGE).reserved == allowance(stage).reserved
        stage.rest(within=timedelta(days=3))
        ends = {run.state for run in stage.ledger.all(RunRecord)} - {RunState.APPROVED}
        assert ends <= {RunState.FAILED}
        assert allowance(stage).reserved == {}


def test_many_drops_in_a_cooldown_become_one_training_on_the_newest() -> None:
    stage = a_stage(cooldown="1h")
    for minute in range(12):
        stage.drop(f"drop-{minute:02}")
        stage.settle()
        stage.now += timedelta(minutes=1)

    stage.rest()

    trained = [stage.run_of(f"drop-{minute:02}") for minute in (0, 11)]
    between = [stage.run_of(f"drop-{minute:02}") for minute in range(1, 11)]
    assert [run.state for run in trained] == [RunState.APPROVED, RunState.APPROVED]
    assert {(run.state, run.reason) for run in between} == {(RunState.FAILED, Reason.SUPERSEDED)}
    assert len(stage.jobs.trainings) == 2
    assert stage.champion == 2


def test_a_newer_drop_keeps_its_turn_though_an_older_one_is_told_later() -> None:
    stage = a_stage(cooldown="1h")
    stage.drop("sunday")
    stage.settle()
    monday, tuesday = two_ready(stage)

    stage.deliver(tuesday)
    stage.deliver(monday)
    stage.rest()

    assert stage.run_of("tuesday").state is RunState.APPROVED
    assert stage.run_of("monday").reason is Reason.SUPERSEDED


def test_data_that_gave_way_and_is_dropped_again_has_its_turn() -> None:
    stage = a_stage(cooldown="1h")
    same = {"part-0.parquet": b"the same", "_SUCCESS": b""}
    stage.drop("sunday")
    stage.settle()
    stage.upload("monday", same)
    stage.settle()
    stage.now += timedelta(minutes=1)
    stage.drop("tuesday")
    stage.settle()
    assert stage.run_of("monday").reason is Reason.SUPERSEDED

    stage.now += timedelta(minutes=1)
    stage.upload("monday-again", same)
    stage.rest()

    assert stage.run_of("monday-again").state is RunState.APPROVED
    assert stage.run_of("tuesday").reason is Reason.SUPERSEDED


def test_a_person_does_not_wait_for_a_cooldown() -> None:
    stage = a_stage(cooldown="1d")
    for drop in ("monday", "tuesday"):
        stage.drop(drop)
        stage.settle()
    waiting = stage.run_of("tuesday")
    assert (waiting.state, waiting.reason) == (RunState.PARKED, Reason.COOLDOWN)

    asks(stage, waiting)
    stage.rest()

    assert stage.run_of("tuesday").state is RunState.APPROVED
    assert stage.now - waiting.started_at < timedelta(days=1)


def test_who_waits_for_a_cooldown_is_not_written_again_before_it_is_over() -> None:
    stage = a_stage(cooldown="6h")
    stage.drop("monday")
    stage.rest()
    stage.drop("tuesday")
    stage.settle()
    writes = stage.ledger.writes

    stage.elapse(5 * HOUR)

    assert stage.run_of("tuesday").state is RunState.PARKED
    assert stage.ledger.writes == writes


def test_more_than_may_run_wait_and_all_are_trained() -> None:
    stage = a_stage(max_running=2)
    stage.accuracy = {f"drop-{number}": 0.95 + number / 1000 for number in range(5)}
    for number in range(5):
        stage.drop(f"drop-{number}")
    stage.settle(until=lambda: len(stage.ledger.all(RunRecord)) == 5)
    parked = [run for run in stage.ledger.all(RunRecord) if run.state is RunState.PARKED]
    assert {run.reason for run in parked} == {Reason.TOO_MANY_RUNNING}
    assert len(stage.jobs.running()) <= 2

    stage.rest()

    assert len(stage.jobs.trainings) == 5


def test_the_stages_own_cap_holds_beside_the_models() -> None:
    stage = a_stage(max_running=4)
    stage.max_running = 1
    stage.units = stage._units()
    one, two = two_ready(stage)

    stage.turn("start_training", one)
    stage.turn("start_training", two)

    assert len(stage.jobs.running()) == 1


def test_money_that_was_not_needed_is_there_for_the_next() -> None:
    stage = a_stage(budget={"per_day": 1.5})
    stage.jobs.billable = 60
    one, two = two_ready(stage)
    stage.turn("start_training", one)
    stage.turn("start_training", two)
    waiting = stage.run_of("tuesday")
    assert (waiting.state, waiting.reason) == (RunState.PARKED, Reason.OVER_BUDGET)

    stage.settle()
    stage.elapse(SWEEP_EVERY)
    stage.elapse(SWEEP_EVERY)

    assert len(stage.jobs.trainings) == 2
    assert stage.run_of("monday").cost == pytest.approx(60 * 1.408 / 3600, abs=1e-4)


def test_a_spent_day_ends_at_midnight_and_is_not_asked_about_before() -> None:
    stage = a_stage(budget={"per_day": 1.5})
    stage.jobs.billable = 3600
    stage.drop("monday")
    stage.rest()
    stage.drop("tuesday")
    stage.settle()
    writes = stage.ledger.writes

    stage.elapse(11 * HOUR)
    assert (len(stage.jobs.trainings), stage.ledger.writes) == (1, writes)
    stage.rest()

    assert stage.run_of("tuesday").ended_at is not None
    assert len(stage.jobs.trainings) == 2


def test_a_run_that_is_asked_for_again_and_again_ends_at_its_own_budget() -> None:
    stage = a_stage(budget={"per_run": 2.0})
    stage.jobs.billable = 3600
    stage.failing = frozenset({"-t1", "-t2"})
    stage.drop("monday")
    stage.rest()

    asks(stage, stage.run_of("monday"))
    stage.rest()

    run = stage.run_of("monday")
    assert (run.state, run.reason, len(stage.jobs.trainings)) == (
        RunState.FAILED,
        Reason.OVER_BUDGET,
        1,
    )


def refused_twice() -> Stage:
    stage = a_stage()
    stage.accuracy = {"tuesday": 0.5, "wednesday": 0.5, "thursday": 0.99}
    for drop in ("monday", "tuesday", "wednesday"):
        stage.drop(drop)
        stage.rest()
    return stage


def test_after_two_refused_in_a_row_a_drop_waits_until_a_person_asks() -> None:
    stage = refused_twice()
    stage.drop("thursday")
    stage.rest()
    waiting = stage.run_of("thursday")
    assert (waiting.state, waiting.reason) == (RunState.PARKED, Reason.NOT_HELPING)

    asks(stage, waiting)
    stage.rest()

    assert stage.champion == stage.run_of("thursday").version


def test_who_waits_because_nothing_helped_is_at_rest() -> None:
    stage = refused_twice()
    stage.drop("thursday")
    stage.rest()
    writes = stage.ledger.writes

    stage.elapse(timedelta(days=1))

    assert stage.ledger.writes == writes


def test_a_much_larger_drop_is_tried_though_the_last_two_were_refused() -> None:
    stage = refused_twice()
    stage.accuracy["thursday"] = 0.99

    stage.drop("thursday", "part-0.parquet", "part-1.parquet")
    stage.rest()

    assert stage.champion == stage.run_of("thursday").version


def test_a_candidate_that_is_let_through_in_between_ends_the_row() -> None:
    stage = a_stage()
    stage.accuracy = {"b": 0.5, "c": 0.96, "d": 0.5, "e": 0.97}
    for drop in "abcde":
        stage.drop(drop)
        stage.rest()

    assert stage.champion == stage.run_of("e").version


def test_a_type_without_room_is_followed_by_the_next() -> None:
    stage = a_stage(instances=TYPES)
    stage.jobs.missing = frozenset({"ml.g5.xlarge"})
    stage.drop("monday")
    stage.rest()

    (job,) = stage.jobs.trainings.values()
    assert (job.instance, stage.champion) == ("ml.g4dn.xlarge", 1)
    assert stage.run_of("monday").cost == pytest.approx(600 * 0.7364 / 3600, abs=1e-4)


@pytest.mark.parametrize("status", [JobStatus.FAILED, JobStatus.STOPPED])
def test_a_job_that_got_no_machines_is_followed_by_one_on_the_next_type(status: JobStatus) -> None:
    stage = a_stage(instances=TYPES)
    stage.drop("monday")
    stage.settle(until=lambda: bool(stage.jobs.trainings))
    (first,) = stage.jobs.trainings
    stage.jobs.end(first, status, "CapacityError: Unable to provision", short=True)

    stage.rest()

    run = stage.run_of("monday")
    assert [job.instance for job in stage.jobs.trainings.values()] == TYPES
    assert (run.state, run.attempt, allowance(stage).reserved) == (RunState.APPROVED, 2, {})


def test_where_no_type_ever_has_room_the_run_ends_with_its_reason() -> None:
    stage = a_stage(instances=TYPES, max_wait="6h")
    stage.jobs.full = True
    stage.drop("monday")

    stage.rest()

    run = stage.run_of("monday")
    assert (run.state, run.reason) == (RunState.FAILED, Reason.NO_CAPACITY)
    assert run.message.startswith("none of ml.g5.xlarge, ml.g4dn.xlarge in 6 h")
    assert allowance(stage).reserved == allowance(stage, STAGE).reserved == {}


def test_a_run_that_waits_for_machines_keeps_its_place() -> None:
    stage = a_stage(max_running=1)
    stage.jobs.full = True
    one, two = two_ready(stage)
    stage.turn("start_training", one)
    stage.turn("start_training", two)

    reasons = {run.drop: run.reason for run in stage.ledger.all(RunRecord)}

    assert reasons == {"monday": Reason.NO_CAPACITY, "tuesday": Reason.TOO_MANY_RUNNING}


def test_a_job_that_is_refused_for_good_leaves_its_place() -> None:
    stage = a_stage(max_running=1)
    stage.jobs.refuses = "no such image"
    stage.drop("monday")
    stage.rest()

    assert stage.run_of("monday").reason is Reason.JOB_REFUSED
    assert allowance(stage).reserved == {}


def test_a_job_that_somebody_deleted_is_counted_whole() -> None:
    stage = a_stage()
    stage.drop("monday")
    stage.settle(until=lambda: bool(stage.jobs.trainings))
    (job,) = stage.jobs.trainings
    stage.settle(until=lambda: stage.run_of("monday").state is RunState.TRAINING)
    del stage.jobs.views[job]
    stage.rest()

    assert (stage.run_of("monday").cost, allowance(stage).reserved) == (1.408, {})
