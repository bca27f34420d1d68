"""Processing jobs: inputs down to their local paths, one real process, outputs up."""

from local.images import ImageError
from local.sagemaker.container import Container
from local.sagemaker.files import FilesError, S3Files
from local.sagemaker.job import Ending, Job, JobBook, StoppedError, run
from local.sagemaker.listing import Listing
from local.sagemaker.parts import Operations, Parts, Request, invalid, milliseconds, with_times

_PROVISIONING = 30.0
_LOG_GROUP = "/aws/sagemaker/ProcessingJobs"
_FINAL = frozenset({"Completed", "Failed", "Stopped"})
_LISTING = Listing(
    "ProcessingJobName",
    (
        "ProcessingJobName",
        "ProcessingJobArn",
        "CreationTime",
        "ProcessingEndTime",
        "LastModifiedTime",
        "ProcessingJobStatus",
        "FailureReason",
        "ExitMessage",
    ),
    status_key="ProcessingJobStatus",
)


class ProcessingJobs:
    """Jobs that read S3 and write S3."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._files = S3Files(parts.account.client("s3"))
        self._book = JobBook("Processing")
        self.operations: Operations = {
            "CreateProcessingJob": self._create,
            "DescribeProcessingJob": lambda r: self._book.find(r["ProcessingJobName"]).described(),
            "ListProcessingJobs": self._list,
            "StopProcessingJob": self._stop,
        }

    def stop(self) -> None:
        """No job's process is left when this returns."""
        self._book.kill()

    def _create(self, request: Request) -> Request:
        parts, name = self._parts, request["ProcessingJobName"]
        arn = parts.account.arn("sagemaker", f"processing-job/{name}")
        now = parts.now()
        told = {k: v for k, v in request.items() if k != "Tags"} | {
            "ProcessingJobArn": arn,
            "ProcessingJobStatus": "InProgress",
            "CreationTime": now,
            "LastModifiedTime": now,
        }
        base = parts.state / "jobs" / name / "opt" / "ml"
        job = Job(name, told, Container(base))
        self._book.add(job, arn)
        parts.tags.put(arn, request.get("Tags", []))
        self._tell(job)
        parts.pool.submit(self._run, job)
        return {"ProcessingJobArn": arn}

    def _list(self, request: Request) -> Request:
        found, token = _LISTING.page(request, self._book.described())
        return {"ProcessingJobSummaries": found, **token}

    def _stop(self, request: Request) -> Request:
        job = self._book.find(request["ProcessingJobName"])
        with job.lock:
            status = job.told["ProcessingJobStatus"]
            if status in _FINAL:
                raise invalid(
                    f"The request was rejected because the processing job is in status {status}."
                )
            if status != "Stopping":
                job.stopping.set()
                job.told |= {
                    "ProcessingJobStatus": "Stopping",
                    "LastModifiedTime": self._parts.now(),
                }
                self._tell(job)
        return {}

    def _run(self, job: Job) -> None:
        try:
            ending = self._ended(job, self._process(job))
        except StoppedError:
            ending = Ending("Stopped")
        except TimeoutError:
            job.update(ExitMessage="The job exceeded its MaxRuntimeInSeconds")
            ending = Ending("Stopped")
        except (FilesError, ImageError) as error:
            ending = Ending("Failed", str(error))
        except Exception as error:  # noqa: BLE001  # what breaks here is AWS's own fault
            ending = Ending("Failed", f"InternalServerError: {type(error).__name__}: {error}")
        self._end(job, ending)

    def _ended(self, job: Job, status: int) -> Ending:
        said = job.container.read("/opt/ml/output/message")
        if said:
            job.update(ExitMessage=said)
        if status == 0:
            return Ending("Completed")
        return Ending("Failed", f"AlgorithmError: {said or 'no message'}, exit code: {status}")

    def _process(self, job: Job) -> int:
        parts, container, told = self._parts, job.container, job.told
        job.provision(parts.clock.scaled(_PROVISIONING))
        for each in told.get("ProcessingInputs", []):
            source = each["S3Input"]
            manifest = source.get("S3DataType") == "ManifestFile"
            self._files.fetch(
                source["S3Uri"], container.folder(source["LocalPath"]), manifest=manifest
            )
        outputs = told.get("ProcessingOutputConfig", {}).get("Outputs", [])
        for each in outputs:
            container.folder(each["S3Output"]["LocalPath"])
        container.folder("/opt/ml/output")
        job.update(ProcessingStartTime=parts.now())
        status = run(
            parts,
            job,
            self._command(job),
            environment=self._environment(job),
            group=_LOG_GROUP,
            limit=told.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", 86400),
        )
        for each in outputs:
            target = each["S3Output"]
            self._files.send(container.path(target["LocalPath"]), target["S3Uri"])
        return status

    def _command(self, job: Job) -> list[str]:
        spec = job.told["AppSpecification"]
        words = self._parts.images.command(
            spec["ImageUri"],
            entrypoint=spec.get("ContainerEntrypoint", []),
            arguments=spec.get("ContainerArguments", []),
        )
        return job.container.words(words)

    def _environment(self, job: Job) -> dict[str, str]:
        told = job.told
        isolated = bool(told.get("NetworkConfig", {}).get("EnableNetworkIsolation"))
        own = {"PROCESSING_JOB_NAME": job.name, **told.get("Environment", {})}
        return self._parts.environment(isolated=isolated) | job.container.environment(own)

    def _end(self, job: Job, ending: Ending) -> None:
        """A job that was told to stop in time is never Completed."""
        now = self._parts.now()
        with job.lock:
            stopped = ending.status == "Completed" and job.stopping.is_set()
            job.told |= {
                "ProcessingJobStatus": "Stopped" if stopped else ending.status,
                "ProcessingEndTime": now,
                "LastModifiedTime": now,
            }
            if ending.reason:
                job.told["FailureReason"] = ending.reason[:1024]
            self._tell(job)

    def _tell(self, job: Job) -> None:
        told = {"ExperimentConfig": {}, **job.described()}
        self._parts.tell(
            "SageMaker Processing Job State Change",
            told["ProcessingJobArn"],
            with_times(told, milliseconds),
        )
