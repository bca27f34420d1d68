"""What happens to the machines of training jobs: spot, capacity, faults, crashes, warm pools."""

import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from local.errors import AwsError
from local.sagemaker.training_run import billable
from local.seams import Undisturbed
from local.store import Store
from tests.fakes.embedded_aws import core, eventually
from tests.fakes.job_world import BUCKET, SLEEP, World, a_world

SCALE = 10_000.0
SPOT: dict[str, Any] = {
    "EnableManagedSpotTraining": True,
    "StoppingCondition": {"MaxRuntimeInSeconds": 600, "MaxWaitTimeInSeconds": 3600},
}
ONCE = (
    "import os, time; kept = '/opt/ml/checkpoints/one';"
    "seen = os.path.exists(kept); open(kept, 'w').write('1');"
    "print('resumed' if seen else 'up', flush=True); time.sleep(0 if seen else 600)"
)


@dataclass
class Disturbances(Undisturbed):
    """Does what a test says, once for each time it says it."""

    absent: dict[str, int] = field(default_factory=dict)
    interruptions: int = 0
    faults: int = 0

    def capacity(self, job: str, instance_type: str) -> bool:
        left = self.absent.get(instance_type, 0)
        self.absent[instance_type] = left - 1
        return left <= 0

    def interrupt(self, job: str) -> bool:
        self.interruptions -= 1
        return self.interruptions >= 0

    def breaks(self, job: str) -> bool:
        self.faults -= 1
        return self.faults >= 0


@pytest.fixture
def disturbances() -> Disturbances:
    return Disturbances()


@pytest.fixture
def world(tmp_path: Path, disturbances: Disturbances) -> Iterator[World]:
    made = a_world(tmp_path, SCALE, disturbances=disturbances)
    yield made
    made.close()


def machines(kind: str = "ml.m5.large", count: int = 1, **more: Any) -> dict[str, Any]:
    return {"InstanceType": kind, "InstanceCount": count, "VolumeSizeInGB": 1, **more}


def checkpoints() -> dict[str, Any]:
    return {"S3Uri": f"s3://{BUCKET}/{uuid.uuid4().hex}"}


def test_an_interrupted_spot_job_goes_on_from_its_checkpoint(
    world: World, disturbances: Disturbances
) -> None:
    name = world.train(ONCE, CheckpointConfig=checkpoints(), **SPOT)
    eventually(lambda: "up" in world.logs.lines)

    disturbances.interruptions = 1

    assert world.ended(name)["TrainingJobStatus"] == "Completed"
    assert "resumed" in world.logs.lines
    phases = world.phases(name)
    assert phases[phases.index("Interrupted") + 1 :] == [
        "Starting",
        "Downloading",
        "Training",
        "Uploading",
        "Completed",
    ]


def test_a_job_on_demand_is_not_interrupted(world: World, disturbances: Disturbances) -> None:
    disturbances.interruptions = 1

    assert world.ended(world.train("pass"))["TrainingJobStatus"] == "Completed"


def test_a_spot_job_for_which_there_is_no_capacity_waits_as_long_as_it_wanted(
    world: World, disturbances: Disturbances
) -> None:
    disturbances.absent["ml.m5.large"] = 1_000_000

    told = world.ended(world.train("pass", ResourceConfig=machines(), **SPOT))

    assert (told["TrainingJobStatus"], told["SecondaryStatus"]) == (
        "Stopped",
        "MaxWaitTimeExceeded",
    )


def test_spot_seconds_cost_less_than_they_last() -> None:
    assert billable(100) == 30
    assert billable(1) == 1
    assert billable(0) == 0


def test_a_job_without_capacity_fails_with_the_reason_of_aws(
    world: World, disturbances: Disturbances
) -> None:
    disturbances.absent["ml.m5.large"] = 1

    told = world.ended(world.train("pass", ResourceConfig=machines()))

    assert told["TrainingJobStatus"] == "Failed"
    assert told["FailureReason"].startswith(
        "CapacityError: Unable to provision requested ML compute capacity."
    )


def test_a_patient_job_is_pending_until_there_is_capacity(
    world: World, disturbances: Disturbances
) -> None:
    disturbances.absent["ml.m5.large"] = 3
    name = world.train(
        "pass",
        ResourceConfig=machines(),
        StoppingCondition={"MaxRuntimeInSeconds": 60, "MaxPendingTimeInSeconds": 1800},
    )

    assert world.ended(name)["TrainingJobStatus"] == "Completed"
    assert world.phases(name)[:3] == ["Starting", "Pending", "Downloading"]


