"""All functions in one process, joined by the routes alone: drop, champion, challenger, return."""

from datetime import timedelta
from typing import Any

import pytest

from events.catalog import (
    EvaluationJobSettled,
    RolloutAborted,
    RolloutAdvanced,
    RolloutStepDue,
    TrainingRequested,
    VersionApproved,
)
from events.foreign import ModelPackageChanged
from events.words import Reason
from functions.endpoint import NO_TRAFFIC, Hardware
from functions.jobs import JobStatus
from functions.ledger import ASK_PERSON_AFTER, DropState, RolloutState, RunState
from functions.registry import Approval
from functions.standing import placements
from functions.step_rollout.records import bake_over
from tests.builders import MODEL, NAMES, traffic
from tests.fakes.stage import SWEEP_EVERY, Stage, asks_back

BAKE = timedelta(minutes=10)


def a_stage_with_a_champion(**sections: Any) -> Stage:
    """Version 1 serves, its watch is over, nothing is open."""
    stage = Stage(**sections)
    stage.drop("monday")
    stage.rest()
    assert stage.serving == {1: 100}
    stage.bus.said.clear()
    return stage


def a_stage_with_a_challenger(**sections: Any) -> Stage:
    """Version 2 has its first share of traffic."""
    stage = a_stage_with_a_champion(**sections)
    stage.accuracy = {"tuesday": 0.97}
    stage.drop("tuesday")
    stage.settle()
    assert stage.serving == {1: 95, 2: 5}
    return stage


def weights(stage: Stage) -> list[int]:
    return [event.weight for event in stage.bus.said if isinstance(event, RolloutAdvanced)]


def test_a_first_drop_becomes_the_champion() -> None:
    stage = Stage()

    stage.drop("monday")
    stage.settle()

    assert (stage.champion, stage.serving) == (1, {1: 100})
    assert stage.drop_of("monday").state is DropState.ACCEPTED
    assert stage.run_of("monday").state is RunState.APPROVED
    assert stage.bus.names() == [
        "DatasetReady",
        "TrainingStarted",
        "EvaluationStarted",
        "CandidateApproved",
        "RolloutStarted",
        "RolloutCompleted",
    ]


def test_a_better_second_drop_takes_over_step_by_step() -> None:
    stage = a_stage_with_a_challenger()

    stage.rest()

    assert (stage.champion, stage.serving) == (2, {2: 100})
    assert weights(stage) == [5, 50, 100]
    assert stage.rollout_of(2).state is RolloutState.COMPLETED
    assert stage.endpoint.previous is None
    assert stage.endpoint.rollout is None


def test_each_share_of_traffic_bakes_as_long_as_it_was_told() -> None:
    stage = a_stage_with_a_challenger()
    began = stage.now

    stage.elapse(BAKE - SWEEP_EVERY)
    before = stage.serving
    stage.elapse(SWEEP_EVERY)

    assert (before, stage.serving) == ({1: 95, 2: 5}, {1: 50, 2: 50})
    assert stage.now == began + BAKE


def test_a_worse_candidate_never_reaches_the_endpoint() -> None:
    stage = a_stage_with_a_champion()
    stage.accuracy = {"tuesday": 0.80}

    stage.drop("tuesday")
    stage.rest()

    run = stage.run_of("tuesday")
    assert (run.state, run.reason) == (RunState.REJECTED, Reason.WORSE_THAN_CHAMPION)
    assert stage.registry.versions[(MODEL, 2)].approval is Approval.REJECTED
    assert (stage.champion, stage.serving, stage.endpoints.updates) == (1, {1: 100}, 1)


def test_a_run_without_a_holdout_waits_and_begins_once_it_is_there() -> None:
    stage = Stage()
    stage.objects.empty.add("s3://data/holdouts/digits/v1/")

    stage.drop("monday")
    stage.elapse(3 * SWEEP_EVERY)
    waiting = stage.run_of("monday")
    said = stage.bus.names()
    stage.objects.empty.clear()
    stage.rest()

    assert (waiting.state, waiting.reason) == (RunState.PARKED, Reason.NO_HOLDOUT)
    assert said.count("TrainingParked") == 1
    assert (stage.champion, stage.run_of("monday").reason) == (1, None)


def test_a_run_that_failed_is_trained_once_more_when_asked_and_only_once() -> None:
    stage = Stage()
    stage.drop("monday")
    stage.settle(until=lambda: bool(stage.jobs.running()))
    stage.jobs.end(stage.jobs.running()[0], JobStatus.FAILED, "CapacityError")
    stage.settle()
    failed = stage.run_of("monday")
    again = TrainingRequested(
        model=MODEL, dataset=failed.dataset, run=failed.run, attempt=2, cause="a person"
    )

    stage.bus.publish(again, again)
    stage.settle(until=lambda: bool(stage.jobs.running()))
    stage.jobs.tell(failed.training_job or "")
    stage.rest()

    run = stage.run_of("monday")
    assert (failed.state, run.state, run.attempt) == (RunState.FAILED, RunState.APPROVED, 2)
    assert list(stage.jobs.trainings) == [NAMES.training_job(MODEL, run.run, n) for n in (1, 2)]
    assert stage.champion == 1


