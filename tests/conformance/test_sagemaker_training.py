"""Training jobs: statuses, limits, refusals, files and events, as SageMaker documents them."""

import json
import tarfile
from collections.abc import Iterator
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.jobs import IMAGE, Jobs, until
from tests.conformance.target import Target, refusal

pytestmark = pytest.mark.costs
GOLDEN = Path(__file__).parents[1] / "golden" / "foreign"
GROUP = "/aws/sagemaker/TrainingJobs"


@pytest.fixture(scope="module")
def jobs(aws: Target) -> Iterator[Jobs]:
    made = Jobs(aws)
    yield made
    made.close()


@pytest.fixture(scope="module")
def completed(jobs: Jobs) -> dict[str, Any]:
    return jobs.trained(jobs.train(HyperParameters={"epochs": "3"}))


def channel(uri: str, **more: Any) -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": uri, **more.pop("source", {})}
    return {"ChannelName": "train", "DataSource": {"S3DataSource": source}, **more}


def test_a_job_ends_completed(completed: dict[str, Any]) -> None:
    assert completed["TrainingJobStatus"] == completed["SecondaryStatus"] == "Completed"


def test_the_phases_of_a_job_come_in_order(completed: dict[str, Any]) -> None:
    phases = [each["Status"] for each in completed["SecondaryStatusTransitions"]]
    assert phases == ["Starting", "Downloading", "Training", "Uploading", "Completed"]


def test_every_phase_but_the_last_has_an_end(completed: dict[str, Any]) -> None:
    ended = ["EndTime" in each for each in completed["SecondaryStatusTransitions"]]
    assert ended == [True] * 4 + [False]


def test_phases_follow_each_other_without_a_gap(completed: dict[str, Any]) -> None:
    phases = completed["SecondaryStatusTransitions"]
    assert all(a["EndTime"] == b["StartTime"] for a, b in pairwise(phases))


def test_the_times_of_a_job_rise(completed: dict[str, Any]) -> None:
    members = ("CreationTime", "TrainingStartTime", "TrainingEndTime", "LastModifiedTime")
    times = [completed[member] for member in members]
    assert times == sorted(times)


def test_seconds_are_whole_and_at_least_one(completed: dict[str, Any]) -> None:
    assert completed["BillableTimeInSeconds"] == completed["TrainingTimeInSeconds"] == 1


def test_the_model_lies_where_it_is_told(jobs: Jobs, completed: dict[str, Any]) -> None:
    name = completed["TrainingJobName"]
    uri = f"s3://{jobs.bucket}/out/{name}/output/model.tar.gz"
    assert completed["ModelArtifacts"]["S3ModelArtifacts"] == uri
    body = jobs.s3.get_object(Bucket=jobs.bucket, Key=f"out/{name}/output/model.tar.gz")["Body"]
    with tarfile.open(fileobj=BytesIO(body.read())) as archive:
        assert archive.getnames() == ["model.txt"]


def test_a_model_may_stay_as_it_is(jobs: Jobs) -> None:
    output = {"S3OutputPath": f"s3://{jobs.bucket}/plain", "CompressionType": "NONE"}
    name = jobs.train(OutputDataConfig=output)
    jobs.trained(name)
    assert jobs.keys(f"plain/{name}/") == [f"plain/{name}/output/model/model.txt"]


def test_an_arn_names_the_job(completed: dict[str, Any], aws: Target) -> None:
    name = completed["TrainingJobName"]
    expected = f"arn:aws:sagemaker:{aws.region}:{aws.account}:training-job/{name}"
    assert completed["TrainingJobArn"] == expected


@pytest.mark.parametrize(
    ("hyperparameters", "reason"),
    [
        ({"EXIT": "1"}, "exit code: 1"),
        ({"EXIT": "137"}, "exit code: 137"),
        ({"EXIT": "2", "FAILURE": "no luck"}, "AlgorithmError: no luck, exit code: 2"),
    ],
)
def test_a_failed_job_says_why(jobs: Jobs, hyperparameters: dict[str, str], reason: str) -> None:
    told = jobs.trained(jobs.train(HyperParameters=hyperparameters))
    assert told["TrainingJobStatus"] == told["SecondaryStatus"] == "Failed"
    assert told["FailureReason"].startswith("AlgorithmError")
    assert told["FailureReason"].endswith(reason)


def test_a_failed_job_leaves_no_model(jobs: Jobs) -> None:
    name = jobs.train(HyperParameters={"EXIT": "1"})
    told = jobs.trained(name)
    assert "ModelArtifacts" not in told or not told["ModelArtifacts"].get("S3ModelArtifacts")
    assert jobs.keys(f"out/{name}/") == []