def test_the_first_preferred_type_that_is_there_is_taken(
    world: World, disturbances: Disturbances
) -> None:
    disturbances.absent["ml.m5.large"] = 1_000_000
    wishes = [{"InstanceType": "ml.m5.large"}, {"InstanceType": "ml.c5.xlarge", "InstanceCount": 2}]

    told = world.ended(
        world.train("pass", ResourceConfig={"InstancePreferences": wishes, "VolumeSizeInGB": 1})
    )

    assert told["ResourceConfig"]["SelectedInstanceType"] == "ml.c5.xlarge"
    assert told["ResourceConfig"]["SelectedInstanceCount"] == 2


def test_a_fault_of_the_machine_is_an_internal_error(
    world: World, disturbances: Disturbances
) -> None:
    name = world.train(SLEEP)
    eventually(lambda: "up" in world.logs.lines)

    disturbances.faults = 1

    assert world.ended(name)["FailureReason"].startswith("InternalServerError")


def test_a_job_with_retries_outlives_a_fault_of_the_machine(
    world: World, disturbances: Disturbances
) -> None:
    name = world.train(
        ONCE, CheckpointConfig=checkpoints(), RetryStrategy={"MaximumRetryAttempts": 1}
    )
    eventually(lambda: "up" in world.logs.lines)
    eventually(lambda: _objects(world.told(name)["CheckpointConfig"]["S3Uri"]))

    disturbances.faults = 1

    assert world.ended(name)["TrainingJobStatus"] == "Completed"
    assert "Restarting" in world.phases(name)


def test_a_killed_container_is_exit_status_137(world: World) -> None:
    name = world.train(SLEEP)
    eventually(lambda: "up" in world.logs.lines)

    assert world.training.strike(name)

    assert world.ended(name)["FailureReason"].endswith("exit code: 137")


def test_every_machine_of_a_cluster_knows_the_others(world: World) -> None:
    source = "print(open('/opt/ml/input/config/resourceconfig.json').read(), flush=True)"

    world.ended(world.train(source, ResourceConfig=machines(count=3)))

    found = [json.loads(line) for line in world.logs.lines]
    assert sorted(each["current_host"] for each in found) == ["algo-1", "algo-2", "algo-3"]
    assert {tuple(each["hosts"]) for each in found} == {("algo-1", "algo-2", "algo-3")}


def test_one_failing_machine_ends_the_whole_cluster(world: World) -> None:
    source = (
        "import json, sys, time;"
        "here = json.load(open('/opt/ml/input/config/resourceconfig.json'))['current_host'];"
        "sys.exit(3) if here == 'algo-2' else time.sleep(600)"
    )

    told = world.ended(world.train(source, ResourceConfig=machines(count=2)))

    assert told["FailureReason"].endswith("exit code: 3")


def test_a_sharded_channel_is_shared_out(world: World) -> None:
    prefix = uuid.uuid4().hex
    for key in "abcd":
        core().client("s3").put_object(Bucket=BUCKET, Key=f"{prefix}/{key}", Body=b"1")
    source = "import os; print(*os.listdir('/opt/ml/input/data/train'), flush=True)"
    s3 = {
        "S3DataType": "S3Prefix",
        "S3Uri": f"s3://{BUCKET}/{prefix}/",
        "S3DataDistributionType": "ShardedByS3Key",
    }

    channel = {"ChannelName": "train", "DataSource": {"S3DataSource": s3}}
    world.ended(world.train(source, InputDataConfig=[channel], ResourceConfig=machines(count=2)))

    assert sorted(len(line.split()) for line in world.logs.lines) == [2, 2]
    assert sorted(" ".join(world.logs.lines).split()) == list("abcd")


def test_a_metric_is_told_to_cloudwatch_each_time(world: World) -> None:
    definitions = [{"Name": "loss", "Regex": r"loss=(\S+)"}]
    source = "print('loss=2'); print('loss=1')"

    name = world.train(source, AlgorithmSpecification={"MetricDefinitions": definitions})

    world.ended(name)
    assert world.metrics.seen == [
        ("/aws/sagemaker/TrainingJobs", "loss", {"TrainingJobName": name}, value)
        for value in (2.0, 1.0)
    ]


