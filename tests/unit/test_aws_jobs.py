"""What becomes of a job that is not started, and of statuses that mean the same."""

from typing import Any, cast

import pytest

from functions.aws.jobs import Jobs
from functions.aws.refusals import NoRoomError, RefusedError
from functions.jobs import EvaluationSpec, JobStatus, TrainingSpec
from tests.fakes.client import FakeClient, misshapen, refused

TRAINING = TrainingSpec(
    name="t1",
    image="image",
    role_arn="role",
    instance="ml.m5.large",
    max_runtime=60,
    spot=False,
    code_uri="s3://artifacts/code/digits/code.zip",
    dataset_uri="s3://artifacts/datasets/digits/d",
    output_uri="s3://artifacts/runs/digits/r/training",
    checkpoint_uri="s3://artifacts/runs/digits/r/checkpoints",
    hyperparameters={},
    environment={},
)
EVALUATION = EvaluationSpec(
    name="e1",
    image="image",
    role_arn="role",
    instance="ml.m5.large",
    max_runtime=60,
    code_uri="s3://artifacts/code/digits/code.zip",
    candidate_uri="s3://artifacts/runs/digits/r/model.tar.gz",
    champion_uri=None,
    holdout_uri="s3://data/holdouts/digits/h/",
    output_uri="s3://artifacts/runs/digits/r/evaluation/1",
    environment={},
)


def start_both(error: Exception, kind: type[Exception], words: str) -> None:
    jobs = Jobs(cast("Any", FakeClient(create_training_job=error, create_processing_job=error)))

    with pytest.raises(kind, match=f"training job t1: {words}"):
        jobs.train(TRAINING)
    with pytest.raises(kind, match=f"processing job e1: {words}"):
        jobs.evaluate(EVALUATION)


def test_a_job_that_botocore_does_not_even_send_is_refused() -> None:
    start_both(misshapen(), RefusedError, "Parameter validation failed: Invalid length")


def test_a_job_that_sagemaker_will_never_take_is_refused() -> None:
    start_both(refused("ValidationException", "no such role"), RefusedError, "no such role")


def test_a_job_without_a_machine_waits() -> None:
    start_both(refused("ResourceLimitExceeded", "the limit is 0"), NoRoomError, "the limit is 0")


def test_a_job_that_is_there_is_started() -> None:
    there = refused("ResourceInUse", "already there")

    Jobs(cast("Any", FakeClient(create_training_job=there))).train(TRAINING)


def test_a_job_that_is_being_deleted_is_stopping() -> None:
    seen = {"TrainingJobStatus": "Deleting"}

    view = Jobs(cast("Any", FakeClient(describe_training_job=seen))).training("t1")

    assert view is not None
    assert view.status is JobStatus.STOPPING


def test_a_status_nobody_knows_is_not_taken_for_another() -> None:
    with pytest.raises(ValueError, match="Dreaming"):
        JobStatus("Dreaming")