def test_a_report_is_read_only_once_its_job_has_completed() -> None:
    stage = Stage()
    stage.drop("monday")
    stage.settle(until=lambda: len(stage.jobs.evaluations) == 1)
    while stage.bus.queue:
        stage.deliver(stage.bus.queue.popleft())
    job = stage.jobs.running()[0]

    stage.bus.publish(EvaluationJobSettled(run=stage.run_of("monday").run, job=job))
    stage.deliver(stage.bus.queue.popleft())
    while_it_runs = stage.calls.made.count("objects.read")
    stage.end(job)
    stage.deliver(stage.bus.queue.popleft())

    assert (while_it_runs, stage.calls.made.count("objects.read")) == (0, 1)


def test_a_version_that_the_registry_refuses_ends_its_run() -> None:
    stage = Stage()
    stage.registry.refuses = "the description is too long"

    stage.drop("monday")
    stage.rest()

    run = stage.run_of("monday")
    assert (run.state, run.reason, run.message) == (
        RunState.FAILED,
        Reason.JOB_REFUSED,
        "the description is too long",
    )
    assert stage.dead == []


@pytest.mark.parametrize("steps_done", [0, 1, 2])
def test_an_alarm_gives_the_champion_everything_at_once(steps_done: int) -> None:
    stage = a_stage_with_a_challenger()
    stage.elapse(BAKE * steps_done)

    stage.alarm("green")
    stage.settle()

    assert (stage.champion, stage.serving) == (1, {1: 100})
    assert stage.rollout_of(2).state is RolloutState.ABORTED
    assert stage.registry.versions[(MODEL, 2)].approval is Approval.REJECTED
    stage.rest()
    assert stage.serving == {1: 100}


def test_an_alarm_under_watch_brings_the_old_champion_back() -> None:
    stage = a_stage_with_a_challenger()
    stage.elapse(BAKE * 3)
    assert stage.champion == 2

    stage.alarm("green")
    stage.rest()

    assert (stage.champion, stage.serving) == (1, {1: 100})


def test_an_alarm_about_the_previous_challenger_does_not_kill_the_next() -> None:
    stage = a_stage_with_a_challenger()
    stage.alarm("green")
    stage.rest()
    stage.accuracy["wednesday"] = 0.98
    stage.drop("wednesday")
    stage.settle(until=lambda: stage.endpoints.updates == 3)

    stage.alarm("green")
    stage.rest()

    assert (stage.champion, stage.serving) == (3, {3: 100})


def test_an_alarm_after_the_watch_changes_nothing() -> None:
    stage = a_stage_with_a_challenger()
    stage.rest()

    stage.alarm("green")
    stage.rest()

    assert (stage.champion, stage.serving) == (2, {2: 100})


def test_a_person_who_asks_gets_the_champion_back() -> None:
    stage = a_stage_with_a_challenger()

    stage.bus.publish(asks_back(stage, 2))
    stage.rest()

    (aborted,) = (event for event in stage.bus.said if isinstance(event, RolloutAborted))
    assert (aborted.reason, aborted.champion) == (Reason.ASKED_BY_PERSON, 1)
    assert aborted.message == "a person asked; read back at 100 % and answered by version 1"
    assert stage.serving == {1: 100}


def test_a_failing_challenger_is_taken_back_by_its_own_numbers() -> None:
    stage = a_stage_with_a_challenger()
    stage.traffic.of["green"] = traffic(100, errors=40)

    stage.rest()

    assert (stage.champion, stage.serving) == (1, {1: 100})
    assert stage.rollout_of(2).reason is Reason.TOO_MANY_ERRORS


def test_a_failing_challenger_is_seen_within_the_bake() -> None:
    stage = a_stage_with_a_challenger()
    stage.traffic.of["green"] = traffic(100, errors=40)

    stage.elapse(timedelta(minutes=1))

    assert stage.serving == {1: 100}


def test_looks_within_a_bake_write_nothing_and_end_with_it() -> None:
    stage = a_stage_with_a_challenger()
    rollout = stage.rollout_of(2)

    stage.elapse(timedelta(minutes=9))

    assert stage.rollout_of(2) == rollout
    assert list(stage.schedules.waiting) == [f"{rollout.rollout}-s0-h0"]


def test_a_comparison_in_dry_run_tells_what_it_would_have_done_and_does_nothing() -> None:
    stage = a_stage_with_a_challenger(rollout={"dry_run": ["refused"]})
    stage.traffic.of["green"] = traffic(100, refused=60)

    stage.elapse(timedelta(minutes=10))

    assert stage.serving == {1: 75, 2: 25}
    assert "dry run: refuses more often than the champion" in stage.rollout_of(2).message


def test_a_challenger_without_requests_is_held_for_ever() -> None:
    stage = a_stage_with_a_challenger()
    stage.traffic.everywhere = NO_TRAFFIC

    stage.elapse(timedelta(hours=8))

    assert stage.serving == {1: 95, 2: 5}
    assert stage.rollout_of(2).message == "no data yet"


