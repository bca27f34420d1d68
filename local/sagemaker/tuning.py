"""Tuning jobs: many training jobs, each with the hyperparameters that seem best by then."""

from typing import Any

from local.errors import AwsError
from local.sagemaker.job import FINAL, JobBook, in_background, started
from local.sagemaker.listing import Listing
from local.sagemaker.parts import Operations, Parts, Request, invalid
from local.sagemaker.training import TrainingJobs
from local.sagemaker.tuning_rules import check_tuning
from local.sagemaker.tuning_run import COUNTERS, OBJECTIVES, TuningRun, summaries, tell

_STATUS = "HyperParameterTuningJobStatus"
_NAME = "HyperParameterTuningJobName"
_LISTING = Listing(
    _NAME,
    (
        _NAME,
        "HyperParameterTuningJobArn",
        _STATUS,
        "Strategy",
        "CreationTime",
        "HyperParameterTuningEndTime",
        "LastModifiedTime",
        "TrainingJobStatusCounters",
        "ObjectiveStatusCounters",
        "ResourceLimits",
    ),
    status_key=_STATUS,
)
_PAGE = 10


class TuningJobs:
    """Jobs that search."""

    def __init__(self, parts: Parts, training: TrainingJobs) -> None:
        self._parts = parts
        self._training = training
        self._book = JobBook(parts, "tuning", "Hyperparameter tuning job")
        self.operations: Operations = {
            "CreateHyperParameterTuningJob": self._create,
            "DescribeHyperParameterTuningJob": lambda r: self._book.find(r[_NAME]).described(),
            "ListHyperParameterTuningJobs": self._list,
            "StopHyperParameterTuningJob": self._stop,
            "DeleteHyperParameterTuningJob": self._delete,
            "ListTrainingJobsForHyperParameterTuningJob": self._list_training,
        }

    def start(self) -> None:
        """Go on with what was in progress when the process ended; after the training jobs."""
        for job in self._book.all():
            if job.told[_STATUS] not in FINAL:
                if job.told[_STATUS] == "Stopping":
                    job.stopping.set()
                in_background(job, TuningRun(self._parts, self._training, job))

    def stop(self) -> None:
        self._book.close()

    def strike(self, name: str) -> bool:
        """A tuning job has no process of its own."""
        return False

    def _create(self, request: Request) -> Request:
        check_tuning(request)
        parts, name = self._parts, request[_NAME]
        arn = parts.account.arn("sagemaker", f"hyper-parameter-tuning-job/{name}")
        told = started(
            request,
            parts.now(),
            HyperParameterTuningJobArn=arn,
            HyperParameterTuningJobStatus="InProgress",
            TrainingJobStatusCounters=dict.fromkeys(COUNTERS, 0),
            ObjectiveStatusCounters=dict.fromkeys(OBJECTIVES, 0),
        )
        job = self._book.add(name, told, arn, trials=[])
        parts.tags.put(arn, request.get("Tags", []))
        tell(parts, job)
        in_background(job, TuningRun(parts, self._training, job))
        return {"HyperParameterTuningJobArn": arn}

    def _list(self, request: Request) -> Request:
        told = [_with_config(each) for each in self._book.described()]
        found, token = _LISTING.page(request, told)
        return {"HyperParameterTuningJobSummaries": found, **token}

    def _stop(self, request: Request) -> Request:
        job = self._book.find(request[_NAME])
        with job.lock:
            status = job.told[_STATUS]
            if status in FINAL:
                raise invalid(
                    "The request was rejected because the hyperparameter tuning job is in status"
                    f" {status}."
                )
            if status != "Stopping":
                job.stopping.set()
                job.told |= {_STATUS: "Stopping", "LastModifiedTime": self._parts.now()}
                job.keep()
                tell(self._parts, job)
        return {}

    def _delete(self, request: Request) -> Request:
        job = self._book.get(request[_NAME])
        if job is None:
            return {}
        status = job.described()[_STATUS]
        if status not in FINAL:
            raise AwsError(
                "ResourceInUse",
                f"Hyperparameter tuning job {job.name} cannot be deleted in status {status}.",
            )
        self._book.remove(job)
        return {}

    def _list_training(self, request: Request) -> Request:
        job = self._book.find(request[_NAME])
        found = summaries(self._training, job)
        wanted = request.get("StatusEquals")
        found = [each for each in found if wanted in {None, each["TrainingJobStatus"]}]
        found.sort(key=lambda each: _order(request.get("SortBy", "Name"), each))
        if request.get("SortOrder") == "Descending":
            found.reverse()
        start = int(request.get("NextToken", 0))
        end = start + request.get("MaxResults", _PAGE)
        token = {"NextToken": str(end)} if end < len(found) else {}
        return {"TrainingJobSummaries": found[start:end], **token}


def _with_config(told: Request) -> Request:
    config = told["HyperParameterTuningJobConfig"]
    return told | {"Strategy": config["Strategy"], "ResourceLimits": config["ResourceLimits"]}


def _order(by: str, summary: Request) -> tuple[Any, ...]:
    """Jobs that have said nothing of the metric come last."""
    if by == "FinalObjectiveMetricValue":
        metric = summary.get("FinalHyperParameterTuningJobObjectiveMetric")
        return (metric is None, metric["Value"] if metric else 0.0)
    key = {"Name": "TrainingJobName", "Status": "TrainingJobStatus"}.get(by, "CreationTime")
    return (False, summary[key])
