"""What becomes of a job that is not started, and of statuses that mean the same."""

from dataclasses import replace
from typing import Any, cast

import pytest

from functions.aws.jobs import Jobs
from functions.aws.refusals import NoRoomError, RefusedError
from functions.jobs import EvaluationSpec, JobStatus, JobView, TrainingSpec
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


def seen(**told: object) -> JobView:
    said = {"TrainingJobStatus": "Failed"} | told
    view = Jobs(cast("Any", FakeClient(describe_training_job=said))).training("t1")
    assert view is not None
    return view


@pytest.mark.parametrize(
    "told",
    [
        {"FailureReason": "CapacityError: Unable to provision requested ML compute capacity."},
        {"FailureReason": "InsufficientInstanceCapacity: try another zone"},
        {"TrainingJobStatus": "Stopped", "SecondaryStatus": "MaxWaitTimeExceeded"},
    ],
    ids=str,
)
def test_a_job_that_got_no_machines_is_told_from_one_that_broke(told: dict[str, str]) -> None:
    assert seen(**told).short


@pytest.mark.parametrize(
    "told",
    [
        {"FailureReason": "AlgorithmError: CapacityError is in its words"},
        {"TrainingJobStatus": "Stopped", "SecondaryStatus": "Stopped"},
        {"TrainingJobStatus": "Stopped", "SecondaryStatus": "MaxRuntimeExceeded"},
    ],
    ids=str,
)
def test_a_job_that_broke_or_was_stopped_is_not_short_of_machines(told: dict[str, str]) -> None:
    assert not seen(**told).short


def test_what_a_job_is_paid_for_is_read_with_the_machine_it_ran_on() -> None:
    view = seen(BillableTimeInSeconds=20, ResourceConfig={"InstanceType": "ml.g5.xlarge"})

    assert (view.billable, view.instance) == (20, "ml.g5.xlarge")
    assert (seen().billable, seen().instance) == (None, "")


@pytest.mark.parametrize("uri", ["s3://artifacts/checkpoints", None])
def test_checkpoints_are_kept_where_they_are_wanted(uri: str | None) -> None:
    client = FakeClient(create_training_job={})

    Jobs(cast("Any", client)).train(replace(TRAINING, checkpoint_uri=uri))

    asked = client.request("create_training_job")
    assert asked.get("CheckpointConfig") == ({"S3Uri": uri} if uri else None)


def inputs(spec: EvaluationSpec) -> dict[str, tuple[str, str]]:
    client = FakeClient()
    Jobs(cast("Any", client)).evaluate(spec)
    asked = client.request("create_processing_job")["ProcessingInputs"]
    sources = {each["InputName"]: each["S3Input"] for each in asked}
    return {name: (each["S3DataType"], each["S3Uri"]) for name, each in sources.items()}


def test_an_evaluation_gets_the_rows_that_were_trained_on_as_they_were_pinned() -> None:
    told = inputs(replace(EVALUATION, dataset_uri="s3://artifacts/datasets/digits/d"))

    assert told["train"] == ("ManifestFile", "s3://artifacts/datasets/digits/d/s3.manifest")
    assert told["dataset"] == ("S3Prefix", "s3://artifacts/datasets/digits/d/dataset.json")
    assert set(inputs(EVALUATION)) == {"code", "candidate", "holdout"}


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (
            {"FailureReason": "AlgorithmError: exit code: 2", "ExitMessage": "HOLDOUT_LEAKED: 3"},
            "AlgorithmError: exit code: 2 HOLDOUT_LEAKED: 3",
        ),
        (
            {
                "FailureReason": "AlgorithmError: HOLDOUT_LEAKED: 3",
                "ExitMessage": "HOLDOUT_LEAKED: 3",
            },
            "AlgorithmError: HOLDOUT_LEAKED: 3",
        ),
        ({"ExitMessage": "HOLDOUT_LEAKED: 3"}, "HOLDOUT_LEAKED: 3"),
        ({}, ""),
    ],
)
def test_a_containers_last_word_is_kept_beside_sagemakers_reason(
    told: dict[str, str], words: str
) -> None:
    seen = {"ProcessingJobStatus": "Failed"} | told

    view = Jobs(cast("Any", FakeClient(describe_processing_job=seen))).evaluation("e1")

    assert view is not None
    assert view.failure == words