def test_a_challenger_that_does_not_answer_the_probe_gets_no_traffic() -> None:
    stage = a_stage_with_a_champion()
    stage.accuracy = {"tuesday": 0.97}
    stage.endpoints.broken = {2}

    stage.drop("tuesday")
    stage.rest()

    assert stage.rollout_of(2).reason is Reason.PROBE_FAILED
    assert all(2 not in s or not s[2] for s in stage.endpoints.endpoints[MODEL].history)


def test_a_first_version_that_does_not_answer_the_probe_ends_its_rollout() -> None:
    stage = Stage()
    stage.endpoints.broken = {1}

    stage.drop("monday")
    stage.rest()

    assert stage.rollout_of(1).state is RolloutState.ABORTED
    assert (stage.champion, stage.endpoint.rollout) == (None, None)


def test_a_first_version_that_is_given_up_serves_nobody() -> None:
    stage = Stage()
    stage.endpoints.broken = {1}

    stage.drop("monday")
    stage.rest()

    (aborted,) = (event for event in stage.bus.said if isinstance(event, RolloutAborted))
    assert MODEL not in stage.endpoints.endpoints
    assert aborted.champion is None
    assert "no endpoint with sluice-dev-digits-" in aborted.message
    assert stage.notes()[-1].text.endswith(aborted.message)


def test_a_first_version_that_arrives_after_it_was_given_up_is_removed() -> None:
    stage = Stage()
    stage.endpoints.broken = {1}
    stage.drop("monday")
    stage.settle()
    rollout = stage.rollout_of(1)

    stage.endpoints.place(
        MODEL, placements(None, rollout.challenger), Hardware("serving", "serve", "ml.m", 1)
    )
    stage.settle()
    assert stage.serving == {1: 100}
    stage.rest()

    assert MODEL not in stage.endpoints.endpoints


def test_after_a_failed_first_version_the_second_may_try() -> None:
    stage = Stage()
    stage.endpoints.broken = {1}
    stage.drop("monday")
    stage.rest()

    stage.drop("tuesday")
    stage.rest()

    assert (stage.champion, stage.serving) == (2, {2: 100})


@pytest.mark.parametrize("failure", ["", "capacity"])
def test_a_silent_return_of_sagemakers_is_noticed(failure: str) -> None:
    stage = a_stage_with_a_champion()
    stage.accuracy = {"tuesday": 0.97}
    stage.drop("tuesday")
    stage.settle(until=lambda: stage.endpoints.endpoints[MODEL].then is not None)
    while stage.bus.queue:
        stage.deliver(stage.bus.queue.popleft())

    stage.endpoints.give_up(MODEL, failure)
    stage.rest()

    assert stage.rollout_of(2).reason is Reason.NOT_DEPLOYED
    assert (stage.champion, stage.serving) == (1, {1: 100})


def test_a_deployment_that_aws_refuses_for_good_ends_its_rollout() -> None:
    stage = a_stage_with_a_champion()
    stage.accuracy = {"tuesday": 0.97}
    stage.endpoints.refuses = "the image does not exist"

    stage.drop("tuesday")
    stage.rest()

    assert stage.rollout_of(2).state is RolloutState.ABORTED
    assert stage.serving == {1: 100}


def test_without_room_a_rollout_waits_until_there_is_some() -> None:
    stage = a_stage_with_a_champion()
    stage.accuracy = {"tuesday": 0.97}
    stage.endpoints.full = True
    stage.drop("tuesday")
    stage.elapse(timedelta(hours=1))
    assert stage.rollout_of(2).state is RolloutState.PROVISIONING

    stage.endpoints.full = False
    stage.rest()

    assert stage.serving == {2: 100}


def test_an_endpoint_is_placed_on_the_next_type_where_the_first_has_no_room() -> None:
    stage = Stage(serving={"instances": ["ml.g5.xlarge", "ml.g4dn.xlarge"]})
    stage.endpoints.missing = frozenset({"ml.g5.xlarge"})
    stage.drop("monday")
    stage.rest()

    first = stage.rollout_of(1)
    assert (first.instance, stage.serving) == (1, {1: 100})
    assert stage.endpoints.endpoints[MODEL].asked == first.config


def test_a_type_that_has_room_again_is_asked_for_in_its_turn() -> None:
    stage = Stage(serving={"instances": ["ml.g5.xlarge", "ml.g4dn.xlarge"]})
    stage.endpoints.full = True
    stage.drop("monday")
    stage.elapse(timedelta(hours=1))
    configs = {stage.rollout_of(1).config}
    stage.elapse(SWEEP_EVERY)
    configs.add(stage.rollout_of(1).config)
    stage.endpoints.full = False
    stage.rest()

    assert len(configs) == 2
    assert stage.serving == {1: 100}


