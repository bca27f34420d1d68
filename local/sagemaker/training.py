"""Training jobs: channels down, one real process on /opt/ml, artifacts and checkpoints up."""

from typing import Any

from local.images import ImageError
from local.sagemaker.container import Container
from local.sagemaker.files import FilesError
from local.sagemaker.final_metrics import FinalMetrics
from local.sagemaker.job import Ending, Job, JobBook, StoppedError, run, seconds_between
from local.sagemaker.listing import Listing
from local.sagemaker.parts import Operations, Parts, Request, invalid, milliseconds, with_times
from local.sagemaker.training_files import TrainingFiles

_PROVISIONING = 30.0
_LOG_GROUP = "/aws/sagemaker/TrainingJobs"
_FINAL = frozenset({"Completed", "Failed", "Stopped"})
_UNTOLD = frozenset({"FinalMetricDataList", "ModelArtifacts", "BillableTimeInSeconds"})
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
    ),
    status_key="TrainingJobStatus",
)


class TrainingJobs:
    """Jobs that make a model."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._files = TrainingFiles(parts)
        self._book = JobBook("Training")
        self.operations: Operations = {
            "CreateTrainingJob": self._create,
            "DescribeTrainingJob": lambda r: self._book.find(r["TrainingJobName"]).described(),
            "ListTrainingJobs": self._list,
            "StopTrainingJob": self._stop,
        }

    def stop(self) -> None:
        """No job's process is left when this returns."""
        self._book.kill()

    def _create(self, request: Request) -> Request:
        parts, name = self._parts, request["TrainingJobName"]
        algorithm = request["AlgorithmSpecification"]
        if "TrainingImage" not in algorithm:
            raise invalid("AlgorithmSpecification needs a TrainingImage here.")
        metrics = FinalMetrics(algorithm.get("MetricDefinitions", []))
        arn = parts.account.arn("sagemaker", f"training-job/{name}")
        now = parts.now()
        told = {k: v for k, v in request.items() if k != "Tags"} | {
            "TrainingJobArn": arn,
            "TrainingJobStatus": "InProgress",
            "SecondaryStatus": "Starting",
            "CreationTime": now,
            "LastModifiedTime": now,
            "SecondaryStatusTransitions": [],
        }
        base = parts.state / "jobs" / name / "opt" / "ml"
        job = Job(name, told, Container(base))
        self._book.add(job, arn)
        parts.tags.put(arn, request.get("Tags", []))
        self._move(job, "Starting", "Starting the training job")
        parts.pool.submit(self._run, job, metrics)
        return {"TrainingJobArn": arn}

    def _list(self, request: Request) -> Request:
        found, token = _LISTING.page(request, self._book.described())
        return {"TrainingJobSummaries": found, **token}

    def _stop(self, request: Request) -> Request:
        job = self._book.find(request["TrainingJobName"])
        with job.lock:
            status = job.told["TrainingJobStatus"]
            if status in _FINAL:
                raise invalid(
                    f"The request was rejected because the training job is in status {status}."
                )
            if status != "Stopping":
                job.stopping.set()
                job.told["TrainingJobStatus"] = "Stopping"
                self._move(job, "Stopping", "Stopping the training job")
        return {}

    def _run(self, job: Job, metrics: FinalMetrics) -> None:
        try:
            ending = self._train(job, metrics)
        except (FilesError, ImageError) as error:
            ending = Ending("Failed", str(error))
        except Exception as error:  # noqa: BLE001  # what breaks here is AWS's own fault
            ending = Ending("Failed", f"InternalServerError: {type(error).__name__}: {error}")
        self._end(job, ending, metrics)

    def _train(self, job: Job, metrics: FinalMetrics) -> Ending:
        """The whole job, its uploads included: whatever fails here is how it ends."""
        try:
            ending = self._trained(job, metrics)
            if ending.status == "Completed":
                self._advance(job, "Uploading", "Uploading generated training model")
        except StoppedError:
            ending = Ending("Stopped")
        except TimeoutError:
            ending = Ending("Stopped", secondary="MaxRuntimeExceeded")
        checkpoints = self._files.checkpoints(job)
        if checkpoints is not None:
            checkpoints.send()
        if ending.status != "Failed":
            self._files.send(job)
        return ending

    def _trained(self, job: Job, metrics: FinalMetrics) -> Ending:
        parts = self._parts
        job.provision(parts.clock.scaled(_PROVISIONING))
        self._advance(job, "Downloading", "Downloading input data")
        self._files.fetch(job)
        job.update(TrainingStartTime=parts.now())
        self._advance(job, "Training", "Training image download completed. Training in progress.")

        def heard(line: str) -> None:
            metrics.hear(line, parts.now())
            job.update(FinalMetricDataList=metrics.told())

        checkpoints = self._files.checkpoints(job)
        status = run(
            parts,
            job,
            self._files.command(job),
            environment=self._files.environment(job),
            group=_LOG_GROUP,
            limit=job.told["StoppingCondition"].get("MaxRuntimeInSeconds", 86400),
            heard=heard,
            meanwhile=checkpoints.keep_up if checkpoints is not None else lambda: None,
        )
        if status == 0:
            return Ending("Completed")
        said = job.container.read("/opt/ml/output/failure")
        return Ending("Failed", f"AlgorithmError: {said or 'no failure file'}, exit code: {status}")

    def _advance(self, job: Job, secondary: str, message: str) -> None:
        """Enter the next phase; StoppedError when nothing but the end may come any more."""
        with job.lock:
            job.unless_stopped()
            self._move(job, secondary, message)

    def _end(self, job: Job, ending: Ending, metrics: FinalMetrics) -> None:
        """A job that was told to stop in time is never Completed."""
        now = self._parts.now()
        with job.lock:
            stopped = ending.status == "Completed" and job.stopping.is_set()
            status = "Stopped" if stopped else ending.status
            billed = seconds_between(job.told.get("TrainingStartTime"), now)
            job.told |= {
                "TrainingJobStatus": status,
                "TrainingEndTime": now,
                "TrainingTimeInSeconds": billed,
                "BillableTimeInSeconds": billed,
                "FinalMetricDataList": metrics.told(),
            }
            if ending.reason:
                job.told["FailureReason"] = ending.reason[:1024]
            self._move(job, ending.secondary or status, ending.reason[:1024])

    def _move(self, job: Job, secondary: str, message: str) -> None:
        """Enter a secondary status and tell the world, in this order for everybody."""
        now = self._parts.now()
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
            self._tell(job)

    def _tell(self, job: Job) -> None:
        arn = job.told["TrainingJobArn"]
        told = {k: v for k, v in job.told.items() if k not in _UNTOLD}
        detail = {"VpcConfig": {}, "HyperParameters": {}, "InputDataConfig": [], **told}
        self._parts.tell(
            "SageMaker Training Job State Change",
            arn,
            with_times(detail, lambda moment: str(milliseconds(moment)))
            | {"Tags": self._parts.tags.of(arn)},
        )
