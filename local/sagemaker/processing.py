"""Processing jobs: inputs down to their local paths, one real process, outputs up."""

from local.images import ImageError
from local.sagemaker.container import Container
from local.sagemaker.files import FilesError, S3Files
from local.sagemaker.job import Job, JobBook, StoppedError, run
from local.sagemaker.parts import Operations, Parts, Request, invalid, milliseconds

_PROVISIONING = 30.0
_LOG_GROUP = "/aws/sagemaker/ProcessingJobs"
_FINAL = frozenset({"Completed", "Failed", "Stopped"})


class ProcessingJobs:
    """Jobs that read S3 and write S3."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._files = S3Files(parts.account.client("s3"))
        self._book = JobBook("Processing", "ProcessingJobStatus", "ProcessingJobName")
        self.operations: Operations = {
            "CreateProcessingJob": self._create,
            "DescribeProcessingJob": lambda r: self._book.find(r["ProcessingJobName"]).described(),
            "ListProcessingJobs": self._list,
            "StopProcessingJob": self._stop,
        }

    def stop(self) -> None:
        for job in self._book.all():
            job.stopping.set()

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
        self._tell(job)
        parts.pool.submit(self._run, job)
        return {"ProcessingJobArn": arn}

    def _list(self, request: Request) -> Request:
        told, token = self._book.listed(request)
        keys = (
            "ProcessingJobName",
            "ProcessingJobArn",
            "CreationTime",
            "ProcessingEndTime",
            "LastModifiedTime",
            "ProcessingJobStatus",
            "FailureReason",
            "ExitMessage",
        )
        return {
            "ProcessingJobSummaries": [{k: t[k] for k in keys if k in t} for t in told],
            **token,
        }

    def _stop(self, request: Request) -> Request:
        job = self._book.find(request["ProcessingJobName"])
        with job.lock:
            if job.told["ProcessingJobStatus"] in _FINAL:
                raise invalid(
                    "The request was rejected because the processing job is in status"
                    f" {job.told['ProcessingJobStatus']}."
                )
            job.told["ProcessingJobStatus"] = "Stopping"
        job.stopping.set()
        return {}

    def _run(self, job: Job) -> None:
        try:
            status = self._process(job)
        except StoppedError:
            self._end(job, "Stopped")
        except TimeoutError:
            job.update(ExitMessage="The job exceeded its MaxRuntimeInSeconds")
            self._end(job, "Stopped")
        except (FilesError, ImageError) as error:
            self._fail(job, str(error))
        except Exception as error:  # noqa: BLE001  # what breaks here is AWS's own fault
            self._fail(job, f"InternalServerError: {type(error).__name__}: {error}")
        else:
            said = job.container.read("/opt/ml/output/message")
            if said:
                job.update(ExitMessage=said)
            if status == 0:
                self._end(job, "Completed")
            else:
                self._fail(job, f"AlgorithmError: {said or 'no message'}, exit code: {status}")

    def _process(self, job: Job) -> int:
        parts, container, told = self._parts, job.container, job.told
        parts.provision(_PROVISIONING)
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

    def _fail(self, job: Job, reason: str) -> None:
        job.update(FailureReason=reason[:1024])
        self._end(job, "Failed")

    def _end(self, job: Job, status: str) -> None:
        now = self._parts.now()
        job.update(ProcessingJobStatus=status, ProcessingEndTime=now, LastModifiedTime=now)
        self._tell(job)

    def _tell(self, job: Job) -> None:
        told = job.described()
        self._parts.tell(
            "SageMaker Processing Job State Change", told["ProcessingJobArn"], milliseconds(told)
        )
