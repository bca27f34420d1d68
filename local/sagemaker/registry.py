"""The model registry: groups, numbered versions, approvals, and an event for every change."""

from datetime import UTC, datetime
from threading import RLock

from local.errors import AwsError
from local.sagemaker.listing import Listing
from local.sagemaker.parts import Operations, Parts, Request, invalid, refuse, with_times
from local.store import Kept

_EVENT = "SageMaker Model Package State Change"
_CHANGEABLE = (
    "ModelApprovalStatus",
    "ApprovalDescription",
    "ModelLifeCycle",
    "SourceUri",
    "InferenceSpecification",
)
_TOLD_AS = {"SourceUri": "sourceUri"}
"""Fields whose name in UpdatedModelPackageFields is not the API's."""
_GROUPS = Listing(
    "ModelPackageGroupName",
    (
        "ModelPackageGroupName",
        "ModelPackageGroupArn",
        "ModelPackageGroupDescription",
        "CreationTime",
        "ModelPackageGroupStatus",
    ),
    also=frozenset({"CrossAccountFilterOption"}),
)
_PACKAGES = Listing(
    "ModelPackageArn",
    (
        "ModelPackageGroupName",
        "ModelPackageVersion",
        "ModelPackageArn",
        "ModelPackageDescription",
        "CreationTime",
        "ModelPackageStatus",
        "ModelApprovalStatus",
    ),
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
)
"""What a batch tells of each version."""


class Registry:
    """Groups by name, versions by ARN."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._lock = RLock()
        shelf = parts.account.store.shelf
        self._groups = Kept(shelf("model package groups"))
        self._packages = Kept(shelf("model packages"))
        self._tokens = Kept(shelf("model package tokens"))
        self._policies = Kept(shelf("model package group policies"))
        self._numbers = Kept(shelf("model package numbers"))
        """The last version of each group: a number is never given twice."""
        self.operations: Operations = {
            "CreateModelPackageGroup": self._create_group,
            "DescribeModelPackageGroup": lambda r: self._group(r["ModelPackageGroupName"]),
            "ListModelPackageGroups": self._list_groups,
            "DeleteModelPackageGroup": self._delete_group,
            "PutModelPackageGroupPolicy": self._put_policy,
            "GetModelPackageGroupPolicy": self._get_policy,
            "DeleteModelPackageGroupPolicy": self._delete_policy,
            "CreateModelPackage": self._create,
            "DescribeModelPackage": lambda r: dict(self._find(r["ModelPackageName"])),
            "BatchDescribeModelPackage": self._batch_describe,
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
        self._parts.tags.put(arn, request.get("Tags", []))
        return {"ModelPackageGroupArn": arn}

    def _group(self, name: str) -> Request:
        name = name.rsplit("/", 1)[-1]
        with self._lock:
            if name not in self._groups:
                raise invalid(f"ModelPackageGroup {name} does not exist.")
            return dict(self._groups[name])

    def _list_groups(self, request: Request) -> Request:
        if request.get("CrossAccountFilterOption", "SameAccount") != "SameAccount":
            raise invalid("CrossAccountFilterOption: there is one account here.")
        with self._lock:
            groups = [dict(group) for group in self._groups.values()]
        found, token = _GROUPS.page(request, groups)
        return {"ModelPackageGroupSummaryList": found, **token}

    def _delete_group(self, request: Request) -> Request:
        name = self._group(request["ModelPackageGroupName"])["ModelPackageGroupName"]
        with self._lock:
            if any(p["ModelPackageGroupName"] == name for p in self._packages.values()):
                raise AwsError("ConflictException", f"Model Package Group {name} is not empty.")
            del self._groups[name]
            self._numbers.pop(name, None)
            self._policies.pop(name, None)
        return {}

    def _put_policy(self, request: Request) -> Request:
        """Kept and told back; nothing checks it."""
        group = self._group(request["ModelPackageGroupName"])
        with self._lock:
            self._policies[group["ModelPackageGroupName"]] = request["ResourcePolicy"]
        return {"ModelPackageGroupArn": group["ModelPackageGroupArn"]}

    def _get_policy(self, request: Request) -> Request:
        group = self._group(request["ModelPackageGroupName"])
        with self._lock:
            policy = self._policies.get(group["ModelPackageGroupName"])
        if policy is None:
            raise invalid(f"Cannot find resource policy for: {group['ModelPackageGroupArn']}")
        return {"ResourcePolicy": policy}

    def _delete_policy(self, request: Request) -> Request:
        group = self._group(request["ModelPackageGroupName"])
        with self._lock:
            self._policies.pop(group["ModelPackageGroupName"], None)
        return {}

    def _create(self, request: Request) -> Request:
        if "ModelPackageGroupName" not in request:
            raise invalid("Unversioned model packages are not emulated: name a group.")
        group = self._group(request["ModelPackageGroupName"])["ModelPackageGroupName"]
        token = request.get("ClientToken")
        with self._lock:
            if token is not None and token in self._tokens:
                return {"ModelPackageArn": self._tokens[token]}
            with self._parts.account.store.together():
                package = self._made(group, request)
                self._packages[package["ModelPackageArn"]] = package
                if token is not None:
                    self._tokens[token] = package["ModelPackageArn"]
        self._parts.tags.put(package["ModelPackageArn"], request.get("Tags", []))
        self._tell(package)
        return {"ModelPackageArn": package["ModelPackageArn"]}

    def _made(self, group: str, request: Request) -> Request:
        version = self._numbers[group] = 1 + self._numbers.get(group, 0)
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
            package: Request | None = self._packages.get(name)
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
        if "ModelPackageGroupName" not in request or request.get("ModelPackageType") == (
            "Unversioned"
        ):
            raise invalid("Unversioned model packages are not emulated: name a group.")
        group = self._group(request["ModelPackageGroupName"])["ModelPackageGroupName"]
        approval = request.get("ModelApprovalStatus")
        with self._lock:
            packages = [
                dict(p)
                for p in self._packages.values()
                if p["ModelPackageGroupName"] == group
                and approval in {None, p["ModelApprovalStatus"]}
            ]
        found, token = _PACKAGES.page(request, packages)
        return {"ModelPackageSummaryList": found, **token}

    def _update(self, request: Request) -> Request:
        arn = request["ModelPackageArn"]
        refuse(request, "AdditionalInferenceSpecificationsToAdd", "ModelCard")
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

    def _tell(self, package: Request, changed: list[str] | None = None) -> None:
        """`changed` names what an update changed; a new package has no such field."""
        detail = with_times(package, _iso)
        if changed is not None:
            detail["UpdatedModelPackageFields"] = [_TOLD_AS.get(name, name) for name in changed]
        self._parts.tell(_EVENT, package["ModelPackageArn"], detail)


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