def test_a_job_past_its_runtime_is_stopped(jobs: Jobs) -> None:
    name = jobs.train(
        HyperParameters={"SECONDS": "30"}, StoppingCondition={"MaxRuntimeInSeconds": 1}
    )
    told = jobs.trained(name)
    assert (told["TrainingJobStatus"], told["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")


def test_a_job_that_is_stopped_stops(jobs: Jobs) -> None:
    name = jobs.train(HyperParameters={"SECONDS": "30"})
    jobs.sagemaker.stop_training_job(TrainingJobName=name)
    told = jobs.trained(name)
    assert (told["TrainingJobStatus"], told["SecondaryStatus"]) == ("Stopped", "Stopped")


def test_an_ended_job_cannot_be_stopped(jobs: Jobs, completed: dict[str, Any]) -> None:
    code, text = refusal(
        jobs.sagemaker.stop_training_job, TrainingJobName=completed["TrainingJobName"]
    )
    assert code == "ValidationException"
    assert text.endswith("the training job is in status Completed.")


def test_a_name_is_taken(jobs: Jobs, completed: dict[str, Any]) -> None:
    request = jobs.training(TrainingJobName=completed["TrainingJobName"])
    code, text = refusal(jobs.sagemaker.create_training_job, **request)
    assert code == "ResourceInUse"
    assert text.startswith("Training job names must be unique within an AWS account and region")


def test_a_deleted_jobs_name_is_free(jobs: Jobs) -> None:
    name = jobs.train()
    jobs.trained(name)
    jobs.sagemaker.delete_training_job(TrainingJobName=name)
    assert refusal(jobs.sagemaker.describe_training_job, TrainingJobName=name)[1] == (
        "Requested resource not found."
    )
    assert jobs.trained(jobs.train(TrainingJobName=name))["TrainingJobStatus"] == "Completed"


def test_a_running_job_cannot_be_deleted(jobs: Jobs) -> None:
    name = jobs.train(HyperParameters={"SECONDS": "30"})
    assert refusal(jobs.sagemaker.delete_training_job, TrainingJobName=name)[0] == "ResourceInUse"
    jobs.sagemaker.stop_training_job(TrainingJobName=name)


@pytest.mark.parametrize("verb", ["describe", "stop", "delete", "update"])
def test_there_is_no_job_without_a_name(jobs: Jobs, verb: str) -> None:
    call = getattr(jobs.sagemaker, f"{verb}_training_job")
    assert refusal(call, TrainingJobName="no-such-job") == (
        "ValidationException",
        "Requested resource not found.",
    )


SPOT = {"EnableManagedSpotTraining": True}
MACHINE = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"TrainingJobName": "-no-"}, "regular expression pattern"),
        ({"TrainingJobName": "x" * 64}, "64|63"),
        ({"AlgorithmSpecification": {"AlgorithmName": "both"}}, "AlgorithmName"),
        ({"AlgorithmSpecification": {"MetricDefinitions": [{"Name": "x", "Regex": "("}]}}, "Regex"),
        (SPOT, "MaxWaitTimeInSeconds"),
        (
            SPOT | {"StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 59}},
            "MaxWaitTimeInSeconds",
        ),
        (
            {"StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 60}},
            "MaxWaitTimeInSeconds",
        ),
        (
            SPOT
            | {"StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 60}}
            | {"ResourceConfig": MACHINE | {"KeepAlivePeriodInSeconds": 60}},
            "KeepAlivePeriodInSeconds",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused(jobs: Jobs, more: dict[str, Any], said: str) -> None:
    code, text = refusal(jobs.sagemaker.create_training_job, **jobs.training(**more))
    assert code == "ValidationException"
    assert any(each in text for each in said.split("|"))


@pytest.mark.embedded
@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"AlgorithmSpecification": {"TrainingInputMode": "Pipe"}}, "Input mode Pipe"),
        ({"InputDataConfig": [channel("s3://b/k", InputMode="Pipe")]}, "Input mode Pipe"),
        (
            {"InputDataConfig": [channel("s3://b/k", source={"S3DataType": "Converse"})]},
            "S3DataType Converse",
        ),
    ],
)
def test_what_is_not_emulated_is_refused_by_name(
    jobs: Jobs, more: dict[str, Any], said: str
) -> None:
    code, text = refusal(jobs.sagemaker.create_training_job, **jobs.training(**more))
    assert code == "ValidationException"
    assert said in text


def test_an_input_that_is_not_there_fails_the_job(jobs: Jobs) -> None:
    uri = f"s3://{jobs.bucket}/nothing-here/"
    told = jobs.trained(jobs.train(InputDataConfig=[channel(uri)]))
    assert told["FailureReason"].startswith("ClientError")
    assert told["TrainingJobStatus"] == "Failed"


