"""Service jobs that stop for others: capacity given back, and more important jobs of a share."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.target import Target, refusal
from tests.conformance.test_batch_service_jobs import LONG, Queues

pytestmark = pytest.mark.costs
UNIT = "ml.m5.large"


@pytest.fixture(scope="module")
def queues(aws: Target) -> Iterator[Queues]:
    made = Queues(aws)
    yield made
    made.jobs.close()


@pytest.fixture
def queue(queues: Queues) -> Iterator[str]:
    """Two instances, one for each of two shares that lend and borrow."""
    policy = queues.policy(quotaSharePolicy={"idleResourceAssignmentStrategy": "FIFO"})
    made = queues.queue(2, unit=UNIT, schedulingPolicyArn=policy)
    for name, inside in (("plain", "DISABLED"), ("ranked", "ENABLED")):
        queues.batch.create_quota_share(
            quotaShareName=name,
            jobQueue=made,
            capacityLimits=[{"maxCapacity": 1, "capacityUnit": UNIT}],
            resourceSharingConfiguration={"strategy": "LEND_AND_BORROW"},
            preemptionConfiguration={"inSharePreemption": inside},
        )
    yield made
    for status in ("RUNNABLE", "SCHEDULED", "STARTING", "RUNNING"):
        found = queues.batch.list_service_jobs(jobQueue=made, jobStatus=status)
        for job in found["jobSummaryList"]:
            queues.batch.terminate_service_job(jobId=job["jobId"], reason="done")


def running(queues: Queues, queue: str, share: str, **more: Any) -> str:
    """A job that has got its instance."""
    job = queues.submit(queue, training=LONG, quotaShareName=share, **more)
    queues.reaches(job, "RUNNING")
    return job


@pytest.fixture
def borrower(queues: Queues, queue: str) -> str:
    """The second of two jobs of a share of one instance."""
    running(queues, queue, "plain", schedulingPriority=5)
    return running(queues, queue, "plain", schedulingPriority=1)


def test_a_borrower_stops_for_the_owner_and_waits_again(
    queues: Queues, queue: str, borrower: str
) -> None:
    owner = running(queues, queue, "ranked")

    told = queues.told(borrower)
    assert told["status"] == "RUNNABLE"
    assert told["preemptionSummary"]["preemptedAttemptCount"] == 1
    (attempt,) = told["preemptionSummary"]["recentPreemptedAttempts"]
    assert attempt["serviceResourceId"]["name"] == "TrainingJobArn"
    assert told["attempts"] == []
    queues.batch.terminate_service_job(jobId=owner, reason="room")
    queues.reaches(borrower, "RUNNING")


def test_a_job_that_may_not_be_retried_fails_when_it_is_preempted(
    queues: Queues, queue: str
) -> None:
    running(queues, queue, "plain", schedulingPriority=5)
    never = {"preemptionRetriesBeforeTermination": 0}
    job = running(queues, queue, "plain", schedulingPriority=1, preemptionConfiguration=never)

    running(queues, queue, "ranked")

    told = queues.ended(job)
    assert told["status"] == "FAILED"
    assert told["preemptionSummary"]["preemptedAttemptCount"] == 1


def test_a_more_important_job_of_a_ranked_share_takes_the_place_of_another(
    queues: Queues, queue: str
) -> None:
    running(queues, queue, "plain")
    low = running(queues, queue, "ranked", schedulingPriority=1)

    running(queues, queue, "ranked", schedulingPriority=9)

    assert queues.told(low)["status"] == "RUNNABLE"


def test_a_running_job_s_priority_can_be_lowered(queues: Queues, queue: str) -> None:
    running(queues, queue, "plain")
    first = running(queues, queue, "ranked", schedulingPriority=5)
    second = queues.submit(queue, training=LONG, quotaShareName="ranked", schedulingPriority=3)

    queues.batch.update_service_job(jobId=first, schedulingPriority=1)

    queues.reaches(second, "RUNNING")
    assert queues.told(first)["status"] == "RUNNABLE"


def test_preemption_goes_with_quota_shares_only(queues: Queues) -> None:
    plain = queues.queue(1)
    request = queues.request(
        plain, {}, preemptionConfiguration={"preemptionRetriesBeforeTermination": 1}
    )

    assert refusal(queues.batch.submit_service_job, **request)[0] == "ClientException"