def test_without_room_nothing_lands_in_the_dead_letters() -> None:
    stage = Stage()
    stage.drop("monday")
    stage.settle(until=lambda: len(stage.jobs.views) == 1)
    stage.jobs.full = True
    stage.elapse(timedelta(hours=1))
    parked = stage.run_of("monday")
    stage.jobs.full, stage.endpoints.full = False, True
    stage.elapse(timedelta(hours=1))
    waiting = stage.rollout_of(1)
    stage.endpoints.full = False

    stage.rest()

    assert (parked.state, parked.message.split(":")[1]) == (
        RunState.TRAINING,
        " the account-level service limit is 0 instances",
    )
    assert (waiting.state, waiting.message) == (
        RolloutState.PROVISIONING,
        "digits: no instances left",
    )
    assert [note.text for note in stage.notes() if "waits" in note.text] == [
        f"its evaluation waits: {parked.message}",
        "waits: digits: no instances left",
    ]
    assert (stage.dead, stage.serving) == ([], {1: 100})


def test_a_rollout_waits_for_an_endpoint_that_is_busy() -> None:
    stage = a_stage_with_a_champion()
    stage.accuracy = {"tuesday": 0.97}
    stage.endpoints.hurries = False
    stage.endpoints.shift(MODEL, {"blue": 100})

    stage.drop("tuesday")
    stage.elapse(timedelta(hours=1))
    waiting = stage.rollout_of(2).message
    stage.endpoints.hurries = True
    stage.rest()

    assert waiting == "digits: Cannot update in-progress endpoint"
    assert (stage.dead, stage.serving) == ([], {2: 100})


def test_without_room_a_run_is_parked_until_there_is_some() -> None:
    stage = Stage()
    stage.jobs.full = True
    stage.drop("monday")
    stage.elapse(timedelta(hours=1))
    assert stage.run_of("monday").state is RunState.PARKED

    stage.jobs.full = False
    stage.rest()

    assert stage.serving == {1: 100}


@pytest.mark.parametrize("jobs_before_refusal", [0, 1])
def test_a_job_that_aws_refuses_for_good_ends_its_run(jobs_before_refusal: int) -> None:
    stage = Stage()
    stage.drop("monday")
    stage.settle(until=lambda: len(stage.jobs.views) == jobs_before_refusal)
    stage.jobs.refuses = "the role cannot be assumed"

    stage.rest()

    run = stage.run_of("monday")
    assert (run.state, run.reason) == (RunState.FAILED, Reason.JOB_REFUSED)


@pytest.mark.parametrize("status", [JobStatus.FAILED, JobStatus.STOPPED])
@pytest.mark.parametrize("jobs_before", [1, 2])
def test_a_job_that_fails_ends_its_run(status: JobStatus, jobs_before: int) -> None:
    stage = Stage()
    stage.drop("monday")
    stage.settle(until=lambda: len(stage.jobs.views) == jobs_before)
    stage.jobs.end(stage.jobs.running()[0], status, "LOSS_NAN")

    stage.rest()

    run = stage.run_of("monday")
    assert run.state is RunState.FAILED
    assert "LOSS_NAN" in run.message
    assert stage.registry.versions == {}


def test_a_training_job_that_somebody_deleted_ends_its_run() -> None:
    stage = Stage()
    stage.drop("monday")
    stage.settle(until=lambda: len(stage.jobs.views) == 1)
    while stage.bus.queue:
        stage.deliver(stage.bus.queue.popleft())
    stage.jobs.views.clear()

    stage.rest()

    assert stage.run_of("monday").reason is Reason.JOB_STOPPED


def test_a_careful_model_waits_for_a_person() -> None:
    stage = Stage(gates={"approval": "human"})
    stage.drop("monday")
    stage.rest()
    assert (stage.run_of("monday").state, stage.endpoints.updates) == (RunState.HELD, 0)

    stage.registry.decide(MODEL, 1, approval=Approval.APPROVED, reason="looks good")
    stage.rest()

    assert (stage.run_of("monday").state, stage.serving) == (RunState.APPROVED, {1: 100})


def test_a_person_may_say_no() -> None:
    stage = Stage(gates={"approval": "human"})
    stage.drop("monday")
    stage.rest()

    stage.registry.decide(MODEL, 1, approval=Approval.REJECTED, reason="no")
    stage.rest()

    run = stage.run_of("monday")
    assert (run.state, run.reason, run.message) == (
        RunState.REJECTED,
        Reason.ASKED_BY_PERSON,
        "no",
    )
    assert (run.due_at, stage.endpoints.updates) == (None, 0)


@pytest.mark.parametrize(
    ("approval", "state", "serving"),
    [
        (Approval.APPROVED, RunState.APPROVED, {1: 100}),
        (Approval.REJECTED, RunState.REJECTED, {}),
    ],
)
def test_a_persons_word_whose_event_is_lost_is_heard_within_the_hour(
    approval: Approval, state: RunState, serving: dict[int, int]
) -> None:
    stage = Stage(gates={"approval": "human"})
    stage.drop("monday")
    stage.rest()
    stage.lose_aws_events()

    stage.registry.decide(MODEL, 1, approval=approval, reason="a person's word")
    stage.elapse(ASK_PERSON_AFTER + 4 * SWEEP_EVERY)

    assert (stage.run_of("monday").state, stage.serving) == (state, serving)


