"""One training job from its first machine to its last status."""

import time
from datetime import datetime
from typing import Any

from local.images import ImageError
from local.sagemaker.cluster import Exit, Host, hosts, run
from local.sagemaker.files import FilesError
from local.sagemaker.final_metrics import FinalMetrics
from local.sagemaker.job import ClosedError, Ending, Job, StoppedError, seconds_between
from local.sagemaker.machines import CapacityError, Machines, WaitedTooLongError
from local.sagemaker.parts import Parts
from local.sagemaker.training_files import TrainingFiles
from local.sagemaker.training_status import advance, move
from local.sagemaker.warm_pools import WarmPools

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
SPOT_PRICE = 0.3
"""What a second of spot capacity costs, in seconds of a machine on demand."""
_INTERNAL = "InternalServerError: We encountered an internal error.  Please try again."


class InterruptedJobError(Exception):
    """Spot capacity was taken back."""


class BrokenMachineError(Exception):
    """A machine failed, through no fault of the container."""


class TrainingRun:
    """Runs in a thread of its own; what it has reached is kept in the job."""

    def __init__(
        self, parts: Parts, files: TrainingFiles, pools: WarmPools, job: Job, metrics: FinalMetrics
    ) -> None:
        self._parts = parts
        self._files = files
        self._pools = pools
        self._job = job
        self._metrics = metrics
        self._machines = Machines(parts, job)

    def __call__(self) -> None:
        """Attempt after attempt, as long as the next one is AWS's to make."""
        while (ending := self._attempted()) is None:
            continue
        self._end(ending)

    def _attempted(self) -> Ending | None:
        """How the job ends, or nothing when it begins anew."""
        try:
            return self._settled()
        except InterruptedJobError:
            self._interrupted()
        except BrokenMachineError as error:
            if not self._may_retry():
                return Ending("Failed", str(error))
        return None

    def _settled(self) -> Ending:
        try:
            return self._attempt()
        except StoppedError:
            return Ending("Stopped")
        except WaitedTooLongError:
            return Ending("Stopped", secondary="MaxWaitTimeExceeded")
        except (FilesError, ImageError, CapacityError) as error:
            return Ending("Failed", str(error))
        except (ClosedError, InterruptedJobError, BrokenMachineError):
            raise
        except Exception as error:  # what breaks here is AWS's own fault
            reason = f"InternalServerError: {type(error).__name__}: {error}"
            raise BrokenMachineError(reason) from error

    def _attempt(self) -> Ending:
        """One cluster's life, its uploads included: whatever fails here is how it ends."""
        job = self._job
        if not self._pools.take(job):
            self._machines.come()
        job.tidy()
        cluster = hosts(job, self._machines.count())
        advance(self._parts, job, "Downloading", "Downloading input data")
        self._files.fetch(job, cluster)
        self._start()
        ending = self._ending(cluster)
        for mirror in self._files.checkpoints(job, cluster):
            mirror.send()
        if ending.status != "Failed":
            self._files.send(job, cluster)
        return ending

    def _start(self) -> None:
        self._job.told.setdefault("TrainingStartTime", self._parts.now())
        if self._job.told.get("ResourceConfig", {}).get("KeepAlivePeriodInSeconds"):
            self._job.update(WarmPoolStatus={"Status": "InUse"})
        message = "Training image download completed. Training in progress."
        advance(self._parts, self._job, "Training", message)

    def _ending(self, cluster: list[Host]) -> Ending:
        try:
            ended = self._run(cluster)
        except StoppedError:
            return Ending("Stopped")
        except TimeoutError:
            return Ending("Stopped", secondary=self._machines.exceeded())
        if ended.status == 0:
            return self._uploading()
        said = ended.host.container.read("/opt/ml/output/failure")
        reason = f"AlgorithmError: {said or 'no failure file'}, exit code: {ended.status}"
        return Ending("Failed", reason)

    def _uploading(self) -> Ending:
        try:
            advance(self._parts, self._job, "Uploading", "Uploading generated training model")
        except StoppedError:
            return Ending("Stopped")
        return Ending("Completed")

    def _run(self, cluster: list[Host]) -> Exit:
        mirrors = self._files.checkpoints(self._job, cluster)
        began = time.monotonic()

        def meanwhile() -> None:
            self._disturb()
            for mirror in mirrors:
                mirror.keep_up()

        try:
            return run(
                self._parts,
                self._job,
                [self._files.launch(self._job, host) for host in cluster],
                group=LOG_GROUP,
                limit=self._machines.limit(),
                heard=self._heard,
                meanwhile=meanwhile,
            )
        except InterruptedJobError:
            for mirror in mirrors:
                mirror.send()
            raise
        finally:
            self._machines.ran(time.monotonic() - began)

    def _heard(self, line: str) -> None:
        now = self._parts.now()
        for name, value in self._metrics.hear(line, now).items():
            dimensions = {"TrainingJobName": self._job.name}
            self._parts.metrics.put(LOG_GROUP, name, dimensions, value, at=now)
        self._job.update(FinalMetricDataList=self._metrics.told())

    def _disturb(self) -> None:
        """What may happen to machines that do their work."""
        disturbances = self._parts.disturbances
        if self._job.told.get("EnableManagedSpotTraining") and disturbances.interrupt(
            self._job.name
        ):
            raise InterruptedJobError
        if disturbances.breaks(self._job.name):
            raise BrokenMachineError(_INTERNAL)

    def _interrupted(self) -> None:
        """Back to where a job begins, unless it is to stop anyway."""
        with self._job.lock:
            if self._job.stopping.is_set():
                return
            message = "Training job interrupted: spot capacity was reclaimed"
            move(self._parts, self._job, "Interrupted", message)
            move(self._parts, self._job, "Starting", "Starting the training job")

    def _may_retry(self) -> bool:
        """Whether the job asked for another attempt; the attempt is counted and told."""
        allowed = self._job.told.get("RetryStrategy", {}).get("MaximumRetryAttempts", 0)
        tried = self._job.kept.get("retries", 0)
        if tried >= allowed:
            return False
        self._job.kept["retries"] = tried + 1
        move(self._parts, self._job, "Restarting", "Restarting the training job")
        return True

    def _end(self, ending: Ending) -> None:
        """A job that was told to stop in time is never Completed."""
        job, now = self._job, self._parts.now()
        job.unless_closed()
        job.tidy()
        with job.lock:
            stopped = ending.status == "Completed" and job.stopping.is_set()
            status = "Stopped" if stopped else ending.status
            job.told |= {"TrainingJobStatus": status, "TrainingEndTime": now}
            job.told |= self._times(now)
            job.told["FinalMetricDataList"] = self._metrics.told()
            if ending.reason:
                job.told["FailureReason"] = ending.reason[:1024]
            if "TrainingStartTime" in job.told:
                self._pools.leave(job)
            move(self._parts, job, ending.secondary or status, ending.reason[:1024])

    def _times(self, now: datetime) -> dict[str, Any]:
        """Nothing is counted of a job that never had a machine."""
        trained = seconds_between(self._job.told.get("TrainingStartTime"), now)
        if not trained:
            return {}
        spot = self._job.told.get("EnableManagedSpotTraining")
        return {
            "TrainingTimeInSeconds": trained,
            "BillableTimeInSeconds": billable(trained) if spot else trained,
        }


def billable(trained: int) -> int:
    """The seconds that are paid of `trained` seconds on spot capacity."""
    return max(min(1, trained), round(trained * SPOT_PRICE))