@pytest.mark.parametrize("kind", ["S3Prefix", "ManifestFile"])
def test_a_channel_holds_what_was_asked_for(jobs: Jobs, kind: str) -> None:
    uri = jobs.put(f"in-{kind.lower()}", a="1", b="2")
    manifest = jobs.put("manifest", listing=json.dumps([{"prefix": uri}, "b"]))
    source = uri if kind == "S3Prefix" else f"{manifest}listing"
    name = jobs.train(
        HyperParameters={"LIST": "input/data/train"},
        InputDataConfig=[channel(source, source={"S3DataType": kind})],
    )
    jobs.trained(name)
    expected = '["a", "b"]' if kind == "S3Prefix" else '["b"]'
    assert expected in jobs.said(GROUP, name)


def test_hyperparameters_are_text_in_a_file(jobs: Jobs) -> None:
    parameters = {"TELL": "input/config/hyperparameters.json", "rate": "0.1"}
    name = jobs.train(HyperParameters=parameters)
    jobs.trained(name)
    assert json.loads(jobs.said(GROUP, name)[1]) == parameters


def test_the_machines_of_a_cluster_know_each_other(jobs: Jobs) -> None:
    name = jobs.train(
        HyperParameters={"TELL": "input/config/resourceconfig.json"},
        ResourceConfig={"InstanceCount": 2},
    )
    jobs.trained(name)
    found = [json.loads(line) for line in jobs.said(GROUP, name) if line.startswith("{")]
    assert sorted(each["current_host"] for each in found) == ["algo-1", "algo-2"]
    assert [each["hosts"] for each in found] == [["algo-1", "algo-2"]] * 2


def test_each_machine_writes_a_stream_of_its_own(jobs: Jobs, aws: Target) -> None:
    name = jobs.train(ResourceConfig={"InstanceCount": 2})
    jobs.trained(name)
    streams = aws.client("logs").describe_log_streams(
        logGroupName=GROUP, logStreamNamePrefix=f"{name}/"
    )["logStreams"]
    assert {each["logStreamName"].split("/")[1].rpartition("-")[0] for each in streams} == {
        "algo-1",
        "algo-2",
    }


def test_metrics_end_in_the_job_and_in_cloudwatch(jobs: Jobs, aws: Target) -> None:
    name = jobs.train(
        HyperParameters={"PRINT": "loss=0.5"},
        AlgorithmSpecification={"MetricDefinitions": [{"Name": "loss", "Regex": r"loss=(\S+)"}]},
    )
    (metric,) = jobs.trained(name)["FinalMetricDataList"]
    assert (metric["MetricName"], metric["Value"]) == ("loss", 0.5)
    listed = aws.client("cloudwatch").list_metrics(
        Namespace=GROUP, Dimensions=[{"Name": "TrainingJobName", "Value": name}]
    )
    assert [each["MetricName"] for each in listed["Metrics"]] == ["loss"]


def test_a_warm_pool_waits_and_can_be_ended(jobs: Jobs) -> None:
    warm = {"KeepAlivePeriodInSeconds": 21600}
    name = jobs.train(ResourceConfig=warm)
    assert jobs.trained(name)["WarmPoolStatus"]["Status"] == "Available"
    assert refusal(jobs.sagemaker.delete_training_job, TrainingJobName=name)[0] == "ResourceInUse"
    ended = {"KeepAlivePeriodInSeconds": 0}
    jobs.sagemaker.update_training_job(TrainingJobName=name, ResourceConfig=ended)
    told = jobs.sagemaker.describe_training_job(TrainingJobName=name)
    assert told["WarmPoolStatus"]["Status"] == "Terminated"


def test_a_warm_pool_is_reused_by_a_job_alike(jobs: Jobs) -> None:
    warm = {"KeepAlivePeriodInSeconds": 21600, "VolumeSizeInGB": 7}
    first = jobs.train(ResourceConfig=warm)
    jobs.trained(first)
    second = jobs.train(ResourceConfig=warm)
    jobs.trained(second)
    pool = jobs.sagemaker.describe_training_job(TrainingJobName=first)["WarmPoolStatus"]
    assert (pool["Status"], pool["ReusedByJob"]) == ("Reused", second)


def test_the_first_preferred_machine_is_told(jobs: Jobs) -> None:
    wishes = [{"InstanceType": "ml.m5.large", "InstanceCount": 1}]
    name = jobs.train(ResourceConfig={"InstancePreferences": wishes, "VolumeSizeInGB": 1})
    assert jobs.trained(name)["ResourceConfig"]["SelectedInstanceType"] == "ml.m5.large"


