"""How a training job moves on: its secondary statuses, in order, each told as an event."""

from typing import Any

from local.sagemaker.job import Job
from local.sagemaker.parts import Parts, milliseconds, with_times

_UNTOLD = frozenset(
    {
        "FinalMetricDataList",
        "ModelArtifacts",
        "TrainingTimeInSeconds",
        "BillableTimeInSeconds",
        "WarmPoolStatus",
    }
)


def move(parts: Parts, job: Job, secondary: str, message: str) -> None:
    """Enter a secondary status, keep it and tell the world, in this order for everybody."""
    now = parts.now()
    with job.lock:
        transitions: list[dict[str, Any]] = job.told["SecondaryStatusTransitions"]
        if transitions:
            transitions[-1].setdefault("EndTime", now)
        entry = {"Status": secondary, "StartTime": now, "StatusMessage": message}
        job.told |= {
            "SecondaryStatus": secondary,
            "LastModifiedTime": now,
            "SecondaryStatusTransitions": [*transitions, entry],
        }
        job.keep()
        _tell(parts, job)


def advance(parts: Parts, job: Job, secondary: str, message: str) -> None:
    """Enter the next phase; StoppedError when nothing but the end may come any more."""
    with job.lock:
        job.unless_stopped()
        move(parts, job, secondary, message)


def _tell(parts: Parts, job: Job) -> None:
    arn = job.told["TrainingJobArn"]
    told = {k: v for k, v in job.told.items() if k not in _UNTOLD}
    detail = {"VpcConfig": {}, "HyperParameters": {}, "InputDataConfig": [], **told}
    parts.tell(
        "SageMaker Training Job State Change",
        arn,
        with_times(detail, lambda moment: str(milliseconds(moment))) | {"Tags": parts.tags.of(arn)},
    )