def test_while_nobody_decides_the_question_is_asked_once_an_hour() -> None:
    stage = Stage(gates={"approval": "human"})
    stage.drop("monday")
    stage.rest()
    stage.bus.said.clear()

    stage.elapse(timedelta(hours=5))

    assert set(stage.bus.names()) == {"VersionApproved"}
    assert 4 <= len(stage.bus.said) <= 5
    assert (stage.run_of("monday").state, stage.dead) == (RunState.HELD, [])


def test_a_run_that_waits_for_a_person_costs_no_write_however_long() -> None:
    stage = Stage(gates={"approval": "human"})
    stage.drop("monday")
    stage.rest()
    stage.elapse(timedelta(hours=2))
    before = stage.ledger.writes, len(stage.ledger.notes)

    stage.elapse(timedelta(days=28))

    assert (stage.ledger.writes, len(stage.ledger.notes)) == before


def test_a_run_that_waits_for_a_holdout_costs_no_write_and_begins_when_it_is_there() -> None:
    stage = Stage()
    stage.objects.empty.add("s3://data/holdouts/digits/v1/")
    stage.drop("monday")
    stage.elapse(timedelta(hours=1))
    before = stage.ledger.writes

    stage.elapse(timedelta(days=28))
    written = stage.ledger.writes - before
    stage.objects.empty.clear()
    stage.elapse(ASK_PERSON_AFTER + SWEEP_EVERY)

    assert written == 0
    assert stage.run_of("monday").state is RunState.APPROVED
    assert stage.dead == []


def test_a_version_that_somebody_deleted_is_asked_about_no_longer() -> None:
    stage = Stage(gates={"approval": "human"})
    stage.drop("monday")
    stage.rest()
    del stage.registry.versions[(MODEL, 1)]

    stage.elapse(timedelta(hours=2))

    run = stage.run_of("monday")
    assert (run.state, run.message) == (RunState.REJECTED, "version 1 is not in the registry")
    assert run.due_at is None


@pytest.mark.parametrize("steps_done", [0, 1, 3])
def test_a_person_who_rejects_a_challenger_gets_the_champion_back(steps_done: int) -> None:
    stage = a_stage_with_a_challenger()
    stage.elapse(BAKE * steps_done)

    stage.registry.decide(MODEL, 2, approval=Approval.REJECTED, reason="it forgets sevens")
    stage.settle()

    (aborted,) = (event for event in stage.bus.said if isinstance(event, RolloutAborted))
    assert (aborted.reason, aborted.champion) == (Reason.ASKED_BY_PERSON, 1)
    assert aborted.message.startswith("it forgets sevens; read back")
    assert (stage.champion, stage.serving) == (1, {1: 100})
    stage.rest()
    assert stage.bus.names().count("RolloutAborted") == 1


@pytest.mark.parametrize("promoted", [False, True])
def test_a_rejection_whose_event_is_lost_is_read_when_the_bake_or_the_watch_is_over(
    *, promoted: bool
) -> None:
    stage = a_stage_with_a_challenger()
    while promoted and stage.rollout_of(2).state is not RolloutState.WATCHING:
        stage.elapse(SWEEP_EVERY)
    stage.bus.silent.add(ModelPackageChanged)
    stage.registry.decide(MODEL, 2, approval=Approval.REJECTED, reason="it forgets sevens")

    stage.rest()

    assert stage.serving == {1: 100}
    assert stage.rollout_of(2).reason is Reason.ASKED_BY_PERSON
    assert "it forgets sevens" in stage.rollout_of(2).message


def test_a_person_who_rejects_a_version_in_line_takes_it_out() -> None:
    stage = a_stage_with_a_challenger()
    stage.accuracy["wednesday"] = 0.99
    stage.drop("wednesday")
    stage.settle()
    waited = stage.endpoint.waiting

    stage.registry.decide(MODEL, 3, approval=Approval.REJECTED, reason="no")
    stage.rest()

    assert (waited, stage.endpoint.waiting) == (3, None)
    assert (stage.champion, stage.serving) == (2, {2: 100})


def test_when_the_newest_in_line_comes_to_nothing_the_next_newest_has_its_turn() -> None:
    stage = a_stage_with_a_challenger()
    stage.accuracy |= {"wednesday": 0.98, "thursday": 0.99}
    for drop in ("wednesday", "thursday"):
        stage.drop(drop)
        stage.settle()
    assert stage.endpoint.line == (4, 3)
    stage.registry.decide(MODEL, 4, approval=Approval.REJECTED, reason="it forgets sevens")

    stage.rest()

    assert stage.champion == 3


def test_a_rejection_of_the_only_version_there_is_changes_nothing() -> None:
    stage = Stage()
    stage.drop("monday")
    stage.settle()

    stage.registry.decide(MODEL, 1, approval=Approval.REJECTED, reason="no")
    stage.rest()

    assert (stage.champion, stage.serving) == (1, {1: 100})


