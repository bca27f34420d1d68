"""Service jobs: environments, queues, shares, retries and events, as AWS Batch documents them."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.jobs import Jobs, until
from tests.conformance.target import Target, refusal

pytestmark = pytest.mark.costs
ENDED = {"SUCCEEDED", "FAILED"}


class Queues:
    """Queues of one AWS, each with an environment of its own."""

    def __init__(self, aws: Target) -> None:
        self.jobs = Jobs(aws)
        self.batch = aws.client("batch")
        self.aws = aws

    def environment(self, most: int = 8, unit: str = "NUM_INSTANCES") -> str:
        name = self.aws.name("environment")
        made = self.batch.create_service_environment(
            serviceEnvironmentName=name,
            serviceEnvironmentType="SAGEMAKER_TRAINING",
            capacityLimits=[{"maxCapacity": most, "capacityUnit": unit}],
        )
        return str(made["serviceEnvironmentArn"])

    def queue(self, most: int = 8, *, unit: str = "NUM_INSTANCES", **more: Any) -> str:
        order = [{"order": 1, "serviceEnvironment": self.environment(most, unit)}]
        made = self.batch.create_job_queue(
            jobQueueName=self.aws.name("queue"),
            jobQueueType="SAGEMAKER_TRAINING",
            priority=1,
            serviceEnvironmentOrder=order,
            **more,
        )
        return str(made["jobQueueArn"])

    def policy(self, **more: Any) -> str:
        made = self.batch.create_scheduling_policy(name=self.aws.name("policy"), **more)
        return str(made["arn"])

    def request(self, queue: str, training: dict[str, Any], **more: Any) -> dict[str, Any]:
        payload = self.jobs.training(**training)
        del payload["TrainingJobName"]
        return {
            "jobName": self.aws.name("job"),
            "jobQueue": queue,
            "serviceJobType": "SAGEMAKER_TRAINING",
            "serviceRequestPayload": json.dumps(payload),
            **more,
        }

    def submit(self, queue: str, *, training: dict[str, Any] | None = None, **more: Any) -> str:
        request = self.request(queue, training or {}, **more)
        return str(self.batch.submit_service_job(**request)["jobId"])

    def told(self, job: str) -> dict[str, Any]:
        described: dict[str, Any] = self.batch.describe_service_job(jobId=job)
        return described

    def ended(self, job: str) -> dict[str, Any]:
        def look() -> dict[str, Any]:
            told = self.told(job)
            return told if told["status"] in ENDED else {}

        found: dict[str, Any] = until(look)
        return found

    def reaches(self, job: str, status: str) -> None:
        until(lambda: self.told(job)["status"] == status)


LONG = {"HyperParameters": {"SECONDS": "60"}}


@pytest.fixture(scope="module")
def queues(aws: Target) -> Iterator[Queues]:
    made = Queues(aws)
    yield made
    made.jobs.close()


@pytest.fixture(scope="module")
def queue(queues: Queues) -> str:
    return queues.queue()


@pytest.fixture(scope="module")
def succeeded(queues: Queues, queue: str) -> dict[str, Any]:
    return queues.ended(queues.submit(queue))


def test_a_job_that_trains_succeeds(succeeded: dict[str, Any]) -> None:
    assert succeeded["status"] == "SUCCEEDED"
    assert succeeded["statusReason"] == "Received status from SageMaker: Training job completed"


def test_a_job_names_the_training_job_it_became(queues: Queues, succeeded: dict[str, Any]) -> None:
    (attempt,) = succeeded["attempts"]
    resource = attempt["serviceResourceId"]
    assert resource["name"] == "TrainingJobArn"
    name = resource["value"].rpartition("/")[2]
    assert name.startswith(f"AWSBatch{succeeded['jobName'][:20]}")
    told = queues.jobs.sagemaker.describe_training_job(TrainingJobName=name)
    assert told["TrainingJobStatus"] == "Completed"
    assert succeeded["latestAttempt"] == {"serviceResourceId": resource}


def test_the_times_of_a_job_rise(succeeded: dict[str, Any]) -> None:
    times = [succeeded[each] for each in ("createdAt", "scheduledAt", "startedAt", "stoppedAt")]
    assert times == sorted(times)


def test_what_a_job_uses_is_told(succeeded: dict[str, Any]) -> None:
    assert succeeded["capacityUsage"] == [{"capacityUnit": "NUM_INSTANCES", "quantity": 1.0}]


def test_a_job_is_told_of_in_events_without_its_payload(queues: Queues, queue: str) -> None:
    job = queues.submit(queue)
    heard = queues.jobs.events(
        lambda event: event["detail"].get("jobId") == job,
        lambda event: event["detail"]["status"] == "SUCCEEDED",
    )
    assert {event["detail-type"] for event in heard} == {"Batch Service Job State Change"}
    assert {event["source"] for event in heard} == {"aws.batch"}
    assert heard[-1]["resources"] == [heard[-1]["detail"]["jobArn"]]
    assert not any("serviceRequestPayload" in event["detail"] for event in heard)
    statuses = {event["detail"]["status"] for event in heard}
    assert {"RUNNABLE", "SCHEDULED", "SUCCEEDED"} <= statuses
    assert "SUBMITTED" not in statuses


def test_a_failed_job_says_what_sagemaker_said(queues: Queues, queue: str) -> None:
    told = queues.ended(queues.submit(queue, training={"HyperParameters": {"EXIT": "1"}}))
    assert told["status"] == "FAILED"
    assert told["statusReason"].startswith("Received status from SageMaker: AlgorithmError")


def test_a_payload_that_sagemaker_refuses_fails_the_job(queues: Queues, queue: str) -> None:
    told = queues.ended(queues.submit(queue, training={"EnableManagedSpotTraining": True}))
    assert told["statusReason"].startswith("Received status from SageMaker: ValidationException")


@pytest.mark.parametrize(
    ("strategy", "attempts"),
    [
        ({"attempts": 1}, 1),
        ({"attempts": 3}, 3),
        (
            {
                "attempts": 3,
                "evaluateOnExit": [{"action": "EXIT", "onStatusReason": "*AlgorithmError*"}],
            },
            1,
        ),
        (
            {
                "attempts": 2,
                "evaluateOnExit": [
                    {"action": "RETRY", "onStatusReason": "*exit code: 1"},
                    {"action": "EXIT", "onStatusReason": "*"},
                ],
            },
            2,
        ),
        (
            {"attempts": 2, "evaluateOnExit": [{"action": "EXIT", "onStatusReason": "other*"}]},
            2,
        ),
    ],
)
def test_a_job_is_tried_as_often_as_it_wants(
    queues: Queues, queue: str, strategy: dict[str, Any], attempts: int
) -> None:
    training = {"HyperParameters": {"EXIT": "1"}}
    told = queues.ended(queues.submit(queue, training=training, retryStrategy=strategy))
    assert len(told["attempts"]) == attempts
    assert told["status"] == "FAILED"


def test_a_job_waits_until_there_is_room(queues: Queues) -> None:
    narrow = queues.queue(2)
    first = queues.submit(narrow, training=LONG | {"ResourceConfig": {"InstanceCount": 2}})
    second = queues.submit(narrow)
    queues.reaches(first, "RUNNING")
    assert queues.told(second)["status"] == "RUNNABLE"
    queues.batch.terminate_service_job(jobId=first, reason="enough")
    assert queues.ended(second)["status"] == "SUCCEEDED"


def test_a_terminated_job_says_why(queues: Queues, queue: str) -> None:
    job = queues.submit(queue, training=LONG)
    queues.reaches(job, "RUNNING")
    queues.batch.terminate_service_job(jobId=job, reason="enough")
    told = queues.ended(job)
    assert (told["status"], told["statusReason"]) == ("FAILED", "enough")
    assert told["isTerminated"]


def test_a_waiting_job_can_be_terminated(queues: Queues) -> None:
    narrow = queues.queue(1)
    first = queues.submit(narrow, training=LONG)
    queues.reaches(first, "RUNNING")
    job = queues.submit(narrow)
    queues.batch.terminate_service_job(jobId=job, reason="never mind")
    told = queues.ended(job)
    assert (told["status"], told["attempts"]) == ("FAILED", [])
    queues.batch.terminate_service_job(jobId=first, reason="done")


def test_a_job_of_the_same_token_is_the_same_job(queues: Queues, queue: str) -> None:
    token = queues.aws.name("token")
    request = queues.request(queue, {}, clientToken=token)
    first = queues.batch.submit_service_job(**request)
    second = queues.batch.submit_service_job(**request)
    assert first["jobId"] == second["jobId"]


def test_running_jobs_are_listed_unless_asked_otherwise(
    queues: Queues, succeeded: dict[str, Any]
) -> None:
    queue = succeeded["jobQueue"]
    running = queues.batch.list_service_jobs(jobQueue=queue)["jobSummaryList"]
    assert succeeded["jobId"] not in {each["jobId"] for each in running}
    done = queues.batch.list_service_jobs(jobQueue=queue, jobStatus="SUCCEEDED")["jobSummaryList"]
    assert succeeded["jobId"] in {each["jobId"] for each in done}
    named = queues.batch.list_service_jobs(
        jobQueue=queue, filters=[{"name": "JOB_NAME", "values": [succeeded["jobName"]]}]
    )["jobSummaryList"]
    assert [each["jobId"] for each in named] == [succeeded["jobId"]]


def test_the_share_that_has_least_comes_first(queues: Queues) -> None:
    distribution = [{"shareIdentifier": "a"}, {"shareIdentifier": "b"}]
    policy = queues.policy(fairsharePolicy={"shareDistribution": distribution})
    fair = queues.queue(2, schedulingPolicyArn=policy)
    first = queues.submit(fair, training=LONG, shareIdentifier="a")
    queues.reaches(first, "RUNNING")
    blocker = queues.submit(fair, training=LONG, shareIdentifier="a")
    queues.reaches(blocker, "RUNNING")
    more_of_a = queues.submit(fair, training=LONG, shareIdentifier="a")
    one_of_b = queues.submit(fair, training=LONG, shareIdentifier="b")
    queues.batch.terminate_service_job(jobId=blocker, reason="room")
    queues.reaches(one_of_b, "RUNNING")
    assert queues.told(more_of_a)["status"] == "RUNNABLE"
    for job in (first, more_of_a, one_of_b):
        queues.batch.terminate_service_job(jobId=job, reason="done")


def test_a_jobs_priority_decides_and_can_be_changed(queues: Queues) -> None:
    policy = queues.policy(fairsharePolicy={"shareDistribution": [{"shareIdentifier": "a"}]})
    fair = queues.queue(1, schedulingPolicyArn=policy)
    first = queues.submit(fair, training=LONG, shareIdentifier="a")
    queues.reaches(first, "RUNNING")
    early = queues.submit(fair, training=LONG, shareIdentifier="a", schedulingPriority=1)
    late = queues.submit(fair, training=LONG, shareIdentifier="a", schedulingPriority=1)
    queues.batch.update_service_job(jobId=late, schedulingPriority=5)
    queues.batch.terminate_service_job(jobId=first, reason="room")
    queues.reaches(late, "RUNNING")
    assert queues.told(early)["status"] == "RUNNABLE"
    for job in (early, late):
        queues.batch.terminate_service_job(jobId=job, reason="done")


def quotas(queues: Queues, queue: str, **strategies: str) -> None:
    for name, strategy in strategies.items():
        queues.batch.create_quota_share(
            quotaShareName=name,
            jobQueue=queue,
            capacityLimits=[{"maxCapacity": 1, "capacityUnit": "ml.m5.large"}],
            resourceSharingConfiguration={"strategy": strategy},
            preemptionConfiguration={"inSharePreemption": "DISABLED"},
        )


@pytest.mark.parametrize(
    ("mine", "theirs", "second"),
    [
        ("LEND_AND_BORROW", "LEND", "RUNNING"),
        ("LEND_AND_BORROW", "RESERVE", "RUNNABLE"),
        ("LEND", "LEND", "RUNNABLE"),
    ],
)
def test_idle_quota_is_borrowed_where_it_is_lent(
    queues: Queues, mine: str, theirs: str, second: str
) -> None:
    policy = queues.policy(quotaSharePolicy={"idleResourceAssignmentStrategy": "FIFO"})
    shared = queues.queue(2, unit="ml.m5.large", schedulingPolicyArn=policy)
    quotas(queues, shared, mine=mine, theirs=theirs)
    jobs = [queues.submit(shared, training=LONG, quotaShareName="mine") for _ in range(2)]
    queues.reaches(jobs[0], "RUNNING")
    queues.reaches(jobs[1], second)
    for job in jobs:
        queues.batch.terminate_service_job(jobId=job, reason="done")


def test_shares_are_described_and_deleted_when_disabled(queues: Queues) -> None:
    policy = queues.policy(quotaSharePolicy={"idleResourceAssignmentStrategy": "FIFO"})
    shared = queues.queue(2, unit="ml.m5.large", schedulingPolicyArn=policy)
    quotas(queues, shared, one="LEND")
    (found,) = queues.batch.list_quota_shares(jobQueue=shared)["quotaShares"]
    arn = found["quotaShareArn"]
    assert queues.batch.describe_quota_share(quotaShareArn=arn)["quotaShareName"] == "one"
    assert refusal(queues.batch.delete_quota_share, quotaShareArn=arn)[0] == "ClientException"
    queues.batch.update_quota_share(quotaShareArn=arn, state="DISABLED")
    queues.batch.delete_quota_share(quotaShareArn=arn)
    assert queues.batch.list_quota_shares(jobQueue=shared)["quotaShares"] == []


def test_the_front_of_a_queue_is_told(queues: Queues) -> None:
    narrow = queues.queue(1)
    first = queues.submit(narrow, training=LONG)
    queues.reaches(first, "RUNNING")
    second = queues.submit(narrow)
    queues.reaches(second, "RUNNABLE")
    told = queues.batch.get_job_queue_snapshot(jobQueue=narrow)
    front = [each["jobArn"] for each in told["frontOfQueue"]["jobs"]]
    assert front == [queues.told(second)["jobArn"]]
    for job in (second, first):
        queues.batch.terminate_service_job(jobId=job, reason="done")


def test_an_environment_in_use_stays(queues: Queues, queue: str) -> None:
    (found,) = queues.batch.describe_job_queues(jobQueues=[queue])["jobQueues"]
    arn = found["serviceEnvironmentOrder"][0]["serviceEnvironment"]
    queues.batch.update_service_environment(serviceEnvironment=arn, state="DISABLED")
    code, text = refusal(queues.batch.delete_service_environment, serviceEnvironment=arn)
    queues.batch.update_service_environment(serviceEnvironment=arn, state="ENABLED")
    assert code == "ClientException"
    assert text == "Cannot delete, found existing JobQueue relationship"


def test_what_is_disabled_can_be_deleted(queues: Queues) -> None:
    queue = queues.queue()
    assert refusal(queues.batch.delete_job_queue, jobQueue=queue)[0] == "ClientException"
    queues.batch.update_job_queue(jobQueue=queue, state="DISABLED")
    assert (
        refusal(queues.batch.submit_service_job, **queues.request(queue, {}))[0]
        == "ClientException"
    )
    queues.batch.delete_job_queue(jobQueue=queue)
    assert queues.batch.describe_job_queues(jobQueues=[queue])["jobQueues"] == []


def test_an_environments_limits_can_be_changed(queues: Queues) -> None:
    arn = queues.environment(1)
    limits = [{"maxCapacity": 5, "capacityUnit": "NUM_INSTANCES"}]
    queues.batch.update_service_environment(serviceEnvironment=arn, capacityLimits=limits)
    (found,) = queues.batch.describe_service_environments(serviceEnvironments=[arn])[
        "serviceEnvironments"
    ]
    assert (found["capacityLimits"], found["status"], found["state"]) == (
        limits,
        "VALID",
        "ENABLED",
    )


def test_tags_come_and_go(queues: Queues) -> None:
    arn = queues.environment(1)
    queues.batch.tag_resource(resourceArn=arn, tags={"a": "1", "b": "2"})
    queues.batch.untag_resource(resourceArn=arn, tagKeys=["a"])
    assert queues.batch.list_tags_for_resource(resourceArn=arn)["tags"] == {"b": "2"}


@pytest.mark.parametrize(
    "more",
    [
        {"jobQueue": "no-such-queue"},
        {"serviceRequestPayload": "{no json"},
        {"serviceRequestPayload": "[]"},
        {"retryStrategy": {"attempts": 0}},
        {"retryStrategy": {"attempts": 11}},
        {"shareIdentifier": "a"},
        {"quotaShareName": "a"},
    ],
)
def test_what_does_not_fit_together_is_refused(
    queues: Queues, queue: str, more: dict[str, Any]
) -> None:
    request = queues.request(queue, {}, **more)
    assert refusal(queues.batch.submit_service_job, **request)[0] == "ClientException"


@pytest.mark.parametrize("verb", ["describe", "terminate"])
def test_there_is_no_job_without_an_id(queues: Queues, verb: str) -> None:
    call = getattr(queues.batch, f"{verb}_service_job")
    more = {"reason": "any"} if verb == "terminate" else {}
    assert refusal(call, jobId="no-such-job", **more)[0] == "ClientException"


@pytest.mark.embedded
def test_what_is_not_there_says_so(queues: Queues) -> None:
    code, text = refusal(queues.batch.list_jobs, jobQueue="any")
    assert code == "NotImplemented"
    assert "batch:ListJobs" in text
