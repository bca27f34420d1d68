"""Waiting for a training job's machines, and how long it may have them."""

from typing import Any

from local.sagemaker.job import Job
from local.sagemaker.parts import Parts, Request
from local.sagemaker.training_status import advance

_PROVISIONING = 30.0
_NEXT_LOOK = 60.0
_DEFAULT_RUNTIME = 86400
_NO_CAPACITY = (
    "CapacityError: Unable to provision requested ML compute capacity."
    " Please retry using a different ML instance type."
)


class CapacityError(RuntimeError):
    """There is no machine of the wanted type; the message is a FailureReason."""


class WaitedTooLongError(Exception):
    """The job has waited longer for spot capacity than it wanted to."""


class Machines:
    """Time spent waiting and running is kept with the job, in seconds as AWS would count them."""

    def __init__(self, parts: Parts, job: Job) -> None:
        self._parts = parts
        self._job = job

    def come(self) -> None:
        """Take the time they need; raises CapacityError, WaitedTooLongError, StoppedError."""
        job, waited = self._job, 0.0
        while not self._there():
            self._unless_in_vain(waited)
            if job.told["SecondaryStatus"] != "Pending":
                advance(self._parts, job, "Pending", "Waiting for capacity")
            self._wait(_NEXT_LOOK)
            waited += _NEXT_LOOK
        self._wait(_PROVISIONING)

    def count(self) -> int:
        """How many there are."""
        resources = self._resources()
        groups = resources.get("InstanceGroups")
        if groups:
            return sum(group["InstanceCount"] for group in groups)
        return int(resources.get("SelectedInstanceCount") or resources.get("InstanceCount", 1))

    def ran(self, seconds: float) -> None:
        self._count("ran", seconds)

    def limit(self) -> float:
        """Seconds that the containers may still run."""
        return max(0.0, min(self._runtime_left(), self._wait_left()))

    def exceeded(self) -> str:
        """Which limit a job has met that ran out of time."""
        waited = self._wait_left() < self._runtime_left()
        return "MaxWaitTimeExceeded" if waited else "MaxRuntimeExceeded"

    def _there(self) -> bool:
        """Whether one of the types asked for is there; a choice is told."""
        for wish in self._wishes():
            if self._parts.disturbances.capacity(self._job.name, wish["InstanceType"]):
                if self._resources().get("InstancePreferences"):
                    self._select(wish)
                return True
        return False

    def _wishes(self) -> list[Request]:
        resources = self._resources()
        several = resources.get("InstancePreferences") or resources.get("InstanceGroups", [])[:1]
        return several or [{"InstanceType": resources.get("InstanceType", "")}]

    def _select(self, wish: Request) -> None:
        resources = self._resources()
        count = wish.get("InstanceCount") or resources.get("InstanceCount", 1)
        chosen = {"SelectedInstanceType": wish["InstanceType"], "SelectedInstanceCount": count}
        self._job.update(ResourceConfig=resources | chosen)

    def _unless_in_vain(self, waited: float) -> None:
        if self._job.told.get("EnableManagedSpotTraining"):
            if self._wait_left() <= 0:
                raise WaitedTooLongError
        elif waited >= self._condition("MaxPendingTimeInSeconds", 0):
            raise CapacityError(_NO_CAPACITY)

    def _wait(self, seconds: float) -> None:
        self._job.provision(self._parts.clock.scaled(seconds))
        self._count("waited", seconds)

    def _count(self, what: str, seconds: float) -> None:
        with self._job.lock:
            self._job.kept[what] = self._job.kept.get(what, 0.0) + seconds

    def _runtime_left(self) -> float:
        longest = self._condition("MaxRuntimeInSeconds", _DEFAULT_RUNTIME)
        return float(longest - self._job.kept.get("ran", 0.0))

    def _wait_left(self) -> float:
        longest = self._condition("MaxWaitTimeInSeconds", float("inf"))
        spent = self._job.kept.get("ran", 0.0) + self._job.kept.get("waited", 0.0)
        return float(longest - spent)

    def _condition(self, member: str, default: float) -> float:
        return float(self._job.told.get("StoppingCondition", {}).get(member, default))

    def _resources(self) -> dict[str, Any]:
        found: dict[str, Any] = self._job.told.get("ResourceConfig", {})
        return found