@pytest.mark.parametrize("approval", [Approval.PENDING, Approval.REJECTED, None])
def test_a_rollout_whose_version_lost_its_approval_does_not_hold_the_endpoint(
    approval: Approval | None,
) -> None:
    stage = a_stage_with_a_champion()
    stage.accuracy = {"tuesday": 0.97, "wednesday": 0.98}
    stage.endpoints.full = True
    stage.drop("tuesday")
    stage.settle()
    if approval is None:
        del stage.registry.versions[(MODEL, 2)]
    else:
        stage.registry.decide(MODEL, 2, approval=approval, reason="wait")
    stage.rest()
    stage.endpoints.full = False

    stage.drop("wednesday")
    stage.rest()

    assert stage.rollout_of(2).state is RolloutState.ABORTED
    assert (stage.champion, stage.serving) == (3, {3: 100})


def test_an_edit_of_an_approved_version_starts_nothing() -> None:
    stage = a_stage_with_a_challenger()
    stage.alarm("green")
    stage.rest()
    stage.registry.decide(MODEL, 1, approval=Approval.APPROVED, reason="still good")
    before = len(stage.calls.made)

    stage.registry.edit(MODEL, 1)
    stage.settle()

    assert len(stage.calls.made) == before


def test_of_three_drops_at_once_the_newest_wins_and_each_was_judged_beside_its_champion() -> None:
    stage = a_stage_with_a_champion()
    stage.accuracy = {"tuesday": 0.97, "wednesday": 0.98, "thursday": 0.99}

    for drop in ("tuesday", "wednesday", "thursday"):
        stage.drop(drop)
    stage.rest()

    newest = stage.run_of("thursday")
    assert stage.champion == newest.version == 4
    assert newest.against in {2, 3}
    assert stage.endpoints.updates <= 3


def test_a_version_that_waited_is_judged_again_beside_the_new_champion() -> None:
    stage = a_stage_with_a_challenger()
    stage.accuracy["wednesday"] = 0.965
    stage.drop("wednesday")
    stage.settle()
    assert (stage.endpoint.waiting, stage.run_of("wednesday").against) == (3, 1)

    stage.rest()

    run = stage.run_of("wednesday")
    assert (run.state, run.against, run.evaluations) == (RunState.REJECTED, 2, 2)
    assert stage.registry.versions[(MODEL, 3)].approval is Approval.REJECTED
    assert (stage.champion, stage.serving) == (2, {2: 100})


def test_a_version_that_waited_and_is_better_still_is_rolled_out_next() -> None:
    stage = a_stage_with_a_challenger()
    stage.accuracy["wednesday"] = 0.99
    stage.drop("wednesday")
    stage.rest()

    assert (stage.champion, stage.run_of("wednesday").against) == (3, 2)


def test_a_fresh_champion_is_watched_to_the_end_before_the_next_begins() -> None:
    stage = a_stage_with_a_challenger(watch={"keep_warm": "2h"})
    stage.elapse(BAKE * 3)
    assert stage.champion == 2
    promoted = stage.now
    stage.accuracy["wednesday"] = 0.99

    stage.drop("wednesday")
    stage.elapse(timedelta(hours=1))
    during = (stage.endpoint.waiting, stage.endpoint.rollout, stage.endpoint.previous)
    stage.rest()

    assert during[:2] == (3, stage.rollout_of(2).rollout)
    assert during[2] is not None
    assert stage.rollout_of(3).started_at >= promoted + timedelta(hours=2)
    assert stage.champion == 3


def test_an_alarm_under_watch_still_brings_back_the_old_champion_while_another_waits() -> None:
    stage = a_stage_with_a_challenger(watch={"keep_warm": "2h"})
    stage.elapse(BAKE * 3)
    stage.accuracy["wednesday"] = 0.99
    stage.drop("wednesday")
    stage.settle()

    stage.alarm("green")
    stage.settle(until=lambda: stage.champion == 1)

    assert stage.champion == 1
    stage.rest()
    assert stage.champion == 3


def test_a_watch_over_a_first_version_keeps_nobody_waiting() -> None:
    stage = Stage(watch={"keep_warm": "2h"})
    stage.drop("monday")
    stage.settle()
    stage.accuracy = {"tuesday": 0.97}

    stage.drop("tuesday")
    stage.settle()

    assert stage.rollout_of(1).state is RolloutState.COMPLETED
    assert stage.serving == {1: 95, 2: 5}


def bakes(stage: Stage) -> list[RolloutStepDue]:
    """Ends of bakes that are still to come."""
    said = [event for _, event in stage.schedules.waiting.values()]
    return [due for due in said if isinstance(due, RolloutStepDue) and not due.look]


def test_the_same_end_of_a_bake_told_often_prolongs_it_once() -> None:
    stage = a_stage_with_a_challenger()
    stage.traffic.everywhere = NO_TRAFFIC
    due = bake_over(stage.rollout_of(2))

    stage.now += BAKE
    for _ in range(5):
        stage.bus.publish(due)
    stage.settle()

    assert stage.rollout_of(2).holds == 1
    assert len(bakes(stage)) == 2


