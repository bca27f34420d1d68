"""The model registry, and tags."""

from collections.abc import Mapping

from local.fidelity import EXACT, Fidelity, partial

_GROUPED = "versions of a group only: unversioned packages and Marketplace's are refused by name"

OPERATIONS: Mapping[str, Fidelity] = {
    "AddTags": EXACT,
    "BatchDescribeModelPackage": EXACT,
    "CreateModelPackage": partial(
        f"{_GROUPED}; `Completed` at once: no validation job, no image scan"
    ),
    "CreateModelPackageGroup": partial("`Completed` at once"),
    "DeleteModelPackage": EXACT,
    "DeleteModelPackageGroup": EXACT,
    "DeleteModelPackageGroupPolicy": EXACT,
    "DeleteTags": EXACT,
    "DescribeModelPackage": partial(_GROUPED),
    "DescribeModelPackageGroup": EXACT,
    "GetModelPackageGroupPolicy": EXACT,
    "ListModelPackageGroups": partial("one account: `CrossAccountFilterOption` finds nobody else"),
    "ListModelPackages": partial(_GROUPED),
    "ListTags": partial("all of them on one page"),
    "PutModelPackageGroupPolicy": partial("kept and told, checked by nobody"),
    "UpdateModelPackage": partial(
        "approval, life cycle, source, properties and inference specification;"
        " `ModelCard` and further specifications are refused by name"
    ),
}
