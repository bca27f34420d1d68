"""The metrics of asynchronous endpoints: of each inference, and of what waits."""

from collections.abc import Mapping
from datetime import datetime

from local.sagemaker.instance import Answer
from local.sagemaker.invocations import NAMESPACE
from local.sagemaker.parts import Parts


class AsyncMetrics:
    """What asynchronous endpoints publish, and no metric of others."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def backlog(self, endpoint: str, waiting: int, oldest: datetime | None, living: int) -> None:
        """What lies in the queue of an endpoint with so many processes."""
        now = self._parts.now()
        age = (now - oldest).total_seconds() if oldest is not None else 0.0
        told = {
            "ApproximateBacklogSize": (float(waiting), "Count"),
            "ApproximateAgeOfOldestRequest": (max(0.0, age), "Seconds"),
            "HasBacklogWithoutCapacity": (float(waiting > 0 and not living), "Count"),
        }
        if living:
            told["ApproximateBacklogSizePerInstance"] = (waiting / living, "Count")
        self._put({"EndpointName": endpoint}, told)

    def begun(self, endpoint: str, variant: str, waited: float) -> None:
        self._put(_of(endpoint, variant), {"TimeInBacklog": (waited * 1e6, "Microseconds")})

    def answered(self, endpoint: str, variant: str, answer: Answer) -> None:
        told = {
            "Invocation4XXErrors": (float(400 <= answer.status < 500), "None"),
            "Invocation5XXErrors": (float(answer.status >= 500), "None"),
            "ModelLatency": (answer.seconds * 1e6, "Microseconds"),
        }
        self._put(_of(endpoint, variant), told)

    def took(self, endpoint: str, variant: str, what: str, seconds: float) -> None:
        """`what` is RequestDownloadLatency or ResponseUploadLatency."""
        self._put(_of(endpoint, variant), {what: (seconds * 1e6, "Microseconds")})

    def count(self, endpoint: str, variant: str, *what: str) -> None:
        self._put(_of(endpoint, variant), dict.fromkeys(what, (1.0, "Count")))

    def over(self, endpoint: str, variant: str, whole: float, *, failed: bool) -> None:
        """An inference that ended `whole` seconds after it was received."""
        told = {
            "InvocationsProcessed": (1.0, "Count"),
            "InvocationFailures": (float(failed), "Count"),
            "TotalProcessingTime": (whole * 1e3, "Milliseconds"),
        }
        self._put(_of(endpoint, variant), told)

    def _put(self, dimensions: Mapping[str, str], told: Mapping[str, tuple[float, str]]) -> None:
        now = self._parts.now()
        for name, (value, unit) in told.items():
            self._parts.metrics.put(NAMESPACE, name, dimensions, value, unit=unit, at=now)


def _of(endpoint: str, variant: str) -> dict[str, str]:
    return {"EndpointName": endpoint, "VariantName": variant}
