"""The model registry: packages in groups or by name, approvals, and an event for every change."""

from collections.abc import Callable
from datetime import UTC, datetime

from local.sagemaker.card_content import check_content
from local.sagemaker.listing import Listing
from local.sagemaker.package_changes import changed, check_specifications, told
from local.sagemaker.package_groups import PackageGroups
from local.sagemaker.parts import Operations, Parts, Request, invalid, refuse, with_times
from local.store import Kept

_EVENT = "SageMaker Model Package State Change"
_NOT_KEPT = frozenset({"ClientToken", "Tags", "ModelPackageGroupName"})
_LISTED = (
    "ModelPackageName",
    "ModelPackageGroupName",
    "ModelPackageVersion",
    "ModelPackageArn",
    "ModelPackageDescription",
    "CreationTime",
    "ModelPackageStatus",
    "ModelApprovalStatus",
    "ModelLifeCycle",
    "ModelPackageRegistrationType",
)
_PACKAGES = Listing(
    "Name",
    _LISTED,
    also=frozenset({"ModelApprovalStatus", "ModelPackageGroupName", "ModelPackageType"}),
)
_SUMMARY = (
    "ModelPackageGroupName",
    "ModelPackageVersion",
    "ModelPackageArn",
    "ModelPackageDescription",
    "CreationTime",
    "InferenceSpecification",
    "ModelPackageStatus",
    "ModelApprovalStatus",
    "ModelPackageRegistrationType",
)
"""What a batch tells of each version."""


