"""Processing jobs: inputs down to their local paths, real processes, outputs up."""

from local.errors import AwsError
from local.sagemaker.job import FINAL, JobBook, in_background, started
from local.sagemaker.listing import Listing
from local.sagemaker.parts import Operations, Parts, Request, invalid, refuse
from local.sagemaker.processing_run import ProcessingRun, tell

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
        self._book = JobBook(parts, "processing", "Processing job")
        self.operations: Operations = {
            "CreateProcessingJob": self._create,
            "DescribeProcessingJob": lambda r: self._book.find(r["ProcessingJobName"]).described(),
            "ListProcessingJobs": self._list,
            "StopProcessingJob": self._stop,
            "DeleteProcessingJob": self._delete,
        }

    def start(self) -> None:
        """Begin anew what was in progress when the process ended."""
        for job in self._book.all():
            if job.told["ProcessingJobStatus"] not in FINAL:
                if job.told["ProcessingJobStatus"] == "Stopping":
                    job.stopping.set()
                in_background(job, ProcessingRun(self._parts, job))

    def stop(self) -> None:
        """No job's process is left when this returns."""
        self._book.close()

    def strike(self, name: str) -> bool:
        """Kill a job's processes, as if their memory had run out; whether there were any."""
        job = self._book.get(name)
        return job is not None and job.strike()

    def _create(self, request: Request) -> Request:
        _check(request)
        parts, name = self._parts, request["ProcessingJobName"]
        arn = parts.account.arn("sagemaker", f"processing-job/{name}")
        told = started(request, parts.now(), ProcessingJobArn=arn, ProcessingJobStatus="InProgress")
        job = self._book.add(name, told, arn)
        parts.tags.put(arn, request.get("Tags", []))
        tell(parts, job)
        in_background(job, ProcessingRun(parts, job))
        return {"ProcessingJobArn": arn}

    def _list(self, request: Request) -> Request:
        found, token = _LISTING.page(request, self._book.described())
        return {"ProcessingJobSummaries": found, **token}

    def _stop(self, request: Request) -> Request:
        job = self._book.find(request["ProcessingJobName"])
        with job.lock:
            status = job.told["ProcessingJobStatus"]
            if status in FINAL:
                raise invalid(
                    f"The request was rejected because the processing job is in status {status}."
                )
            if status != "Stopping":
                job.stopping.set()
                job.told |= {
                    "ProcessingJobStatus": "Stopping",
                    "LastModifiedTime": self._parts.now(),
                }
                job.keep()
                tell(self._parts, job)
        return {}

    def _delete(self, request: Request) -> Request:
        job = self._book.find(request["ProcessingJobName"])
        status = job.described()["ProcessingJobStatus"]
        if status not in FINAL:
            raise AwsError(
                "ResourceInUse",
                f"Processing job {job.name} cannot be deleted while it is in status {status}.",
            )
        self._book.remove(job)
        return {}


def _check(request: Request) -> None:
    """Raise SageMaker's error for what does not fit together, or is not part of this AWS."""
    for each in request.get("ProcessingInputs", []):
        refuse(each, "DatasetDefinition", "AppManaged")
        source = each.get("S3Input")
        if source is None:
            raise invalid(f"ProcessingInput {each['InputName']} needs an S3Input here.")
        if source.get("S3InputMode") == "Pipe":
            raise invalid("S3InputMode Pipe: not emulated yet.")
        if source.get("S3CompressionType") == "Gzip":
            raise invalid("S3CompressionType Gzip is only supported with S3InputMode Pipe.")
    for each in request.get("ProcessingOutputConfig", {}).get("Outputs", []):
        refuse(each, "FeatureStoreOutput", "AppManaged")
        if "LocalPath" not in each.get("S3Output", {}):
            raise invalid(f"ProcessingOutput {each['OutputName']} needs an S3Output LocalPath.")
    _check_names(request)


def _check_names(request: Request) -> None:
    inputs = [each["InputName"] for each in request.get("ProcessingInputs", [])]
    outputs = request.get("ProcessingOutputConfig", {}).get("Outputs", [])
    for names in (inputs, [each["OutputName"] for each in outputs]):
        if len(set(names)) < len(names):
            raise invalid("Names of processing inputs and outputs must be unique.")
