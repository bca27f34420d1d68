"""Training and processing jobs of the embedded SageMaker: how they move on, stop and end."""

import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from local.errors import AwsError
from tests.fakes.embedded_aws import core, eventually
from tests.fakes.job_world import BUCKET, SLEEP, World, a_world
from tests.fakes.processes import is_alive


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = a_world(tmp_path, 10_000.0)
    yield made
    made.close()


@pytest.fixture
def unhurried(tmp_path: Path) -> Iterator[World]:
    """A world whose machines take their real time to come."""
    made = a_world(tmp_path, 1.0)
    yield made
    made.close()


def test_a_stopped_job_whose_output_cannot_be_kept_ends_all_the_same(world: World) -> None:
    source = f"open('{{base}}/model/m', 'w').write('1'); {SLEEP}"
    name = world.train(
        source.replace("{base}", "/opt/ml"),
        OutputDataConfig={"S3OutputPath": "s3://no-such-bucket-anywhere/out"},
    )
    eventually(lambda: "up" in world.logs.lines)

    world.stop(name)

    told = world.ended(name)
    assert told["TrainingJobStatus"] == "Failed"
    assert "no-such-bucket-anywhere" in told["FailureReason"]


def test_a_job_past_its_time_whose_output_cannot_be_kept_ends_all_the_same(world: World) -> None:
    name = world.train(
        f"open('/opt/ml/model/m', 'w').write('1'); {SLEEP}",
        OutputDataConfig={"S3OutputPath": "s3://no-such-bucket-anywhere/out"},
        StoppingCondition={"MaxRuntimeInSeconds": 1},
    )

    assert world.ended(name)["TrainingJobStatus"] == "Failed"


def test_a_job_stopped_before_its_machines_came_goes_nowhere_else(unhurried: World) -> None:
    name = unhurried.train(SLEEP)

    unhurried.stop(name)

    assert unhurried.ended(name)["TrainingJobStatus"] == "Stopped"
    assert unhurried.phases(name) == ["Starting", "Stopping", "Stopped"]


def test_a_job_stopped_while_it_uploads_is_stopped_not_completed(world: World) -> None:
    def stop_at_upload(detail: Mapping[str, Any]) -> None:
        if detail["SecondaryStatus"] == "Uploading":
            world.stop(str(detail["TrainingJobName"]))

    world.bus.reaction = stop_at_upload
    name = world.train("pass")

    assert world.ended(name)["TrainingJobStatus"] == "Stopped"
    assert world.phases(name)[-3:] == ["Uploading", "Stopping", "Stopped"]


def test_a_second_stop_changes_nothing_and_an_ended_job_refuses_it(world: World) -> None:
    def stop_again(detail: Mapping[str, Any]) -> None:
        if detail["SecondaryStatus"] == "Stopping":
            world.stop(str(detail["TrainingJobName"]))

    world.bus.reaction = stop_again
    name = world.train(SLEEP)
    eventually(lambda: "up" in world.logs.lines)

    world.stop(name)
    world.ended(name)

    assert world.phases(name).count("Stopping") == 1
    with pytest.raises(AwsError, match="is in status Stopped"):
        world.stop(name)


def test_a_jobs_last_values_are_its_final_metrics(world: World) -> None:
    source = "print('loss=0.5 acc=0.1'); print('loss=0.25'); print('loss=nan'); print('loss=x')"
    definitions = [
        {"Name": "loss", "Regex": r"loss=(\S+)"},
        {"Name": "accuracy", "Regex": r"acc=([0-9.]+)"},
        {"Name": "never", "Regex": r"never=([0-9.]+)"},
    ]

    name = world.train(source, AlgorithmSpecification={"MetricDefinitions": definitions})

    found = {m["MetricName"]: m["Value"] for m in world.ended(name)["FinalMetricDataList"]}
    assert found == {"loss": 0.25, "accuracy": 0.1}