class Registry:
    """Packages by ARN: numbered versions of a group, and those with a name of their own."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._store = parts.account.store
        self._packages = Kept(self._store.shelf("model packages"))
        self._tokens = Kept(self._store.shelf("model package tokens"))
        self._groups = PackageGroups(parts, self._has_versions)
        self.operations: Operations = {
            **self._groups.operations,
            "CreateModelPackage": self._create,
            "DescribeModelPackage": lambda r: dict(self._find(r["ModelPackageName"])),
            "BatchDescribeModelPackage": self._batch_describe,
            "ListModelPackages": self._list,
            "UpdateModelPackage": self._update,
            "DeleteModelPackage": self._delete,
        }

    def image_and_data(self, package: str) -> tuple[str, str]:
        """What a model made from a package runs and loads."""
        found = self._find(package)
        if "InferenceSpecification" not in found:
            raise invalid(f"ModelPackage {package} has no inference specification.")
        container = found["InferenceSpecification"]["Containers"][0]
        return str(container.get("Image", "")), str(container.get("ModelDataUrl", ""))

    def _has_versions(self, group: str) -> bool:
        return any(p.get("ModelPackageGroupName") == group for p in self._packages.values())

    def _create(self, request: Request) -> Request:
        """A token that was seen before gives the package it has made."""
        refuse(request, "SourceAlgorithmSpecification")
        _check_whole(request)
        token = request.get("ClientToken")
        with self._store.together():
            if token is not None and token in self._tokens:
                return {"ModelPackageArn": self._tokens[token]}
            package = self._made(request)
            arn = package["ModelPackageArn"]
            self._packages[arn] = package
            self._parts.tags.put(arn, request.get("Tags", []))
            if token is not None:
                self._tokens[token] = arn
        self._tell(package)
        return {"ModelPackageArn": arn}

    def _made(self, request: Request) -> Request:
        now = self._parts.now()
        given = {k: v for k, v in request.items() if k not in _NOT_KEPT}
        return {
            "CertifyForMarketplace": False,
            **self._cloned(request.get("SourceUri", "")),
            **given,
            **self._named(request),
            "CreationTime": now,
            "LastModifiedTime": now,
            "ModelPackageStatus": "Completed",
            "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
        }

    def _cloned(self, source: str) -> Request:
        """How the package at this ARN is run, for a package that has it as its source."""
        package = self._packages.get(source, {})
        known = ("InferenceSpecification", "AdditionalInferenceSpecifications")
        return {name: package[name] for name in known if name in package}

    def _named(self, request: Request) -> Request:
        arn = self._parts.account.arn
        if "ModelPackageGroupName" not in request:
            name = request["ModelPackageName"]
            made = arn("sagemaker", f"model-package/{name}")
            if made in self._packages:
                raise invalid(f"Model Package already exists: {made}")
            return {"ModelPackageArn": made}
        group = self._groups.find(request["ModelPackageGroupName"])["ModelPackageGroupName"]
        version = self._groups.next_number(group)
        return {
            "ModelPackageGroupName": group,
            "ModelPackageVersion": version,
            "ModelPackageArn": arn("sagemaker", f"model-package/{group}/{version}"),
            "ModelApprovalStatus": request.get("ModelApprovalStatus", "PendingManualApproval"),
        }

    def _find(self, name: str) -> Request:
        """By ARN, by name, or as `group/version`."""
        arn = (
            name
            if name.startswith("arn:")
            else self._parts.account.arn("sagemaker", f"model-package/{name}")
        )
        with self._store.lock:
            package: Request | None = self._packages.get(arn)
        if package is None:
            raise invalid(f"ModelPackage {name} does not exist.")
        return package

    def _batch_describe(self, request: Request) -> Request:
        """Up to a hundred versions; those that are not there have an error each."""
        found: dict[str, Request] = {}
        errors: dict[str, Request] = {}
        for arn in request["ModelPackageArnList"]:
            package = self._packages.get(arn)
            if package is None:
                missing = f"ModelPackage {arn} does not exist."
                errors[arn] = {"ErrorCode": "ValidationException", "ErrorResponse": missing}
            else:
                found[arn] = {key: package[key] for key in _SUMMARY if key in package}
        answer: Request = {"ModelPackageSummaries": found}
        return answer | ({"BatchDescribeModelPackageErrorMap": errors} if errors else {})

    def _list(self, request: Request) -> Request:
        wanted = self._wanted(request)
        with self._store.lock:
            kept = [dict(p) for p in self._packages.values() if wanted(p)]
        for package in kept:
            package["Name"] = package.get("ModelPackageGroupName", package.get("ModelPackageName"))
        kept.sort(key=lambda p: (p["Name"], p.get("ModelPackageVersion", 0)))
        found, token = _PACKAGES.page(request, kept)
        return {"ModelPackageSummaryList": found, **token}

    def _wanted(self, request: Request) -> Callable[[Request], bool]:
        """A group's versions, or else packages of the type asked for: unversioned if of none."""
        approval = request.get("ModelApprovalStatus")
        kind = request.get("ModelPackageType", "Unversioned")
        group = None
        if "ModelPackageGroupName" in request:
            group = self._groups.find(request["ModelPackageGroupName"])["ModelPackageGroupName"]

        def wanted(package: Request) -> bool:
            versioned = "ModelPackageVersion" in package
            if group is not None:
                of_kind = package.get("ModelPackageGroupName") == group
            else:
                of_kind = kind in ("Both", "Versioned" if versioned else "Unversioned")
            return of_kind and approval in (None, package.get("ModelApprovalStatus"))

        return wanted

    def _update(self, request: Request) -> Request:
        arn = request["ModelPackageArn"]
        token = request.get("ClientToken")
        with self._store.together():
            before = self._find(arn)
            if "ModelPackageVersion" not in before:
                raise invalid(f"ModelPackage {arn} is not versioned: it cannot be updated.")
            if token is not None and f"update {token}" in self._tokens:
                return {"ModelPackageArn": arn}
            changes = changed(before, request)
            package = before | changes | {"LastModifiedTime": self._parts.now()}
            self._packages[arn] = package
            if token is not None:
                self._tokens[f"update {token}"] = arn
        self._tell(package, told(changes))
        return {"ModelPackageArn": arn}

    def _delete(self, request: Request) -> Request:
        with self._store.together():
            arn = self._find(request["ModelPackageName"])["ModelPackageArn"]
            del self._packages[arn]
            self._parts.tags.drop(arn)
        return {}

    def _tell(self, package: Request, changes: list[str] | None = None) -> None:
        """`changes` names what an update changed; a new package has no such field."""
        detail = with_times({k: v for k, v in package.items() if k != "ModelCard"}, _iso)
        if changes is not None:
            detail["UpdatedModelPackageFields"] = changes
        self._parts.tell(_EVENT, package["ModelPackageArn"], detail)


def _check_whole(request: Request) -> None:
    """Raise for members that do not go together."""
    grouped, named = "ModelPackageGroupName" in request, "ModelPackageName" in request
    if grouped and named:
        raise invalid(
            "Both ModelPackageName and ModelPackageGroupName are provided in the input."
            " Cannot determine which one to use."
        )
    if not grouped and not named:
        raise invalid("Missing ARN.")
    if grouped and request.get("Tags"):
        raise invalid("A versioned model package has the tags of its group: it takes none itself.")
    if named and "ModelApprovalStatus" in request:
        raise invalid("ModelApprovalStatus does not apply to an unversioned model package.")
    if named and "InferenceSpecification" not in request:
        raise invalid("An unversioned model package needs an InferenceSpecification.")
    check_specifications(request.get("AdditionalInferenceSpecifications", []))
    if "ModelCardContent" in request.get("ModelCard", {}):
        check_content(request["ModelCard"]["ModelCardContent"])


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
