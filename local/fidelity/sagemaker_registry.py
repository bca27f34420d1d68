"""The model registry, and tags."""

from collections.abc import Mapping

from local.fidelity import EXACT, Fidelity, partial

_TEXTS = "the text of a refusal is not documented"
_TAGS = "an ARN of nothing is not refused"

OPERATIONS: Mapping[str, Fidelity] = {
    "AddTags": partial(f"{_TAGS}; the text for more than 50 tags is ours"),
    "BatchDescribeModelPackage": EXACT,
    "CreateModelPackage": partial(
        "`Completed` at once: no validation job, no image scan; `SourceAlgorithmSpecification` is"
        " refused by name; a model as `SourceUri` lends nothing, a package lends its inference"
        " specifications; some texts of refusals are ours"
    ),
    "CreateModelPackageGroup": partial("`Completed` at once"),
    "DeleteModelPackage": partial("gone at once, and no event"),
    "DeleteModelPackageGroup": partial(f"gone at once; {_TEXTS}"),
    "DeleteModelPackageGroupPolicy": EXACT,
    "DeleteTags": partial(_TAGS),
    "DescribeModelPackage": EXACT,
    "DescribeModelPackageGroup": EXACT,
    "GetModelPackageGroupPolicy": EXACT,
    "ListModelPackageGroups": partial("one account: `CrossAccountFilterOption` finds nobody else"),
    "ListModelPackages": EXACT,
    "ListTags": partial(_TAGS),
    "PutModelPackageGroupPolicy": partial("kept and told, checked by nobody"),
    "UpdateModelPackage": partial(
        "unversioned packages are refused; the event of a changed `ModelCard` or of added"
        " specifications names the API's members, AWS's names are not documented; events do not"
        " carry the model card"
    ),
}
