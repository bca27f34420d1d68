"""Training jobs: channels down, real processes on /opt/ml, artifacts and checkpoints up."""

from typing import Any

from local.errors import AwsError
from local.sagemaker.final_metrics import FinalMetrics
from local.sagemaker.job import FINAL, Job, JobBook, in_background, started
from local.sagemaker.listing import Listing
from local.sagemaker.parts import Operations, Parts, Request, invalid, refuse
from local.sagemaker.training_files import TrainingFiles
from local.sagemaker.training_rules import check_training
from local.sagemaker.training_run import TrainingRun
from local.sagemaker.training_status import move
from local.sagemaker.warm_pools import WarmPools, keep_alive

_LISTING = Listing(
    "TrainingJobName",
    (
        "TrainingJobName",
        "TrainingJobArn",
        "CreationTime",
        "TrainingEndTime",
        "LastModifiedTime",
        "TrainingJobStatus",
        "SecondaryStatus",
        "WarmPoolStatus",
    ),
    status_key="TrainingJobStatus",
    also=frozenset({"WarmPoolStatusEquals"}),
)


class TrainingJobs:
    """Jobs that make a model."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._files = TrainingFiles(parts)
        self._book = JobBook(parts, "training", "Training job")
        self._pools = WarmPools(parts, self._book)
        self._metrics: dict[str, FinalMetrics] = {}
        self.operations: Operations = {
            "CreateTrainingJob": self.create,
            "DescribeTrainingJob": lambda r: self.described(r["TrainingJobName"]),
            "ListTrainingJobs": self._list,
            "StopTrainingJob": self.stop_job,
            "UpdateTrainingJob": self._update,
            "DeleteTrainingJob": self._delete,
        }

    def start(self) -> None:
        """Take up again what was in progress when the process ended."""
        for job in self._book.all():
            if job.told["TrainingJobStatus"] not in FINAL:
                self._take_up(job)

    def stop(self) -> None:
        """No job's process is left when this returns."""
        self._book.close()

    def strike(self, name: str) -> bool:
        """Kill a job's processes, as if their memory had run out; whether there were any."""
        job = self._book.get(name)
        return job is not None and job.strike()

    def described(self, name: str) -> Request:
        return self._pools.described(self._book.find(name))

    def told(self, name: str) -> Request | None:
        """What is told of a job; nothing of one that is not there."""
        job = self._book.get(name)
        return self._pools.described(job) if job is not None else None

    def curve(self, name: str, metric: str) -> list[float]:
        """What a job has said of one metric since this process began."""
        heard = self._metrics.get(name)
        return heard.curve(metric) if heard is not None else []

    def create(self, request: Request, **told: Any) -> Request:
        """A new job; `told` is told of it besides the request."""
        check_training(request)
        metrics = FinalMetrics(request["AlgorithmSpecification"].get("MetricDefinitions", []))
        name = request["TrainingJobName"]
        arn = self._parts.account.arn("sagemaker", f"training-job/{name}")
        told = started(
            request,
            self._parts.now(),
            TrainingJobArn=arn,
            TrainingJobStatus="InProgress",
            SecondaryStatus="Starting",
            SecondaryStatusTransitions=[],
            **told,
        )
        job = self._book.add(name, told, arn)
        self._parts.tags.put(arn, request.get("Tags", []))
        move(self._parts, job, "Starting", "Starting the training job")
        self._run(job, metrics)
        return {"TrainingJobArn": arn}

    def stop_job(self, request: Request) -> Request:
        job = self._book.find(request["TrainingJobName"])
        with job.lock:
            status = job.told["TrainingJobStatus"]
            if status in FINAL:
                raise invalid(
                    f"The request was rejected because the training job is in status {status}."
                )
            if status != "Stopping":
                job.stopping.set()
                job.told["TrainingJobStatus"] = "Stopping"
                move(self._parts, job, "Stopping", "Stopping the training job")
        return {}

    def _list(self, request: Request) -> Request:
        wanted = request.get("WarmPoolStatusEquals")
        told = [self._pools.described(job) for job in self._book.all()]
        if wanted is not None:
            told = [each for each in told if each.get("WarmPoolStatus", {}).get("Status") == wanted]
        found, token = _LISTING.page(request, told)
        return {"TrainingJobSummaries": found, **token}

    def _update(self, request: Request) -> Request:
        """The period of a warm pool alone."""
        job = self._book.find(request["TrainingJobName"])
        refuse(request, "ProfilerConfig", "ProfilerRuleConfigurations", "RemoteDebugConfig")
        if "ResourceConfig" in request:
            self._pools.keep_for(job, request["ResourceConfig"]["KeepAlivePeriodInSeconds"])
        return {"TrainingJobArn": job.told["TrainingJobArn"]}

    def _delete(self, request: Request) -> Request:
        job = self._book.find(request["TrainingJobName"])
        with job.lock:
            status = job.told["TrainingJobStatus"]
            if status not in FINAL:
                raise AwsError(
                    "ResourceInUse",
                    f"Training job {job.name} cannot be deleted while it is in status {status}.",
                )
            if keep_alive(job):
                self._pools.unless_available(job)
            self._book.remove(job)
        self._metrics.pop(job.name, None)
        return {}

    def _run(self, job: Job, metrics: FinalMetrics) -> None:
        self._metrics[job.name] = metrics
        in_background(job, TrainingRun(self._parts, self._files, self._pools, job, metrics))

    def _take_up(self, job: Job) -> None:
        """A new cluster for a job whose machines are gone; one that was stopping just ends."""
        definitions = job.told["AlgorithmSpecification"].get("MetricDefinitions", [])
        if job.told["TrainingJobStatus"] == "Stopping":
            job.stopping.set()
        elif job.told["SecondaryStatus"] not in {"Starting", "Pending"}:
            move(self._parts, job, "Restarting", "Restarting the training job")
        self._run(job, FinalMetrics(definitions))