def test_a_warm_pool_is_handed_to_the_next_job_of_its_kind(tmp_path: Path) -> None:
    world = a_world(tmp_path, 1000.0)
    warm = machines(KeepAlivePeriodInSeconds=3600)
    first = world.train("pass", ResourceConfig=warm)
    assert world.ended(first)["WarmPoolStatus"]["Status"] == "Available"

    second = world.train("pass", ResourceConfig=warm)

    world.ended(second)
    pool = world.told(first)["WarmPoolStatus"]
    assert (pool["Status"], pool["ReusedByJob"]) == ("Reused", second)
    world.close()


def test_a_warm_pool_ends_with_its_period(world: World) -> None:
    name = world.train("pass", ResourceConfig=machines(KeepAlivePeriodInSeconds=1))

    world.ended(name)

    eventually(lambda: world.told(name)["WarmPoolStatus"]["Status"] == "Terminated")


def test_a_deleted_job_leaves_its_name(world: World) -> None:
    name = world.train("pass")
    world.ended(name)

    world.training.operations["DeleteTrainingJob"]({"TrainingJobName": name})

    with pytest.raises(AwsError, match="Requested resource not found"):
        world.told(name)
    world.ended(world.train("pass", name=name))


def test_nothing_of_a_job_lies_on_the_disk_when_it_has_ended(world: World, tmp_path: Path) -> None:
    world.ended(world.train("open('/opt/ml/model/m', 'w').write('1')"))

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_job_whose_machine_crashed_with_the_server_ends_as_it_would_have(tmp_path: Path) -> None:
    store = Store()
    crashed = a_world(tmp_path, SCALE, store=store)
    name = crashed.train(ONCE, CheckpointConfig=checkpoints())
    eventually(lambda: _objects(crashed.told(name)["CheckpointConfig"]["S3Uri"]))
    crashed.close()

    again = a_world(tmp_path, SCALE, store=store)
    again.training.start()

    assert again.ended(name)["TrainingJobStatus"] == "Completed"
    assert again.phases(name)[0] == "Restarting"
    assert "resumed" in again.logs.lines
    with pytest.raises(AwsError, match="already exists"):
        again.train("pass", name=name)
    again.close()


def test_a_job_that_was_stopping_is_stopped_after_a_crash(tmp_path: Path) -> None:
    store = Store()
    crashed = a_world(tmp_path, 1.0, store=store)
    reaction = crashed.training.stop
    name = crashed.train(SLEEP)

    def crash(detail: Mapping[str, Any]) -> None:
        if detail["SecondaryStatus"] == "Stopping":
            reaction()

    crashed.bus.reaction = crash
    crashed.stop(name)

    again = a_world(tmp_path, SCALE, store=store)
    again.training.start()

    assert again.ended(name)["TrainingJobStatus"] == "Stopped"
    again.close()


def test_an_ended_job_is_told_after_a_crash_as_before(tmp_path: Path) -> None:
    store = Store()
    world = a_world(tmp_path, SCALE, store=store)
    name = world.train("pass")
    before = world.ended(name)
    world.close()

    again = a_world(tmp_path, SCALE, store=store)
    again.training.start()

    assert again.told(name) == before
    assert again.phases(name) == []


def test_a_processing_job_begins_anew_after_a_crash(tmp_path: Path) -> None:
    store = Store()
    crashed = a_world(tmp_path, 1.0, store=store)
    name = f"job-{uuid.uuid4().hex[:8]}"
    spec = {"ImageUri": "python", "ContainerEntrypoint": ["python3", "-c", "pass"]}
    crashed.processing.operations["CreateProcessingJob"](
        {"ProcessingJobName": name, "AppSpecification": spec}
    )
    crashed.close()

    again = a_world(tmp_path, SCALE, store=store)
    again.processing.start()

    describe = again.processing.operations["DescribeProcessingJob"]
    eventually(lambda: describe({"ProcessingJobName": name})["ProcessingJobStatus"] == "Completed")
    again.close()


def _objects(uri: str) -> list[str]:
    prefix = uri.removeprefix(f"s3://{BUCKET}/")
    listed = core().client("s3").list_objects_v2(Bucket=BUCKET, Prefix=prefix)
    return [each["Key"] for each in listed.get("Contents", [])]
