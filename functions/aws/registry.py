"""The SageMaker model registry; gate_model is its one writer, roll_back may only reject."""

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from functions.aws.refusals import Refusal, refusal
from functions.names import Names, client_token
from functions.registry import Approval, Candidate, Version

if TYPE_CHECKING:
    from types_boto3_sagemaker.client import SageMakerClient
    from types_boto3_sagemaker.type_defs import DescribeModelPackageOutputTypeDef

_LONGEST_VALUE = 256
_LONGEST_REASON = 1024
_NEWEST = 20


class Registry:
    """Versions by model and number."""

    def __init__(self, client: "SageMakerClient", names: Names) -> None:
        self._client = client
        self._names = names

    def register(self, candidate: Candidate) -> int:
        """The candidate's version number; registering it again is the same version."""
        group = self._names.package_group(candidate.model)
        found = self.by_run(candidate.model, candidate.run)
        if found is not None:
            return found.version
        made = self._client.create_model_package(
            ModelPackageGroupName=group,
            ClientToken=client_token("package", candidate.run),
            ModelPackageDescription=candidate.reason[:_LONGEST_REASON],
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

    def by_run(self, model: str, run: str) -> Version | None:
        """The version a run made, if it is among the newest; None otherwise."""
        return next((v for v in self.newest(model, limit=_NEWEST) if v.run == run), None)

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
        """Set a version's approval and say why; the same again, or one deleted, is left alone."""
        arn = self._arn(model, version)
        seen = self._read(arn)
        if seen is None:
            return
        if seen.approval is approval and seen.description == reason[:_LONGEST_REASON]:
            return
        self._client.update_model_package(
            ModelPackageArn=arn,
            ModelApprovalStatus=approval.value,
            ApprovalDescription=reason[:_LONGEST_REASON],
        )

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


def _metadata(candidate: Candidate) -> dict[str, str]:
    said = {
        "sluice:run": candidate.run,
        "sluice:dataset": candidate.dataset,
        "sluice:code": candidate.code,
        "sluice:model": candidate.model_digest,
    }
    numbers = {f"metric:{name}": f"{value:.6g}" for name, value in candidate.numbers.items()}
    return {key: value[:_LONGEST_VALUE] for key, value in (said | numbers).items()}


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
        description=seen.get("ApprovalDescription") or seen.get("ModelPackageDescription", ""),
    )
