"""Brings service jobs from the queue to SageMaker, and what SageMaker says back to them."""

import fnmatch
import logging
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from threading import Thread
from typing import Any, Protocol

from local.batch.environments import Environments
from local.batch.jobs import ServiceJobs
from local.batch.preemption import preempted
from local.batch.records import STARTED, Record
from local.batch.schedule import Lane, startable
from local.batch.shares import Shares
from local.batch.things import Request
from local.errors import AwsError

log = logging.getLogger("local.batch")
_POLL = 0.05
_PREEMPTED = "Preempted: its capacity was needed by another service job"
_SAID = "Received status from SageMaker: "
_PHASES = {
    "Starting": "SCHEDULED",
    "Pending": "SCHEDULED",
    "Downloading": "STARTING",
    "DownloadingTrainingImage": "STARTING",
}
_UNTOLD = frozenset({"tags", "serviceRequestPayload"})


class EmitsEvents(Protocol):
    """What Batch needs of EventBridge."""

    def emit(
        self, *, source: str, detail_type: str, detail: Mapping[str, Any], resources: Sequence[str]
    ) -> str: ...


Trains = Callable[[str, Request], Request]
"""SageMaker's API."""


class Runner:
    """One thread that looks at every unfinished job; it rests while there is none."""

    def __init__(
        self,
        jobs: ServiceJobs,
        environments: Environments,
        shares: Shares,
        sagemaker: Trains,
        bus: EmitsEvents,
    ) -> None:
        self._jobs = jobs
        self._environments = environments
        self._shares = shares
        self._sagemaker = sagemaker
        self._bus = bus
        self._closing = False

    def start(self) -> None:
        Thread(target=self._run, name="batch", daemon=True).start()

    def stop(self) -> None:
        self._closing = True
        with self._jobs.submitted:
            self._jobs.submitted.notify_all()

    def turn(self) -> None:
        """One look at everything."""
        for record in self._jobs.unfinished():
            with record.lock:
                self._follow(record)
        queues = self._environments.queues.all()
        for queue in sorted(queues, key=lambda each: -int(each["priority"])):
            self._schedule(queue)

    def _run(self) -> None:
        while not self._closing:
            try:
                self.turn()
            except Exception:
                if not self._closing:
                    log.exception("a look at the service jobs failed")
            if self._jobs.unfinished():
                time.sleep(_POLL)
                continue
            with self._jobs.submitted:
                self._jobs.submitted.wait_for(lambda: self._closing or self._jobs.unfinished())

    def _follow(self, record: Record) -> None:
        if self._closing:
            return
        if record.status == "SUBMITTED":
            self._move(record, "RUNNABLE")
        if record.status in STARTED:
            self._ask(record)
        elif record.told["isTerminated"]:
            self._end(record, "FAILED", record.kept["terminated"])

    def _schedule(self, queue: Request) -> None:
        """Start what may start, in the first environment that has room."""
        for arn in self._environments.order(queue):
            environment = self._environments.environments.find(arn)
            if environment["state"] != "ENABLED":
                continue
            for job in list(startable(self._lane(queue, environment))):
                self._submit(self._jobs.find(job.id), environment)
            for job in preempted(self._lane(queue, environment)):
                self._preempt(self._jobs.find(job.id))

    def _lane(self, queue: Request, environment: Request) -> Lane:
        waiting = [each for each in self._jobs.of(queue) if each.status == "RUNNABLE"]
        return Lane(
            [each.waiting() for each in waiting],
            [each.waiting() for each in self._running(environment["serviceEnvironmentArn"])],
            environment["capacityLimits"],
            self._environments.policy(queue),
            self._shares.of(queue),
        )

    def _preempt(self, record: Record) -> None:
        """It is stopped at the next look; until it has stopped it keeps its instances."""
        with record.lock:
            if record.status in STARTED:
                record.kept["preempted"] = True
                record.keep()

    def _running(self, environment: str) -> list[Record]:
        return [
            each
            for each in self._jobs.unfinished()
            if each.status in STARTED and each.kept.get("environment") == environment
        ]

    def _submit(self, record: Record, environment: Request) -> None:
        """One attempt; its training job's name is kept before there is one."""
        with record.lock:
            if record.status != "RUNNABLE" or record.told["isTerminated"]:
                return
            name = f"AWSBatch{record.told['jobName'][:23]}{uuid.uuid4().hex}"
            record.kept |= {"name": name, "environment": environment["serviceEnvironmentArn"]}
            record.told["capacityUsage"] = record.usage(environment["capacityLimits"])
            record.told["scheduledAt"] = self._jobs.now()
            self._move(record, "SCHEDULED")
            self._create(record)

    def _create(self, record: Record) -> None:
        request = record.payload() | {"TrainingJobName": record.kept["name"]}
        try:
            arn = self._sagemaker("CreateTrainingJob", request)["TrainingJobArn"]
        except AwsError as error:
            self._attempted(record, f"{_SAID}{error.code}: {error.message}")
            return
        record.told["latestAttempt"] = {"serviceResourceId": _resource(arn)}
        record.keep()

    def _ask(self, record: Record) -> None:
        """What SageMaker says of the attempt that is under way."""
        request = {"TrainingJobName": record.kept["name"]}
        try:
            told = self._sagemaker("DescribeTrainingJob", request)
        except AwsError:
            self._create(record)  # it was kept, and the process ended before it was made
            return
        if told["TrainingJobStatus"] == "InProgress":
            self._progressed(record, told)
        elif told["TrainingJobStatus"] == "Completed":
            self._attempt(record, told, f"{_SAID}Training job completed")
            self._end(record, "SUCCEEDED", f"{_SAID}Training job completed")
        elif told["TrainingJobStatus"] != "Stopping":
            reason = told.get("FailureReason", f"Training job {told['SecondaryStatus']}")
            self._attempt(record, told, f"{_SAID}{reason}")
            stopped = told["TrainingJobStatus"] == "Stopped"
            if stopped and record.kept.get("preempted") and not record.told["isTerminated"]:
                self._requeue(record)
            else:
                self._attempted(record, f"{_SAID}{reason}")

    def _progressed(self, record: Record, told: Request) -> None:
        status = _PHASES.get(told["SecondaryStatus"], "RUNNING")
        if status != record.status:
            if status == "RUNNING":
                record.told.setdefault("startedAt", self._jobs.now())
            self._move(record, status)
        limit = record.told.get("timeoutConfig", {}).get("attemptDurationSeconds")
        late = limit and self._jobs.now() - record.told["scheduledAt"] > limit * 1000
        if late or record.told["isTerminated"] or record.kept.get("preempted"):
            self._sagemaker("StopTrainingJob", {"TrainingJobName": record.kept["name"]})

    def _attempt(self, record: Record, told: Request, reason: str) -> None:
        """An attempt that is over joins the others."""
        times = {"startedAt": "TrainingStartTime", "stoppedAt": "TrainingEndTime"}
        attempt: Request = {"serviceResourceId": _resource(told["TrainingJobArn"])}
        record.told["latestAttempt"] = dict(attempt)
        for ours, theirs in times.items():
            if theirs in told:
                attempt[ours] = round(told[theirs].timestamp() * 1000)
        record.told["attempts"] = [*record.told["attempts"], attempt | {"statusReason": reason}]

    def _attempted(self, record: Record, reason: str) -> None:
        """After a failure: once more, or the end."""
        if record.told["isTerminated"]:
            self._end(record, "FAILED", record.kept["terminated"])
        elif reason.startswith(f"{_SAID}CapacityError"):
            self._forget(record)
            self._move(record, "RUNNABLE", reason)
        elif self._may_retry(record, reason):
            self._move(record, "RUNNABLE", reason)
        else:
            self._end(record, "FAILED", reason)

    def _requeue(self, record: Record) -> None:
        """It waits again, but for one that was preempted once too often."""
        if record.preempt():
            self._move(record, "RUNNABLE", _PREEMPTED)
        else:
            self._end(record, "FAILED", _PREEMPTED)

    def _may_retry(self, record: Record, reason: str) -> bool:
        strategy = record.told["retryStrategy"]
        record.kept["tried"] = record.kept.get("tried", 0) + 1
        if record.kept["tried"] >= strategy["attempts"]:
            return False
        for rule in strategy.get("evaluateOnExit", []):
            if fnmatch.fnmatchcase(reason, rule.get("onStatusReason", "*")):
                return bool(rule.get("action") == "RETRY")
        return True

    def _forget(self, record: Record) -> None:
        """Of training jobs that found no capacity, the last alone stays; none is an attempt."""
        record.told["attempts"] = record.told["attempts"][:-1]
        earlier = record.kept.get("without capacity")
        record.kept["without capacity"] = record.kept["name"]
        if earlier:
            try:
                self._sagemaker("DeleteTrainingJob", {"TrainingJobName": earlier})
            except AwsError as error:
                log.warning("training job %s: %s", earlier, error)

    def _end(self, record: Record, status: str, reason: str) -> None:
        record.told["stoppedAt"] = self._jobs.now()
        self._move(record, status, reason)

    def _move(self, record: Record, status: str, reason: str = "") -> None:
        """Enter a status, keep it and tell it."""
        record.told["status"] = status
        if reason:
            record.told["statusReason"] = reason
        record.keep()
        told = {key: value for key, value in record.told.items() if key not in _UNTOLD}
        self._bus.emit(
            source="aws.batch",
            detail_type="Batch Service Job State Change",
            detail=told,
            resources=[record.told["jobArn"]],
        )


def _resource(arn: str) -> Request:
    return {"name": "TrainingJobArn", "value": arn}