@pytest.mark.parametrize("regex", ["loss=[0-9.]+", "loss=("])
def test_a_metric_whose_expression_finds_no_value_is_refused(world: World, regex: str) -> None:
    definitions = [{"Name": "loss", "Regex": regex}]

    with pytest.raises(AwsError, match="Regex of metric loss"):
        world.train("pass", AlgorithmSpecification={"MetricDefinitions": definitions})


def test_checkpoints_are_in_s3_while_the_job_still_runs(world: World) -> None:
    name = f"checkpoints-{uuid.uuid4().hex[:8]}"
    job = world.train(
        f"open('/opt/ml/checkpoints/one', 'w').write('1'); {SLEEP}",
        CheckpointConfig={"S3Uri": f"s3://{BUCKET}/{name}"},
    )
    s3 = core().client("s3")

    def kept() -> list[str]:
        listed = s3.list_objects_v2(Bucket=BUCKET, Prefix=name).get("Contents", [])
        return [each["Key"] for each in listed]

    assert eventually(kept) == [f"{name}/one"]
    assert world.told(job)["TrainingJobStatus"] == "InProgress"


def test_no_process_of_a_job_outlives_the_server(world: World) -> None:
    source = (
        "import os, subprocess, sys;"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
        f"print('pids', os.getpid(), child.pid, flush=True); {SLEEP}"
    )
    world.train(source)
    eventually(lambda: "up" in world.logs.lines)
    pids = [int(pid) for line in world.logs.lines for pid in line.split()[1:]]

    world.training.stop()

    assert len(pids) == 2
    assert not is_alive(pids[0])
    eventually(lambda: not any(is_alive(pid) for pid in pids))


def test_what_a_container_left_behind_ends_with_it(world: World) -> None:
    source = (
        "import subprocess, sys;"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'],"
        " stdout=subprocess.DEVNULL);"
        "print('pid', child.pid, flush=True)"
    )
    name = world.train(source)

    world.ended(name)

    (pid,) = [int(line.split()[1]) for line in world.logs.lines]
    eventually(lambda: not is_alive(pid))


def test_a_processing_job_stopped_in_time_says_so_in_order(unhurried: World) -> None:
    name = f"job-{uuid.uuid4().hex[:8]}"
    operations = unhurried.processing.operations
    operations["CreateProcessingJob"](
        {"ProcessingJobName": name, "AppSpecification": {"ImageUri": "python"}}
    )

    operations["StopProcessingJob"]({"ProcessingJobName": name})

    def status() -> bool:
        told = operations["DescribeProcessingJob"]({"ProcessingJobName": name})
        return bool(told["ProcessingJobStatus"] == "Stopped")

    eventually(status)
    heard = [d["ProcessingJobStatus"] for d in unhurried.bus.details]
    assert heard == ["InProgress", "Stopping", "Stopped"]


def test_lists_are_oldest_first_unless_asked_otherwise(world: World) -> None:
    names = [world.train("pass") for _ in range(3)]
    summaries = world.training.operations["ListTrainingJobs"]

    def listed(**request: Any) -> list[str]:
        return [s["TrainingJobName"] for s in summaries(request)["TrainingJobSummaries"]]

    second = world.told(names[1])["CreationTime"]
    assert listed() == names
    assert listed(SortOrder="Descending") == names[::-1]
    assert listed(SortBy="Name", SortOrder="Ascending") == sorted(names)
    assert listed(CreationTimeAfter=second) == names[1:]
    assert listed(CreationTimeBefore=second) == names[:2]
    assert listed(WarmPoolStatusEquals="Available") == []
    with pytest.raises(AwsError, match="TrainingPlanArnEquals is not emulated yet"):
        listed(TrainingPlanArnEquals="any")


def test_pages_join_without_loss(world: World) -> None:
    names = [world.train("pass") for _ in range(3)]
    summaries = world.training.operations["ListTrainingJobs"]

    first = summaries({"MaxResults": 2})
    second = summaries({"MaxResults": 2, "NextToken": first["NextToken"]})

    pages = [*first["TrainingJobSummaries"], *second["TrainingJobSummaries"]]
    assert [each["TrainingJobName"] for each in pages] == names
    assert "NextToken" not in second
