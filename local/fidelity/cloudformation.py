"""CloudFormation: the template path of a stack, without nesting, macros and drift."""

from collections.abc import Mapping

from local.fidelity import EXACT, Fidelity, partial

_HELD = "the answer waits for the operation, at most 20 seconds"
_WHAT = (
    "the resource types of the embedded AWS; no nested stacks, macros or custom resources; `Rules` "
    "know no `Fn::ValueOf` and no `Fn::ValueOfAll`; none of the types takes `ssm-secure`; stack "
    "tags do not spread to resources; a creation that the process's end interrupts may leave a "
    f"key; {_HELD}"
)

OPERATIONS: Mapping[str, Fidelity] = {
    "CreateChangeSet": partial("computed at once; details of a change are not told; no imports"),
    "CreateStack": partial(_WHAT),
    "DeleteChangeSet": EXACT,
    "DeleteStack": partial(f"`RetainResources` and `DeletionMode` have no effect; {_HELD}"),
    "DescribeChangeSet": partial("one page; what changes inside a resource is not told"),
    "DescribeStackEvents": EXACT,
    "DescribeStackResource": partial("no metadata and no drift"),
    "DescribeStackResources": partial("by stack only, not by physical id"),
    "DescribeStacks": partial("one page; drift is never checked"),
    "ExecuteChangeSet": partial(_HELD),
    "GetTemplate": partial("the body as text in both stages"),
    "GetTemplateSummary": partial("parameters, types and IAM capabilities only"),
    "ListChangeSets": partial("names and ids only, one page"),
    "ListExports": partial("one page"),
    "ListImports": partial("one page"),
    "ListStackResources": partial("one page"),
    "ListStacks": partial("one page"),
    "UpdateStack": partial(_WHAT),
    "UpdateTerminationProtection": EXACT,
    "ValidateTemplate": partial("parameters, types and IAM capabilities only"),
}