def test_the_end_of_a_former_bake_does_not_end_the_one_that_was_begun_again() -> None:
    stage = a_stage_with_a_challenger()
    former = bake_over(stage.rollout_of(2))
    stage.now += BAKE / 2
    stage.endpoints.shift(MODEL, {"blue": 100, "green": 0})
    stage.settle()
    assert stage.serving == {1: 95, 2: 5}

    stage.bus.publish(former)
    stage.settle()

    assert stage.serving == {1: 95, 2: 5}
    assert len(bakes(stage)) == 2


def test_a_version_that_waited_takes_its_turn_after_a_rollback() -> None:
    stage = a_stage_with_a_challenger()
    stage.accuracy["wednesday"] = 0.98
    stage.drop("wednesday")
    stage.settle()

    stage.alarm("green")
    stage.rest()

    assert (stage.champion, stage.serving) == (3, {3: 100})


def test_the_same_data_dropped_twice_is_one_run() -> None:
    stage = a_stage_with_a_champion()

    stage.upload("again", {"part-0.parquet": b"monday part-0.parquet", "_SUCCESS": b""})
    stage.rest()

    assert len(stage.jobs.trainings) == 1
    assert stage.drop_of("again").dataset == stage.drop_of("monday").dataset


def test_a_drop_that_nobody_finishes_expires() -> None:
    stage = Stage()

    stage.upload("monday", {"part-0.parquet": b"rows"})
    stage.rest()

    drop = stage.drop_of("monday")
    assert (drop.state, drop.reason) == (DropState.EXPIRED, Reason.INCOMPLETE)
    assert stage.jobs.views == {}


def test_a_drop_under_a_name_that_may_not_be_is_refused_and_harms_nobody() -> None:
    stage = Stage()

    stage.upload("two words", {"part-0.parquet": b"rows", "_SUCCESS": b""})
    stage.upload("monday", {"part-0.parquet": b"rows", "_SUCCESS": b""}, model="DIGITS")
    stage.rest()
    stage.drop("monday")
    stage.rest()

    assert stage.drop_of("two words").reason is Reason.BAD_PATH
    assert stage.serving == {1: 100}


def test_everything_arrives_when_awss_events_are_all_lost() -> None:
    stage = Stage()
    stage.lose_aws_events()
    stage.timers = False
    stage.accuracy = {"tuesday": 0.97, "wednesday": 0.5}

    for drop in ("monday", "tuesday", "wednesday"):
        stage.drop(drop)
        stage.rest()

    assert (stage.champion, stage.serving) == (2, {2: 100})
    assert stage.run_of("wednesday").state is RunState.REJECTED
    assert stage.open() == []


def test_a_consistent_world_is_left_alone_by_the_sweep() -> None:
    stage = a_stage_with_a_challenger()
    stage.rest()
    before = stage.ledger.writes

    for _ in range(20):
        stage.now += SWEEP_EVERY
        stage.sweep()

    assert stage.ledger.writes == before


def test_at_no_time_is_traffic_lost_or_given_to_two_challengers() -> None:
    stage = a_stage_with_a_challenger()
    stage.accuracy["wednesday"] = 0.99
    stage.drop("wednesday")
    stage.elapse(BAKE * 2)
    stage.alarm("green")
    stage.rest()

    for shares in stage.endpoints.endpoints[MODEL].history:
        assert sum(shares.values()) == 100
        assert len(shares) <= 2


def test_a_weight_change_that_comes_after_the_rollback_is_taken_back() -> None:
    """A step wrote its intent, an alarm returned the traffic, then the step's call arrived."""
    stage = a_stage_with_a_challenger()
    stage.alarm("green")
    stage.settle()
    assert stage.rollout_of(2).state is RolloutState.ABORTED

    stage.endpoints.shift(MODEL, {"blue": 50, "green": 50})
    stage.settle()
    assert stage.serving == {1: 50, 2: 50}
    stage.elapse(SWEEP_EVERY)

    assert stage.serving == {1: 100}
    stage.rest()


def test_a_rollback_is_verified_before_it_is_said() -> None:
    stage = a_stage_with_a_challenger()
    stage.endpoints.broken = {1}
    stage.alarm("green")

    stage.settle()
    during = stage.rollout_of(2).state
    stage.endpoints.broken = set()
    stage.rest()

    assert during is RolloutState.ROLLING_BACK
    assert stage.rollout_of(2).state is RolloutState.ABORTED
    assert stage.bus.names().count("RolloutAborted") == 1


def test_an_endpoint_that_stays_busy_is_given_up_in_good_time_and_asked_for_nothing() -> None:
    stage = a_stage_with_a_challenger()
    stage.endpoints.hurries = False
    stage.endpoints.shift(MODEL, {"blue": 90, "green": 10})
    before = stage.endpoints.shifts
    asked = asks_back(stage, 2)

    stage.units["roll_back"](asked, stage.now)

    assert 39 < stage.paused < 42
    assert stage.endpoints.shifts == before
    assert stage.rollout_of(2).state is RolloutState.ROLLING_BACK


