"""SageMaker's model registry, as far as versions are made, read and decided on."""

from collections.abc import Callable
from dataclasses import replace

from functions.names import Names
from functions.registry import Approval, Version
from tests.fakes.account.messages import Answer, Asked, Body, invalid, said
from tests.fakes.account.recent import Recent
from tests.fakes.registry import FakeRegistry

_PACKAGE = "arn:aws:sagemaker:us-east-1:123456789012:model-package"


class Registry:
    """Calls on the versions of `kept`."""

    def __init__(self, kept: FakeRegistry, names: Names, recent: Recent) -> None:
        self.tokens: dict[str, str] = {}
        """The version that a client token has made."""
        self.packages: dict[tuple[str, int], Body] = {}
        """What each version was made of."""
        self._kept = kept
        self._names = names
        self._recent = recent
        self.operations: dict[str, Callable[[Asked], Answer]] = {
            "CreateModelPackage": self._create_model_package,
            "DescribeModelPackage": self._describe_model_package,
            "DescribeModelPackageGroup": self._describe_model_package_group,
            "ListModelPackages": self._list_model_packages,
            "UpdateModelPackage": self._update_model_package,
        }

    def _create_model_package(self, asked: Asked) -> Answer:
        body = asked.body
        token = body["ClientToken"]
        if token not in self.tokens:
            self.tokens[token] = self._create(body)
        return said({"ModelPackageArn": self.tokens[token]})

    def _create(self, body: Body) -> str:
        model = self._names.model_of(body["ModelPackageGroupName"]) or ""
        number = self._kept.numbers[model] = 1 + self._kept.numbers.get(model, 0)
        made = body["CustomerMetadataProperties"]
        (container,) = body["InferenceSpecification"]["Containers"]
        self._recent.changes((model, number), None)
        self.packages[(model, number)] = body
        self._kept._keep(
            Version(
                model=model,
                version=number,
                approval=Approval(body["ModelApprovalStatus"]),
                run=made["sluice:run"],
                dataset=made["sluice:dataset"],
                model_digest=made["sluice:model"],
                artifact=container["ModelDataUrl"],
                description=body["ModelPackageDescription"],
            )
        )
        return f"{_PACKAGE}/{body['ModelPackageGroupName']}/{number}"

    def _describe_model_package_group(self, asked: Asked) -> Answer:
        name = asked.body["ModelPackageGroupName"]
        arn = f"{_PACKAGE}-group/{name}"
        return said({"ModelPackageGroupName": name, "ModelPackageGroupArn": arn})

    def _describe_model_package(self, asked: Asked) -> Answer:
        seen = self._found(asked.body["ModelPackageName"])
        if seen is None:
            raise invalid(f"ModelPackage {asked.body['ModelPackageName']} does not exist.")
        made = self.packages[(seen.model, seen.version)]
        comment = {"ApprovalDescription": seen.comment} if seen.comment else {}
        return said(
            {
                "ModelPackageGroupName": self._names.package_group(seen.model),
                "ModelPackageVersion": seen.version,
                "ModelPackageArn": asked.body["ModelPackageName"],
                "ModelPackageStatus": "Completed",
                "ModelApprovalStatus": seen.approval.value,
                "ModelPackageDescription": made["ModelPackageDescription"],
                "InferenceSpecification": made["InferenceSpecification"],
                "CustomerMetadataProperties": made["CustomerMetadataProperties"],
                **comment,
            }
        )

    def _list_model_packages(self, asked: Asked) -> Answer:
        group = asked.body["ModelPackageGroupName"]
        model = self._names.model_of(group)
        numbers = sorted((n for m, n in self._kept.versions if m == model), reverse=True)
        arns = [f"{_PACKAGE}/{group}/{number}" for number in numbers]
        found = [{"ModelPackageArn": arn} for arn in arns if self._found(arn)]
        return said({"ModelPackageSummaryList": found[: asked.body["MaxResults"]]})

    def _update_model_package(self, asked: Asked) -> Answer:
        body = asked.body
        key = self._key(body["ModelPackageArn"])
        seen = self._kept.versions.get(key)
        if seen is None:
            raise invalid(f"ModelPackage {body['ModelPackageArn']} does not exist.")
        approval = Approval(body["ModelApprovalStatus"])
        decided = replace(seen, approval=approval, comment=body["ApprovalDescription"])
        self._recent.changes(key, seen)
        changed = ["ModelApprovalStatus"] if seen.approval is not approval else []
        updated = [*changed, "ApprovalDescription"]
        self._kept._keep(decided, updated=updated)
        return said({"ModelPackageArn": body["ModelPackageArn"]})

    def _found(self, arn: str) -> Version | None:
        key = self._key(arn)
        return self._recent.seen(key, self._kept.versions.get(key))

    def _key(self, arn: str) -> tuple[str, int]:
        _, group, number = arn.rsplit("/", 2)
        return self._names.model_of(group) or "", int(number)
