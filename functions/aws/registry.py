"""The SageMaker model registry; gate_model is its one writer, roll_back may only reject."""

import re
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from functions.aws.refusals import NOT_DONE, Refusal, RefusedError, message, refusal
from functions.names import Names, client_token
from functions.registry import Approval, Candidate, Version

if TYPE_CHECKING:
    from types_boto3_sagemaker.client import SageMakerClient
    from types_boto3_sagemaker.type_defs import DescribeModelPackageOutputTypeDef

_MOST_PROPERTIES = 50
_LONGEST_VALUE = 256
_COMPARISON = ("difference", "low", "margin")
_OF_ONE_CLASS = re.compile(r"_\d+$")
_METRIC = re.compile(r"[\w .:/=+\-@]{1,100}")
_LONGEST_REASON = 1024
_NEWEST = 20


class Registry:
    """Versions by model and number."""

    def __init__(self, client: "SageMakerClient", names: Names) -> None:
        self._client = client
        self._names = names

    def register(self, candidate: Candidate) -> int:
        """The candidate's version number; registering it again is the same version.

        Raises RefusedError when SageMaker will never take it.
        """
        found = self.by_run(candidate.model, candidate.run, artifact=candidate.artifact)
        if found is not None:
            return found.version
        try:
            return self._create(candidate)
        except NOT_DONE as error:
            if refusal(error) is not Refusal.INVALID:
                raise
            raise RefusedError(f"version of run {candidate.run}: {message(error)}") from error

    def _create(self, candidate: Candidate) -> int:
        made = self._client.create_model_package(
            ModelPackageGroupName=self._names.package_group(candidate.model),
            ClientToken=client_token("package", candidate.run, candidate.artifact),
            ModelPackageDescription=_one_line(candidate.reason),
            ModelApprovalStatus=candidate.approval.value,
            InferenceSpecification={
                "Containers": [{"Image": candidate.image, "ModelDataUrl": candidate.artifact}],
                "SupportedContentTypes": ["application/json"],
                "SupportedResponseMIMETypes": ["application/json"],
            },
            ModelMetrics={
                "ModelQuality": {
                    "Statistics": {
                        "ContentType": "application/json",
                        "S3Uri": candidate.evaluation_uri,
                    }
                }
            },
            CustomerMetadataProperties=_metadata(candidate),
        )
        return int(made["ModelPackageArn"].rsplit("/", 1)[1])

    def find(self, model: str, version: int) -> Version | None:
        """A version, or None when there is none or it is not one of ours."""
        return self._read(self._arn(model, version))

    def by_run(self, model: str, run: str, *, artifact: str) -> Version | None:
        """The version of what a run made, if it is among the newest; None otherwise.

        A run that was trained once more made another artifact: that is another version.
        """
        newest = self.newest(model, limit=_NEWEST)
        return next((v for v in newest if (v.run, v.artifact) == (run, artifact)), None)

    def newest(self, model: str, *, limit: int) -> tuple[Version, ...]:
        """At most `limit` (up to 100) versions of ours, newest first."""
        listed = self._client.list_model_packages(
            ModelPackageGroupName=self._names.package_group(model),
            SortBy="CreationTime",
            SortOrder="Descending",
            MaxResults=limit,
        )
        arns = (s["ModelPackageArn"] for s in listed["ModelPackageSummaryList"])
        return tuple(v for v in map(self._read, arns) if v is not None)

    def decide(self, model: str, version: int, *, approval: Approval, reason: str) -> None:
        """Set a version's approval and say why; the same again, or one deleted, is left alone.

        One that is not shown may be new: only what refuses the word itself is not there.
        """
        arn = self._arn(model, version)
        seen = self._read(arn)
        said = _one_line(reason)
        if seen is not None and (seen.approval, seen.comment) == (approval, said):
            return
        try:
            self._client.update_model_package(
                ModelPackageArn=arn,
                ModelApprovalStatus=approval.value,
                ApprovalDescription=said,
            )
        except ClientError as error:
            if refusal(error) is not Refusal.NOT_THERE:
                raise

    def _arn(self, model: str, version: int) -> str:
        group = self._client.describe_model_package_group(
            ModelPackageGroupName=self._names.package_group(model)
        )["ModelPackageGroupArn"]
        return f"{group.replace(':model-package-group/', ':model-package/')}/{version}"

    def _read(self, arn: str) -> Version | None:
        try:
            seen = self._client.describe_model_package(ModelPackageName=arn)
        except ClientError as error:
            if refusal(error) is Refusal.NOT_THERE:
                return None
            raise
        return _version(seen, self._names)


def _one_line(text: str) -> str:
    """A text as descriptions take it: one line of printable characters, not too long."""
    line = " ".join(text.split())
    return "".join(c for c in line if c.isprintable())[:_LONGEST_REASON]


def _metadata(candidate: Candidate) -> dict[str, str]:
    """What the registry says of a version: what it was made of, and the numbers that judged it.

    SageMaker keeps 50 properties. Numbers of single classes (`recall_17`) stay in the evaluation
    report, and so does whatever has a name SageMaker does not take or comes after the fiftieth,
    by name; the comparison with the champion is named first.
    """
    said = {
        "sluice:run": candidate.run,
        "sluice:dataset": candidate.dataset,
        "sluice:code": candidate.code,
        "sluice:model": candidate.model_digest,
    }
    telling = sorted(candidate.numbers, key=lambda name: (name not in _COMPARISON, name))
    room = _MOST_PROPERTIES - len(said)
    numbers = {
        f"metric:{name}": f"{candidate.numbers[name]:.6g}"
        for name in [n for n in telling if _told(n)][:room]
    }
    return {key: value[:_LONGEST_VALUE] for key, value in (said | numbers).items()}


def _told(metric: str) -> bool:
    of_one_class = _OF_ONE_CLASS.search(metric) is not None
    return not of_one_class and _METRIC.fullmatch(metric) is not None


def _version(seen: "DescribeModelPackageOutputTypeDef", names: Names) -> Version | None:
    said = seen.get("CustomerMetadataProperties", {})
    model = names.model_of(seen.get("ModelPackageGroupName", ""))
    if model is None or "sluice:run" not in said:
        return None
    container = seen["InferenceSpecification"]["Containers"][0]
    return Version(
        model=model,
        version=seen["ModelPackageVersion"],
        approval=Approval(seen["ModelApprovalStatus"]),
        run=said["sluice:run"],
        dataset=said["sluice:dataset"],
        model_digest=said["sluice:model"],
        artifact=container["ModelDataUrl"],
        description=seen.get("ModelPackageDescription", ""),
        marketplace="ProductId" in container,
        comment=seen.get("ApprovalDescription", ""),
    )
