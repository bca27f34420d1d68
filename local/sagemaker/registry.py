"""The model registry: groups, numbered versions, approvals, and an event for every change."""

from datetime import UTC, datetime
from threading import RLock
from typing import Any

from local.errors import AwsError
from local.sagemaker.parts import Operations, Parts, Request, invalid, page

_EVENT = "SageMaker Model Package State Change"
_CHANGEABLE = (
    "ModelApprovalStatus",
    "ApprovalDescription",
    "ModelLifeCycle",
    "SourceUri",
    "InferenceSpecification",
)


class Registry:
    """Groups by name, versions by ARN."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._lock = RLock()
        self._groups: dict[str, Request] = {}
        self._packages: dict[str, Request] = {}
        self._tokens: dict[str, str] = {}
        self.operations: Operations = {
            "CreateModelPackageGroup": self._create_group,
            "DescribeModelPackageGroup": lambda r: self._group(r["ModelPackageGroupName"]),
            "ListModelPackageGroups": self._list_groups,
            "DeleteModelPackageGroup": self._delete_group,
            "CreateModelPackage": self._create,
            "DescribeModelPackage": lambda r: dict(self._find(r["ModelPackageName"])),
            "ListModelPackages": self._list,
            "UpdateModelPackage": self._update,
            "DeleteModelPackage": self._delete,
        }

    def image_and_data(self, package: str) -> tuple[str, str]:
        """What a model made from a package runs and loads."""
        container = self._find(package)["InferenceSpecification"]["Containers"][0]
        return str(container["Image"]), str(container["ModelDataUrl"])

    def _create_group(self, request: Request) -> Request:
        name = request["ModelPackageGroupName"]
        arn = self._parts.account.arn("sagemaker", f"model-package-group/{name}")
        with self._lock:
            if name in self._groups:
                raise invalid(f"Model Package Group already exists: {arn}")
            self._groups[name] = {
                "ModelPackageGroupName": name,
                "ModelPackageGroupArn": arn,
                "ModelPackageGroupDescription": request.get("ModelPackageGroupDescription", ""),
                "CreationTime": self._parts.now(),
                "CreatedBy": {},
                "ModelPackageGroupStatus": "Completed",
            }
        return {"ModelPackageGroupArn": arn}

    def _group(self, name: str) -> Request:
        name = name.rsplit("/", 1)[-1]
        with self._lock:
            if name not in self._groups:
                raise invalid(f"ModelPackageGroup {name} does not exist.")
            return dict(self._groups[name])

    def _list_groups(self, request: Request) -> Request:
        part = request.get("NameContains", "")
        with self._lock:
            groups = [dict(g) for n, g in self._groups.items() if part in n]
        found, token = page(request, groups)
        return {"ModelPackageGroupSummaryList": found, **token}

    def _delete_group(self, request: Request) -> Request:
        name = self._group(request["ModelPackageGroupName"])["ModelPackageGroupName"]
        with self._lock:
            if any(p["ModelPackageGroupName"] == name for p in self._packages.values()):
                raise AwsError("ConflictException", f"Model Package Group {name} is not empty.")
            del self._groups[name]
        return {}

    def _create(self, request: Request) -> Request:
        if "ModelPackageGroupName" not in request:
            raise invalid("Unversioned model packages are not emulated: name a group.")
        group = self._group(request["ModelPackageGroupName"])["ModelPackageGroupName"]
        token = request.get("ClientToken")
        with self._lock:
            if token is not None and token in self._tokens:
                return {"ModelPackageArn": self._tokens[token]}
            package = self._made(group, request)
            self._packages[package["ModelPackageArn"]] = package
            if token is not None:
                self._tokens[token] = package["ModelPackageArn"]
        self._tell(package, [])
        return {"ModelPackageArn": package["ModelPackageArn"]}

    def _made(self, group: str, request: Request) -> Request:
        version = 1 + max(
            (
                p["ModelPackageVersion"]
                for p in self._packages.values()
                if p["ModelPackageGroupName"] == group
            ),
            default=0,
        )
        now = self._parts.now()
        return {
            "ModelApprovalStatus": "PendingManualApproval",
            "CertifyForMarketplace": False,
            **{k: v for k, v in request.items() if k not in {"ClientToken", "Tags"}},
            "ModelPackageGroupName": group,
            "ModelPackageVersion": version,
            "ModelPackageArn": self._parts.account.arn(
                "sagemaker", f"model-package/{group}/{version}"
            ),
            "CreationTime": now,
            "LastModifiedTime": now,
            "ModelPackageStatus": "Completed",
            "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
        }

    def _find(self, name: str) -> Request:
        with self._lock:
            package = self._packages.get(name)
        if package is None:
            raise invalid(f"ModelPackage {name} does not exist.")
        return package

    def _list(self, request: Request) -> Request:
        group = self._group(request["ModelPackageGroupName"])["ModelPackageGroupName"]
        approval = request.get("ModelApprovalStatus")
        with self._lock:
            found = [
                p
                for p in self._packages.values()
                if p["ModelPackageGroupName"] == group
                and approval in {None, p["ModelApprovalStatus"]}
            ]
        newest_first = request.get("SortOrder", "Descending") == "Descending"
        found.sort(key=lambda p: p["ModelPackageVersion"], reverse=newest_first)
        keys = (
            "ModelPackageGroupName",
            "ModelPackageVersion",
            "ModelPackageArn",
            "ModelPackageDescription",
            "CreationTime",
            "ModelPackageStatus",
            "ModelApprovalStatus",
        )
        summaries = [{k: p[k] for k in keys if k in p} for p in found]
        shown, token = page(request, summaries)
        return {"ModelPackageSummaryList": shown, **token}

    def _update(self, request: Request) -> Request:
        arn = request["ModelPackageArn"]
        with self._lock:
            package = dict(self._find(arn))
            changed = [k for k in _CHANGEABLE if k in request and request[k] != package.get(k)]
            package |= {key: request[key] for key in changed}
            properties = self._properties(package, request)
            if properties != package.get("CustomerMetadataProperties", {}):
                package["CustomerMetadataProperties"] = properties
                changed.append("CustomerMetadataProperties")
            package["LastModifiedTime"] = self._parts.now()
            self._packages[arn] = package
        self._tell(package, changed)
        return {"ModelPackageArn": arn}

    def _properties(self, package: Request, request: Request) -> dict[str, str]:
        merged = {
            **package.get("CustomerMetadataProperties", {}),
            **request.get("CustomerMetadataProperties", {}),
        }
        gone = request.get("CustomerMetadataPropertiesToRemove", [])
        return {key: value for key, value in merged.items() if key not in gone}

    def _delete(self, request: Request) -> Request:
        self._find(request["ModelPackageName"])
        with self._lock:
            self._packages.pop(request["ModelPackageName"], None)
        return {}

    def _tell(self, package: Request, changed: list[str]) -> None:
        detail = _iso(package)
        if changed:
            detail |= {"UpdatedModelPackageFields": changed}
        self._parts.tell(_EVENT, package["ModelPackageArn"], detail)


def _iso(value: Any) -> Any:
    """A structure with its times as the registry's events write them."""
    match value:
        case datetime():
            return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        case dict():
            return {key: _iso(inner) for key, inner in value.items()}
        case list():
            return [_iso(inner) for inner in value]
        case _:
            return value
