"""Model package groups, and the policy of each."""

import json
from collections.abc import Callable

from local.errors import AwsError
from local.sagemaker.listing import Listing
from local.sagemaker.parts import Operations, Parts, Request, invalid
from local.store import Kept

_LISTING = Listing(
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


class PackageGroups:
    """Groups by name; a number of a version is never given twice while its group is there."""

    def __init__(self, parts: Parts, used: Callable[[str], bool]) -> None:
        self._parts = parts
        self._used = used
        self._lock = parts.account.store.lock
        shelf = parts.account.store.shelf
        self._groups = Kept(shelf("model package groups"))
        self._policies = Kept(shelf("model package group policies"))
        self._numbers = Kept(shelf("model package numbers"))
        """The last version of each group."""
        self.operations: Operations = {
            "CreateModelPackageGroup": self._create,
            "DescribeModelPackageGroup": lambda r: self.find(r["ModelPackageGroupName"]),
            "ListModelPackageGroups": self._list,
            "DeleteModelPackageGroup": self._delete,
            "PutModelPackageGroupPolicy": self._put_policy,
            "GetModelPackageGroupPolicy": self._get_policy,
            "DeleteModelPackageGroupPolicy": self._delete_policy,
        }

    def find(self, name: str) -> Request:
        """By name or ARN; raises SageMaker's error when there is none."""
        name = name.rsplit("/", 1)[-1]
        with self._lock:
            if name not in self._groups:
                raise invalid(f"ModelPackageGroup {name} does not exist.")
            return dict(self._groups[name])

    def next_number(self, group: str) -> int:
        """The version that a new package of this group gets."""
        with self._lock:
            number = 1 + int(self._numbers.get(group, 0))
            self._numbers[group] = number
        return number

    def _create(self, request: Request) -> Request:
        name = request["ModelPackageGroupName"]
        arn = self._parts.account.arn("sagemaker", f"model-package-group/{name}")
        with self._parts.account.store.together():
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

    def _list(self, request: Request) -> Request:
        if request.get("CrossAccountFilterOption", "SameAccount") != "SameAccount":
            raise invalid("CrossAccountFilterOption: there is one account here.")
        with self._lock:
            groups = [dict(group) for group in self._groups.values()]
        found, token = _LISTING.page(request, groups)
        return {"ModelPackageGroupSummaryList": found, **token}

    def _delete(self, request: Request) -> Request:
        with self._parts.account.store.together():
            group = self.find(request["ModelPackageGroupName"])
            name = group["ModelPackageGroupName"]
            if self._used(name):
                raise AwsError("ConflictException", f"Model Package Group {name} is not empty.")
            del self._groups[name]
            self._numbers.pop(name, None)
            self._policies.pop(name, None)
            self._parts.tags.drop(group["ModelPackageGroupArn"])
        return {}

    def _put_policy(self, request: Request) -> Request:
        """Kept and told back; nothing checks it."""
        group = self.find(request["ModelPackageGroupName"])
        if not _is_policy(request["ResourcePolicy"]):
            raise invalid("The resource policy is not a valid JSON policy document.")
        with self._lock:
            self._policies[group["ModelPackageGroupName"]] = request["ResourcePolicy"]
        return {"ModelPackageGroupArn": group["ModelPackageGroupArn"]}

    def _get_policy(self, request: Request) -> Request:
        group = self.find(request["ModelPackageGroupName"])
        with self._lock:
            policy = self._policies.get(group["ModelPackageGroupName"])
        if policy is None:
            raise invalid(f"Cannot find resource policy for: {group['ModelPackageGroupArn']}")
        return {"ResourcePolicy": policy}

    def _delete_policy(self, request: Request) -> Request:
        group = self.find(request["ModelPackageGroupName"])
        with self._lock:
            self._policies.pop(group["ModelPackageGroupName"], None)
        return {}


def _is_policy(text: str) -> bool:
    try:
        policy = json.loads(text)
    except ValueError:
        return False
    return isinstance(policy, dict)
