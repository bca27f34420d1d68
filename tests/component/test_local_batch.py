"""Service jobs of the embedded AWS Batch: capacity that is not there, crashes, the schedule."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from local.batch import Batch
from local.batch.preemption import preempted
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
        if action == "StopTrainingJob":
            self.jobs[name] |= {"TrainingJobStatus": "Stopped", "SecondaryStatus": "Stopped"}
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


def share(most: int, *, strategy: str = "LEND_AND_BORROW", inside: str = "DISABLED") -> Any:
    return {
        "capacityLimits": [{"maxCapacity": most, "capacityUnit": "ml.m5.large"}],
        "resourceSharingConfiguration": {"strategy": strategy},
        "preemptionConfiguration": {"inSharePreemption": inside},
    }


def stopped(found: Lane) -> list[str]:
    return [job.id for job in preempted(found)]


TWO = {"x": share(1), "y": share(1)}


def test_what_is_borrowed_is_given_back_when_its_owner_comes() -> None:
    running = (waiting("r", quota="x", started=1), waiting("s", quota="x", started=2))

    assert stopped(lane(waiting("a", quota="y"), running=running, quotas=TWO)) == ["s"]


def test_a_share_within_its_own_gives_nothing_back() -> None:
    running = (waiting("r", quota="x"), waiting("s", quota="y"))

    assert stopped(lane(waiting("a", quota="y"), running=running, quotas=TWO)) == []


@pytest.mark.parametrize(
    ("first", "second", "goes"),
    [({"priority": 2}, {"priority": 1}, "s"), ({"priority": 1}, {"priority": 2}, "r")],
)
def test_the_least_important_goes(first: Any, second: Any, goes: str) -> None:
    running = (waiting("r", quota="x", **first), waiting("s", quota="x", **second))

    assert stopped(lane(waiting("a", quota="y"), running=running, quotas=TWO)) == [goes]


def test_nobody_goes_where_that_would_not_help() -> None:
    running = (waiting("r", quota="x"), waiting("s", quota="x"))
    found = lane(waiting("a", size=2, quota="y"), running=running, quotas=TWO)

    assert stopped(found) == []


def test_who_is_stopping_already_is_enough() -> None:
    running = (waiting("r", quota="x"), waiting("s", quota="x", stopping=True))

    assert stopped(lane(waiting("a", quota="y"), running=running, quotas=TWO)) == []


def test_a_share_whose_limit_was_lowered_gives_back() -> None:
    quotas = {"x": share(1, strategy="RESERVE"), "y": share(1)}
    running = (waiting("r", quota="x", started=1), waiting("s", quota="x", started=2))

    assert stopped(lane(waiting("a", quota="y"), running=running, quotas=quotas)) == ["s"]


@pytest.mark.parametrize(
    ("inside", "priority", "goes"),
    [("ENABLED", 5, ["r"]), ("ENABLED", 1, []), ("DISABLED", 5, [])],
)
def test_within_a_share_the_more_important_comes_first_if_so_wished(
    inside: str, priority: int, goes: list[str]
) -> None:
    quotas = {"x": share(1, inside=inside)}
    running = (waiting("r", quota="x", priority=1),)
    found = lane(waiting("a", quota="x", priority=priority), most=1, running=running, quotas=quotas)

    assert stopped(found) == goes


def test_only_what_borrows_goes_as_far_as_it_borrows() -> None:
    quotas = {"x": share(1), "y": share(2)}
    running = tuple(waiting(name, quota="x") for name in "rst")
    jobs = (waiting("a", quota="y"), waiting("b", quota="y"))

    assert len(stopped(lane(*jobs, most=3, running=running, quotas=quotas))) == 1


def test_nobody_borrows_what_a_share_waits_for() -> None:
    running = (waiting("r", quota="x", stopping=True),)
    jobs = (waiting("a", quota="x"), waiting("b", size=2, quota="y"))
    quotas = {"x": share(0), "y": share(2)}

    assert ids(lane(*jobs, running=running, quotas=quotas)) == []


def test_who_stays_within_its_share_comes_before_who_borrows() -> None:
    running = (waiting("r", quota="x"),)
    jobs = (waiting("a", quota="x"), waiting("b", quota="y"))

    assert ids(lane(*jobs, running=running, quotas=TWO)) == ["b"]


def test_without_quota_shares_nobody_is_preempted() -> None:
    policy = {"fairsharePolicy": {"shareDistribution": [{"shareIdentifier": "x"}]}}
    running = (waiting("r", share="x"),)
    found = lane(waiting("a", share="x", priority=9), most=1, running=running, policy=policy)

    assert stopped(found) == []


def test_a_preemption_outlasts_the_process(store: Store, trains: Trains) -> None:
    trains.outcomes = [{"TrainingJobStatus": "InProgress"} for _ in range(3)]
    first = a_batch(store, trains)
    two_shares_of_two_instances(first)
    jobs = [submitted_to(first, "x"), submitted_to(first, "x")]
    first.turn()
    owner = submitted_to(first, "y")
    first.turn()
    assert [status(first, job) for job in jobs] == ["RUNNING", "RUNNING"]

    again = a_batch(store, trains)
    for _ in range(3):
        again.turn()

    assert sorted(status(again, job) for job in jobs) == ["RUNNABLE", "RUNNING"]
    assert status(again, owner) in {"SCHEDULED", "RUNNING"}
    told = [again.handle("DescribeServiceJob", {"jobId": job}) for job in jobs]
    assert [
        t["preemptionSummary"]["preemptedAttemptCount"] for t in told if "preemptionSummary" in t
    ] == [1]


def status(batch: Batch, job: str) -> str:
    return str(batch.handle("DescribeServiceJob", {"jobId": job})["status"])


def two_shares_of_two_instances(batch: Batch) -> None:
    kind = "SAGEMAKER_TRAINING"
    environment = {
        "serviceEnvironmentName": "here",
        "serviceEnvironmentType": kind,
        "capacityLimits": [{"maxCapacity": 2, "capacityUnit": "ml.m5.large"}],
    }
    batch.handle("CreateServiceEnvironment", environment)
    quotas = {"quotaSharePolicy": {"idleResourceAssignmentStrategy": "FIFO"}}
    policy = batch.handle("CreateSchedulingPolicy", {"name": "quotas", **quotas})
    queue = {
        "jobQueueName": "queue",
        "jobQueueType": kind,
        "priority": 1,
        "serviceEnvironmentOrder": [{"order": 1, "serviceEnvironment": "here"}],
        "schedulingPolicyArn": policy["arn"],
    }
    batch.handle("CreateJobQueue", queue)
    for name in ("x", "y"):
        made = {**share(1), "quotaShareName": name, "jobQueue": "queue"}
        batch.handle("CreateQuotaShare", made)


def submitted_to(batch: Batch, quota: str) -> str:
    resources = {"InstanceCount": 1, "InstanceType": "ml.m5.large"}
    request = {
        "jobName": "job",
        "jobQueue": "queue",
        "serviceJobType": "SAGEMAKER_TRAINING",
        "serviceRequestPayload": json.dumps({"ResourceConfig": resources}),
        "quotaShareName": quota,
    }
    return str(batch.handle("SubmitServiceJob", request)["jobId"])
