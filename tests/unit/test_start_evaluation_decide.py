"""A finished training job is evaluated, a broken one ends its run, a running one is left alone."""

from dataclasses import replace

import pytest

from events.words import Reason
from functions.jobs import JobStatus, JobView
from functions.ledger import RunState
from functions.machines import RunNews
from functions.start_evaluation.decide import Evaluate, Fail, Ignore, Outcome, Short, Wait, decide
from tests.builders import RUN, a_job, a_run

JOB = f"sluice-dev-digits-{RUN}-t1"
BEFORE = [RunState.STARTING, RunState.PARKED, RunState.TRAINING]
AFTER = [state for state in RunState if state not in BEFORE]


@pytest.mark.parametrize("state", BEFORE)
def test_a_job_that_completed_is_evaluated_however_much_was_written_down(state: RunState) -> None:
    job = a_job(artifact="s3://artifacts/model.tar.gz")

    assert decide(a_run(state=state), job, seen=JOB) == Evaluate("s3://artifacts/model.tar.gz")


@pytest.mark.parametrize(
    ("status", "failure", "outcome"),
    [
        (
            JobStatus.COMPLETED,
            "",
            Fail(Reason.JOB_FAILED, f"{JOB} completed without a model.tar.gz"),
        ),
        (JobStatus.FAILED, "", Fail(Reason.JOB_FAILED, f"{JOB}: no reason given")),
        (JobStatus.FAILED, "LOSS_NAN", Fail(Reason.JOB_FAILED, f"{JOB}: LOSS_NAN")),
        (JobStatus.STOPPED, "", Fail(Reason.JOB_STOPPED, f"{JOB}: was stopped")),
        (JobStatus.STOPPED, "too long", Fail(Reason.JOB_STOPPED, f"{JOB}: too long")),
        (JobStatus.RUNNING, "", Wait()),
        (JobStatus.STOPPING, "", Wait()),
    ],
)
def test_what_follows_from_a_job_without_an_artifact(
    status: JobStatus, failure: str, outcome: Outcome
) -> None:
    job = a_job(status, failure=failure, artifact=None)

    assert decide(a_run(state=RunState.TRAINING), job, seen=JOB) == outcome


@pytest.mark.parametrize(
    ("status", "failure", "said"),
    [
        (JobStatus.FAILED, "CapacityError: no machines", "CapacityError: no machines"),
        (JobStatus.STOPPED, "", "waited too long for spot capacity"),
    ],
)
def test_a_job_without_machines_is_to_be_asked_for_again(
    status: JobStatus, failure: str, said: str
) -> None:
    job = replace(a_job(status, failure=failure, artifact=None), short=True)

    assert decide(a_run(state=RunState.TRAINING), job, seen=JOB) == Short(f"{JOB}: {said}")


@pytest.mark.parametrize("state", AFTER)
def test_a_run_that_is_further_is_left_alone(state: RunState) -> None:
    record = a_run(state=state)

    assert decide(record, a_job(), seen=JOB) == Ignore(str(record.ignores(RunNews.TRAINED)))


def test_a_job_of_nobody_is_left_alone() -> None:
    assert decide(None, a_job(), seen=JOB) == Ignore("no run of ours trained in this job")


def test_a_run_whose_job_was_deleted_ends() -> None:
    outcome = decide(a_run(state=RunState.TRAINING), None, seen=JOB)

    assert outcome == Fail(Reason.JOB_STOPPED, f"{JOB} is gone")


def test_a_candidate_that_is_judged_again_needs_no_job_any_more() -> None:
    record = a_run(state=RunState.TRAINING, artifact="s3://artifacts/model.tar.gz")

    assert decide(record, None, seen=JOB) == Evaluate("s3://artifacts/model.tar.gz")


@pytest.mark.parametrize("job", [None, a_job(JobStatus.FAILED)])
def test_late_news_of_an_earlier_attempt_changes_nothing(job: JobView | None) -> None:
    record = a_run(state=RunState.TRAINING, training_job="second")

    assert decide(record, job, seen=JOB) == Ignore(f"run {RUN} trains in second now")


@pytest.mark.parametrize("state", [RunState.STARTING, RunState.PARKED])
def test_a_run_that_has_no_job_yet_may_still_get_one(state: RunState) -> None:
    assert decide(a_run(state=state), None, seen=JOB) == Ignore(
        f"run {RUN} has no training job yet"
    )
