"""Warm pools: machines that a training job leaves behind for the next one of its kind."""

from datetime import datetime, timedelta
from threading import Lock
from typing import Any

from local.errors import AwsError
from local.sagemaker.job import Job, JobBook, seconds_between
from local.sagemaker.parts import Parts, invalid

_ALIKE = ("RoleArn", "VpcConfig", "EnableNetworkIsolation", "EnableInterContainerTrafficEncryption")
_RESOURCES = ("InstanceType", "InstanceCount", "VolumeSizeInGB", "VolumeKmsKeyId", "InstanceGroups")


class WarmPools:
    """Found by asking the jobs that left them; a pool's end is seen when it is looked at."""

    def __init__(self, parts: Parts, book: JobBook) -> None:
        self._parts = parts
        self._book = book
        self._lock = Lock()

    def take(self, job: Job) -> bool:
        """Whether there is a pool for this job, which is then the job's own."""
        if not keep_alive(job):
            return False
        with self._lock:
            for other in self._book.all():
                if self.available(other) and _kind(other) == _kind(job):
                    self._hand_over(other, job.name)
                    return True
        return False

    def leave(self, job: Job) -> None:
        """What a job that has ended leaves behind; part of its last change."""
        if keep_alive(job):
            job.told["WarmPoolStatus"] = {
                "Status": "Available",
                "ResourceRetainedBillableTimeInSeconds": 0,
            }

    def available(self, job: Job) -> bool:
        return bool(self.described(job).get("WarmPoolStatus", {}).get("Status") == "Available")

    def described(self, job: Job) -> dict[str, Any]:
        """What is told of the job, its pool as it is now."""
        told = job.described()
        pool, until = told.get("WarmPoolStatus", {}), self._until(told)
        if pool.get("Status") != "Available" or until is None:
            return told
        now = self._parts.now()
        retained = seconds_between(told["TrainingEndTime"], min(now, until))
        status = "Available" if now < until else "Terminated"
        told["WarmPoolStatus"] = {
            "Status": status,
            "ResourceRetainedBillableTimeInSeconds": retained,
        }
        return told

    def keep_for(self, job: Job, seconds: int) -> None:
        """UpdateTrainingJob: the pool's new period, its end when it is nothing."""
        with self._lock, job.lock:
            if not self.available(job):
                raise invalid(
                    "KeepAlivePeriodInSeconds can only be updated while the warm pool of the"
                    " training job is Available."
                )
            resources = job.told["ResourceConfig"] | {"KeepAlivePeriodInSeconds": seconds}
            job.told |= {"ResourceConfig": resources, "LastModifiedTime": self._parts.now()}
            if not seconds:
                job.told["WarmPoolStatus"] = self._ended(job, {"Status": "Terminated"})
            job.keep()

    def unless_available(self, job: Job) -> None:
        """Raises ResourceInUse: a pool ends before its job is deleted."""
        if self.available(job):
            raise AwsError(
                "ResourceInUse",
                f"Training job {job.name} has a warm pool that is Available; terminate it first.",
            )

    def _hand_over(self, job: Job, to: str) -> None:
        with job.lock:
            job.told["WarmPoolStatus"] = self._ended(job, {"Status": "Reused", "ReusedByJob": to})
            job.keep()

    def _ended(self, job: Job, pool: dict[str, Any]) -> dict[str, Any]:
        retained = seconds_between(job.told["TrainingEndTime"], self._parts.now())
        return pool | {"ResourceRetainedBillableTimeInSeconds": retained}

    def _until(self, told: dict[str, Any]) -> datetime | None:
        period = told.get("ResourceConfig", {}).get("KeepAlivePeriodInSeconds", 0)
        ended: datetime | None = told.get("TrainingEndTime")
        return ended + timedelta(seconds=self._parts.clock.scaled(period)) if ended else None


def keep_alive(job: Job) -> int:
    return int(job.told.get("ResourceConfig", {}).get("KeepAlivePeriodInSeconds", 0))


def _kind(job: Job) -> list[Any]:
    """What must be alike for a pool to be reused."""
    resources = job.told.get("ResourceConfig", {})
    own = [job.told.get(member) for member in _ALIKE]
    return [*own, *(resources.get(member) for member in _RESOURCES)]
