"""Transform jobs: a model's container answers what lies in S3, object by object."""

from local.sagemaker.job import FINAL, JobBook, in_background, started
from local.sagemaker.listing import Listing
from local.sagemaker.models import Models
from local.sagemaker.parts import Operations, Parts, Request, invalid, refuse
from local.sagemaker.transform_records import Records
from local.sagemaker.transform_run import TransformRun, tell

_MOST_IN_FLIGHT = 100
_LISTING = Listing(
    "TransformJobName",
    (
        "TransformJobName",
        "TransformJobArn",
        "CreationTime",
        "TransformEndTime",
        "LastModifiedTime",
        "TransformJobStatus",
        "FailureReason",
    ),
    status_key="TransformJobStatus",
)


class TransformJobs:
    """Jobs that let a model answer."""

    def __init__(self, parts: Parts, models: Models) -> None:
        self._parts = parts
        self._models = models
        self._book = JobBook(parts, "transform", "Transform job")
        self.operations: Operations = {
            "CreateTransformJob": self._create,
            "DescribeTransformJob": lambda r: self._book.find(r["TransformJobName"]).described(),
            "ListTransformJobs": self._list,
            "StopTransformJob": self._stop,
        }

    def start(self) -> None:
        """Begin anew what was in progress when the process ended."""
        for job in self._book.all():
            if job.told["TransformJobStatus"] not in FINAL:
                if job.told["TransformJobStatus"] == "Stopping":
                    job.stopping.set()
                in_background(job, TransformRun(self._parts, job))

    def stop(self) -> None:
        """No job's process is left when this returns."""
        self._book.close()

    def strike(self, name: str) -> bool:
        """Kill a job's process, as if its memory had run out; whether there was one."""
        job = self._book.get(name)
        return job is not None and job.strike()

    def _create(self, request: Request) -> Request:
        _check(request)
        model = self._models.container(request["ModelName"])
        parts, name = self._parts, request["TransformJobName"]
        arn = parts.account.arn("sagemaker", f"transform-job/{name}")
        told = started(request, parts.now(), TransformJobArn=arn, TransformJobStatus="InProgress")
        job = self._book.add(name, told, arn, model=model)
        parts.tags.put(arn, request.get("Tags", []))
        tell(parts, job)
        in_background(job, TransformRun(parts, job))
        return {"TransformJobArn": arn}

    def _list(self, request: Request) -> Request:
        found, token = _LISTING.page(request, self._book.described())
        return {"TransformJobSummaries": found, **token}

    def _stop(self, request: Request) -> Request:
        job = self._book.find(request["TransformJobName"])
        with job.lock:
            status = job.told["TransformJobStatus"]
            if status in FINAL:
                raise invalid(
                    f"The request was rejected because the transform job is in status {status}."
                )
            if status != "Stopping":
                job.stopping.set()
                job.told |= {
                    "TransformJobStatus": "Stopping",
                    "LastModifiedTime": self._parts.now(),
                }
                job.keep()
                tell(self._parts, job)
        return {}


def _check(request: Request) -> None:
    """Raise SageMaker's error for what does not fit together, or is not part of this AWS."""
    refuse(request, "DataCaptureConfig")
    source = request["TransformInput"]
    kind = source["DataSource"]["S3DataSource"]["S3DataType"]
    if kind not in {"S3Prefix", "ManifestFile"}:
        raise invalid(f"S3DataType {kind}: not emulated yet.")
    split = source.get("SplitType", "None")
    if split not in {"None", "Line"}:
        raise invalid(f"SplitType {split}: not emulated yet.")
    if source.get("CompressionType", "None") != "None":
        raise invalid("CompressionType Gzip: not emulated yet.")
    at_once, largest = request.get("MaxConcurrentTransforms", 1), request.get("MaxPayloadInMB", 6)
    if at_once * largest > _MOST_IN_FLIGHT:
        raise invalid("MaxConcurrentTransforms * MaxPayloadInMB must not exceed 100 MB.")
    if split == "None" and request.get("BatchStrategy") == "SingleRecord":
        raise invalid("BatchStrategy SingleRecord needs a SplitType other than None.")
    Records(request)
