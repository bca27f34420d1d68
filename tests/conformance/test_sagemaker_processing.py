"""Processing jobs: statuses, refusals, files and events, as SageMaker documents them."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.jobs import Jobs
from tests.conformance.target import Target, refusal

pytestmark = pytest.mark.costs
GROUP = "/aws/sagemaker/ProcessingJobs"


@pytest.fixture(scope="module")
def jobs(aws: Target) -> Iterator[Jobs]:
    made = Jobs(aws)
    yield made
    made.close()


def taken(uri: str, **more: Any) -> dict[str, Any]:
    path = {"LocalPath": "/opt/ml/processing/in", "S3DataType": "S3Prefix", "S3InputMode": "File"}
    return {"InputName": "in", "S3Input": {"S3Uri": uri, **path, **more}}


def given(uri: str, **more: Any) -> dict[str, Any]:
    path = {"LocalPath": "/opt/ml/processing/out", "S3UploadMode": "EndOfJob"}
    return {"OutputName": "out", "S3Output": {"S3Uri": uri, **path, **more}}


@pytest.mark.parametrize("mode", ["EndOfJob", "Continuous"])
def test_what_lies_below_an_output_path_goes_to_s3(jobs: Jobs, mode: str) -> None:
    uri = jobs.put(f"in-{mode}", a="1")
    target = given(f"s3://{jobs.bucket}/out-{mode}", S3UploadMode=mode)
    name = jobs.process(
        Environment={"COPY": "processing/in:processing/out"},
        ProcessingInputs=[taken(uri)],
        ProcessingOutputConfig={"Outputs": [target]},
    )
    assert jobs.processed(name)["ProcessingJobStatus"] == "Completed"
    assert jobs.read(f"out-{mode}/a") == "1"


def test_continuous_output_is_there_before_the_end(jobs: Jobs) -> None:
    uri = jobs.put("early", a="1")
    target = given(f"s3://{jobs.bucket}/early-out", S3UploadMode="Continuous")
    name = jobs.process(
        Environment={"COPY": "processing/in:processing/out", "SECONDS": "30"},
        ProcessingInputs=[taken(uri)],
        ProcessingOutputConfig={"Outputs": [target]},
    )
    jobs.appears("early-out/a")
    assert (
        jobs.sagemaker.describe_processing_job(ProcessingJobName=name)["ProcessingJobStatus"]
        == "InProgress"
    )
    jobs.sagemaker.stop_processing_job(ProcessingJobName=name)


def test_a_sharded_input_is_shared_out(jobs: Jobs) -> None:
    uri = jobs.put("sharded", a="1", b="2")
    name = jobs.process(
        Environment={"LIST": "processing/in"},
        ClusterConfig={"InstanceCount": 2},
        ProcessingInputs=[taken(uri, S3DataDistributionType="ShardedByS3Key")],
    )
    jobs.processed(name)
    found = [line for line in jobs.said(GROUP, name) if line.startswith("[")]
    assert sorted(found) == ['["a"]', '["b"]']


@pytest.mark.parametrize("file", ["resourceconfig.json", "processingjobconfig.json"])
def test_a_container_is_told_of_its_job(jobs: Jobs, file: str) -> None:
    name = jobs.process(Environment={"TELL": f"config/{file}"})
    jobs.processed(name)
    said = " ".join(jobs.said(GROUP, name))
    assert ("algo-1" if file.startswith("resource") else name) in said


@pytest.mark.parametrize(
    ("environment", "status"),
    [
        ({"MESSAGE": "all well"}, "Completed"),
        ({"MESSAGE": "all well", "EXIT": "1"}, "Failed"),
    ],
)
def test_a_containers_last_word_is_the_exit_message(
    jobs: Jobs, environment: dict[str, str], status: str
) -> None:
    told = jobs.processed(jobs.process(Environment=environment))
    assert (told["ProcessingJobStatus"], told["ExitMessage"]) == (status, "all well")


def test_a_failed_job_says_why(jobs: Jobs) -> None:
    told = jobs.processed(jobs.process(Environment={"EXIT": "3"}))
    assert told["FailureReason"].startswith("AlgorithmError")
    assert told["FailureReason"].endswith("exit code: 3")


def test_a_job_past_its_runtime_is_stopped(jobs: Jobs) -> None:
    name = jobs.process(Environment={"SECONDS": "30"}, StoppingCondition={"MaxRuntimeInSeconds": 1})
    assert jobs.processed(name)["ProcessingJobStatus"] == "Stopped"


def test_a_name_is_taken_until_it_is_deleted(jobs: Jobs) -> None:
    name = jobs.process()
    jobs.processed(name)
    request = jobs.processing(ProcessingJobName=name)
    code, text = refusal(jobs.sagemaker.create_processing_job, **request)
    assert code == "ResourceInUse"
    assert text.startswith("Processing job names must be unique")
    jobs.sagemaker.delete_processing_job(ProcessingJobName=name)
    assert jobs.processed(jobs.process(ProcessingJobName=name))


def test_an_ended_job_cannot_be_stopped(jobs: Jobs) -> None:
    name = jobs.process()
    jobs.processed(name)
    code, text = refusal(jobs.sagemaker.stop_processing_job, ProcessingJobName=name)
    assert code == "ValidationException"
    assert text.endswith("the processing job is in status Completed.")


@pytest.mark.parametrize("verb", ["describe", "stop", "delete"])
def test_there_is_no_job_without_a_name(jobs: Jobs, verb: str) -> None:
    call = getattr(jobs.sagemaker, f"{verb}_processing_job")
    assert refusal(call, ProcessingJobName="no-such-job")[0] == "ValidationException"


def test_names_of_inputs_are_unique(jobs: Jobs) -> None:
    request = jobs.processing(ProcessingInputs=[taken("s3://b/a"), taken("s3://b/b")])
    assert refusal(jobs.sagemaker.create_processing_job, **request)[0] == "ValidationException"


@pytest.mark.embedded
@pytest.mark.parametrize(
    "more", [{"S3InputMode": "Pipe"}, {"S3InputMode": "Pipe", "S3CompressionType": "Gzip"}]
)
def test_what_is_not_emulated_is_refused_by_name(jobs: Jobs, more: dict[str, str]) -> None:
    request = jobs.processing(ProcessingInputs=[taken("s3://b/a", **more)])
    code, text = refusal(jobs.sagemaker.create_processing_job, **request)
    assert code == "ValidationException"
    assert "S3InputMode Pipe" in text


def test_a_job_is_told_of_in_events_with_times_as_numbers(jobs: Jobs) -> None:
    name = jobs.process()
    heard = jobs.events(
        lambda event: event["detail"].get("ProcessingJobName") == name,
        lambda event: event["detail"]["ProcessingJobStatus"] == "Completed",
    )
    assert heard[-1]["detail-type"] == "SageMaker Processing Job State Change"
    assert isinstance(heard[-1]["detail"]["ProcessingEndTime"], int)