def test_lists_hold_what_they_are_asked_for(jobs: Jobs) -> None:
    prefix = jobs.aws.name("listed")
    names = [jobs.train(TrainingJobName=f"{prefix}-{each}") for each in "ab"]
    for name in names:
        jobs.trained(name)
    found = jobs.sagemaker.list_training_jobs(
        NameContains=prefix, SortBy="Name", SortOrder="Descending", StatusEquals="Completed"
    )["TrainingJobSummaries"]
    assert [each["TrainingJobName"] for each in found] == names[::-1]


def test_checkpoints_go_up_and_come_down(jobs: Jobs) -> None:
    uri = jobs.put("kept", one="1")
    name = jobs.train(
        HyperParameters={"LIST": "checkpoints", "COPY": "input/config:checkpoints"},
        CheckpointConfig={"S3Uri": uri},
    )
    jobs.trained(name)
    assert '["one"]' in jobs.said(GROUP, name)
    assert "kept/resourceconfig.json" in jobs.keys("kept/")


def test_a_job_is_told_of_in_events_with_times_as_text(jobs: Jobs) -> None:
    name = jobs.train(Tags=[{"Key": "k", "Value": "v"}])
    heard = jobs.events(
        lambda event: event["detail"].get("TrainingJobName") == name,
        lambda event: event["detail"]["TrainingJobStatus"] == "Completed",
    )
    last = heard[-1]
    assert last["detail-type"] == "SageMaker Training Job State Change"
    assert {event["source"] for event in heard} == {"aws.sagemaker"}
    assert last["resources"] == [last["detail"]["TrainingJobArn"]]
    assert last["detail"]["TrainingEndTime"].isdigit()
    assert last["detail"]["Tags"] == {"k": "v"}


@pytest.mark.embedded
def test_an_unknown_image_fails_the_job(jobs: Jobs) -> None:
    unknown = IMAGE.replace("conformance", "unknown")
    told = jobs.trained(jobs.train(AlgorithmSpecification={"TrainingImage": unknown}))
    assert told["TrainingJobStatus"] == "Failed"


def test_a_job_in_progress_can_be_described_at_once(jobs: Jobs) -> None:
    name = jobs.train(HyperParameters={"SECONDS": "30"})
    told = jobs.sagemaker.describe_training_job(TrainingJobName=name)
    assert told["TrainingJobStatus"] == "InProgress"
    until(
        lambda: (
            jobs.sagemaker.describe_training_job(TrainingJobName=name)["SecondaryStatus"]
            == "Training"
        )
    )
    jobs.sagemaker.stop_training_job(TrainingJobName=name)


def test_a_job_on_spot_capacity_ends_like_any_other(jobs: Jobs) -> None:
    limits = {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 120}
    told = jobs.trained(jobs.train(EnableManagedSpotTraining=True, StoppingCondition=limits))
    assert told["TrainingJobStatus"] == "Completed"
    assert told["BillableTimeInSeconds"] <= told["TrainingTimeInSeconds"]


def test_a_heterogeneous_cluster_knows_its_groups(jobs: Jobs) -> None:
    groups = [
        {"InstanceGroupName": "small", "InstanceType": "ml.m5.large", "InstanceCount": 1},
        {"InstanceGroupName": "large", "InstanceType": "ml.m5.xlarge", "InstanceCount": 1},
    ]
    name = jobs.train(
        HyperParameters={"TELL": "input/config/resourceconfig.json"},
        ResourceConfig={"InstanceGroups": groups, "VolumeSizeInGB": 1},
    )
    jobs.trained(name)
    found = [json.loads(line) for line in jobs.said(GROUP, name) if line.startswith("{")]
    assert {each["current_host"]: each["current_group_name"] for each in found} == {
        "algo-1": "small",
        "algo-2": "large",
    }


def test_a_sharded_channel_is_shared_out(jobs: Jobs) -> None:
    uri = jobs.put("sharded", a="1", b="2")
    name = jobs.train(
        HyperParameters={"LIST": "input/data/train"},
        InputDataConfig=[channel(uri, source={"S3DataDistributionType": "ShardedByS3Key"})],
        ResourceConfig={"InstanceCount": 2},
    )
    jobs.trained(name)
    found = [line for line in jobs.said(GROUP, name) if line.startswith("[")]
    assert sorted(found) == ['["a"]', '["b"]']


def test_an_event_has_the_documented_members(jobs: Jobs) -> None:
    sample = json.loads((GOLDEN / "sagemaker_training_job_completed.json").read_text())
    name = jobs.train()
    heard = jobs.events(
        lambda event: event["detail"].get("TrainingJobName") == name,
        lambda event: event["detail"]["TrainingJobStatus"] == "Completed",
    )
    assert set(heard[-1]["detail"]) == set(sample["detail"])
