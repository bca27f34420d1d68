"""Service jobs of the embedded AWS Batch: capacity that is not there, crashes, the schedule."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from local.batch import Batch
from local.batch.schedule import Lane, Waiting, startable
from local.clock import Clock
from local.cloud import Account
from local.errors import AwsError
from local.store import Store
from tests.fakes.embedded_aws import eventually
from tests.fakes.job_world import Bus

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Trains:
    """A SageMaker whose training jobs are where a test puts them."""

    def __init__(self) -> None:
        self.jobs: dict[str, dict[str, Any]] = {}
        self.outcomes: list[dict[str, str]] = []
        self.deleted: list[str] = []

    def __call__(self, action: str, request: dict[str, Any]) -> dict[str, Any]:
        name = request["TrainingJobName"]
        if action == "CreateTrainingJob":
            self.jobs[name] = self._told(name)
        if action == "DeleteTrainingJob":
            self.deleted.append(name)
        if name not in self.jobs:
            raise AwsError("ValidationException", "Requested resource not found.")
        return self.jobs[name]

    def _told(self, name: str) -> dict[str, Any]:
        outcome = self.outcomes.pop(0) if self.outcomes else {"TrainingJobStatus": "Completed"}
        times = {"TrainingStartTime": NOW, "TrainingEndTime": NOW}
        arn = {"TrainingJobArn": f"arn:training-job/{name}"}
        return {"SecondaryStatus": outcome["TrainingJobStatus"], **outcome, **times, **arn}


@pytest.fixture
def trains() -> Trains:
    return Trains()


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def batch(store: Store, trains: Trains) -> Iterator[Batch]:
    made = a_batch(store, trains)
    made.start()
    yield made
    made.stop()


def a_batch(store: Store, trains: Trains) -> Batch:
    return Batch(Account("http://nowhere", store=store), Clock(), trains, Bus())


def submitted(batch: Batch, **more: Any) -> str:
    limits = [{"maxCapacity": 1, "capacityUnit": "NUM_INSTANCES"}]
    kind = "SAGEMAKER_TRAINING"
    batch.handle(
        "CreateServiceEnvironment",
        {
            "serviceEnvironmentName": "here",
            "serviceEnvironmentType": kind,
            "capacityLimits": limits,
        },
    )
    order = [{"order": 1, "serviceEnvironment": "here"}]
    batch.handle(
        "CreateJobQueue",
        {
            "jobQueueName": "queue",
            "jobQueueType": kind,
            "priority": 1,
            "serviceEnvironmentOrder": order,
        },
    )
    request = {
        "jobName": "job",
        "jobQueue": "queue",
        "serviceJobType": kind,
        "serviceRequestPayload": json.dumps({"ResourceConfig": {"InstanceCount": 1}}),
        **more,
    }
    return str(batch.handle("SubmitServiceJob", request)["jobId"])


def ended(batch: Batch, job: str) -> dict[str, Any]:
    def look() -> dict[str, Any]:
        told = batch.handle("DescribeServiceJob", {"jobId": job})
        return told if told["status"] in {"SUCCEEDED", "FAILED"} else {}

    return eventually(look)


def test_missing_capacity_is_waited_for_and_costs_no_attempt(batch: Batch, trains: Trains) -> None:
    missing = {"TrainingJobStatus": "Failed", "FailureReason": "CapacityError: none"}
    trains.outcomes = [missing, missing, missing]

    told = ended(batch, submitted(batch))

    assert told["status"] == "SUCCEEDED"
    assert len(told["attempts"]) == 1
    assert trains.deleted == list(trains.jobs)[:2]  # the last of them is kept


def test_a_stopped_training_job_is_a_failed_service_job(batch: Batch, trains: Trains) -> None:
    trains.outcomes = [{"TrainingJobStatus": "Stopped", "SecondaryStatus": "MaxRuntimeExceeded"}]

    told = ended(batch, submitted(batch))

    assert told["status"] == "FAILED"
    assert told["statusReason"].endswith("Training job MaxRuntimeExceeded")


def test_a_job_goes_on_after_a_crash(store: Store, trains: Trains) -> None:
    crashed = a_batch(store, trains)
    job = submitted(crashed)

    again = a_batch(store, trains)
    again.start()

    assert ended(again, job)["status"] == "SUCCEEDED"
    again.stop()


def test_a_training_job_that_a_crash_kept_from_being_made_is_made(
    store: Store, trains: Trains
) -> None:
    class CrashError(BaseException):
        pass

    def crash(action: str, request: dict[str, Any]) -> dict[str, Any]:
        raise CrashError

    crashed = Batch(Account("http://nowhere", store=store), Clock(), crash, Bus())
    job = submitted(crashed)
    with pytest.raises(CrashError):
        crashed.turn()

    again = a_batch(store, trains)
    again.start()

    assert ended(again, job)["status"] == "SUCCEEDED"
    assert len(trains.jobs) == 1
    again.stop()


def waiting(name: str, *, size: int = 1, **more: Any) -> Waiting:
    return Waiting(name, ord(name[0]), size, "ml.m5.large", **more)


def lane(*jobs: Waiting, most: int = 2, running: tuple[Waiting, ...] = (), **more: Any) -> Lane:
    limits = [{"maxCapacity": most, "capacityUnit": "NUM_INSTANCES"}]
    return Lane(jobs, running, limits, more.get("policy", {}), more.get("quotas", {}))


def ids(found: Lane) -> list[str]:
    return [job.id for job in startable(found)]


def test_jobs_start_in_the_order_in_which_they_came() -> None:
    assert ids(lane(waiting("b"), waiting("a"), waiting("c"))) == ["a", "b"]


def test_a_large_job_is_not_overtaken() -> None:
    assert ids(lane(waiting("a", size=3), waiting("b"))) == []


def test_a_heavy_share_waits_longer() -> None:
    distribution = [{"shareIdentifier": "x", "weightFactor": 2.0}, {"shareIdentifier": "y"}]
    policy = {"fairsharePolicy": {"shareDistribution": distribution}}
    running = (waiting("r", share="x"), waiting("s", share="y"))
    jobs = (waiting("a", share="x"), waiting("b", share="y"))

    assert ids(lane(*jobs, most=3, running=running, policy=policy)) == ["b"]