def test_a_return_goes_on_as_soon_as_the_endpoint_has_settled() -> None:
    stage = a_stage_with_a_challenger()
    stage.endpoints.hurries = False
    stage.endpoints.shift(MODEL, {"blue": 90, "green": 10})
    stage.units["roll_back"](asks_back(stage, 2), stage.now)

    stage.endpoints.hurries = True
    stage.settle()

    assert stage.serving == {1: 100}
    assert stage.rollout_of(2).state is RolloutState.ABORTED
    assert stage.dead == []


def test_a_version_that_somebody_deleted_does_not_stop_a_rollback() -> None:
    stage = a_stage_with_a_challenger()
    del stage.registry.versions[(MODEL, 2)]

    stage.alarm("green")
    stage.rest()

    assert stage.serving == {1: 100}


def test_a_version_that_is_gone_is_not_asked_for_for_ever() -> None:
    stage = a_stage_with_a_challenger()
    stage.accuracy["wednesday"] = 0.99
    stage.drop("wednesday")
    stage.settle()
    waited = stage.endpoint.waiting
    del stage.registry.versions[(MODEL, 3)]

    stage.rest()

    assert (waited, stage.endpoint.waiting, stage.champion) == (3, None, 2)


def test_evidence_tells_the_story_of_a_rollout() -> None:
    stage = a_stage_with_a_challenger()
    stage.rest()

    history = stage.ledger.history("ROLLOUT", NAMES.deployed_model(MODEL, 2))

    assert [(note.by, note.text.split(":")[0]) for note in history if note.text] == [
        ("start_rollout", "version 2 challenges version 1"),
        ("step_rollout", "5 %"),
        ("step_rollout", "50 %"),
        ("step_rollout", "100 %"),
        ("step_rollout", "promoted"),
        ("step_rollout", "completed"),
    ]


def a_run_whose_second_evaluation_fails(stage: Stage) -> None:
    """Version 3 was approved, waited past a promotion, and its new evaluation fails."""
    stage.accuracy |= {"wednesday": 0.98}
    stage.failing = frozenset({"-e2"})
    stage.drop("wednesday")
    stage.rest()
    stage.failing = frozenset()


def test_a_version_whose_run_failed_when_judged_again_is_rejected_and_never_rolled_out() -> None:
    stage = a_stage_with_a_challenger()
    a_run_whose_second_evaluation_fails(stage)
    failed = stage.run_of("wednesday")
    said = VersionApproved(model=MODEL, version=3, run=failed.run)

    stage.bus.publish(said, said)
    stage.rest()

    assert failed.state is RunState.FAILED
    assert stage.registry.versions[(MODEL, 3)].approval is Approval.REJECTED
    assert (stage.champion, stage.serving) == (2, {2: 100})


def test_what_was_trained_once_more_is_a_version_of_its_own() -> None:
    stage = a_stage_with_a_challenger()
    a_run_whose_second_evaluation_fails(stage)
    run = stage.run_of("wednesday")

    stage.bus.publish(
        TrainingRequested(model=MODEL, dataset=run.dataset, run=run.run, attempt=2, cause="person")
    )
    stage.rest()

    made = stage.registry.versions[(MODEL, 4)]
    assert (stage.champion, made.artifact) == (4, stage.run_of("wednesday").artifact)
    assert "-t2/" in made.artifact


def test_an_evaluation_job_that_somebody_deleted_ends_its_run() -> None:
    stage = Stage()
    stage.drop("monday")
    stage.settle(until=lambda: bool(stage.jobs.evaluations))
    for job in stage.jobs.evaluations:
        del stage.jobs.views[job]
    stage.rest()

    run = stage.run_of("monday")
    assert (run.state, run.reason) == (RunState.FAILED, Reason.JOB_STOPPED)


def test_an_endpoint_that_somebody_deleted_frees_the_way_for_the_next_version() -> None:
    stage = a_stage_with_a_challenger()
    del stage.endpoints.endpoints[MODEL]
    stage.rest()
    stage.accuracy["wednesday"] = 0.99

    stage.drop("wednesday")
    stage.rest()

    assert stage.rollout_of(2).reason is Reason.NOT_DEPLOYED
    assert (stage.champion, stage.serving) == (3, {3: 100})


def test_a_person_may_approve_against_the_gate_and_the_record_says_so() -> None:
    stage = a_stage_with_a_champion()
    stage.accuracy = {"tuesday": 0.80}
    stage.drop("tuesday")
    stage.settle()
    rejected = stage.run_of("tuesday")

    stage.registry.decide(MODEL, 2, approval=Approval.APPROVED, reason="we need it")
    stage.rest()

    run = stage.run_of("tuesday")
    assert (rejected.state, run.state, run.overruled) == (
        RunState.REJECTED,
        RunState.APPROVED,
        True,
    )
    assert run.message.startswith("approved by a person; it was WORSE_THAN_CHAMPION: ")
    assert (stage.champion, stage.serving) == (2, {2: 100})
