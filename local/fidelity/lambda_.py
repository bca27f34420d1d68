"""Lambda."""

from collections.abc import Mapping

from local.fidelity import EXACT, Fidelity, partial

_AT_ONCE = (
    "Python zip packages only, run by the interpreter that runs the embedded AWS; `Active` and"
    " `Successful` at once; boto3 is not brought along; VPC, KMS, tracing, SnapStart and"
    " EphemeralStorage are told back and have no effect"
)
_INVOKE = (
    "memory is watched (peak resident size of the process, looked at ten times a second and at the"
    " end), so a large allocation may overshoot before it is killed; no read-only file system, /opt"
    " or /tmp of its own (TMPDIR is); as many sandboxes as fit into a quarter of the memory, 64 at"
    " least, later invocations wait, or are throttled while other functions take all the room;"
    " at most 8 asynchronous events of a function at a time;"
    " the first attempt of an event is made at any age"
)

_QUEUES = "SQS queues only, one batch at a time; `ScalingConfig` is told back and has no effect"

OPERATIONS: Mapping[str, Fidelity] = {
    "AddPermission": partial("kept and told, checked by nobody; no `EventSourceToken`"),
    "CreateAlias": EXACT,
    "CreateEventSourceMapping": partial(_QUEUES),
    "CreateFunction": partial(_AT_ONCE),
    "DeleteAlias": EXACT,
    "DeleteEventSourceMapping": EXACT,
    "DeleteFunction": EXACT,
    "DeleteFunctionConcurrency": EXACT,
    "DeleteFunctionEventInvokeConfig": EXACT,
    "DeleteLayerVersion": EXACT,
    "GetAccountSettings": partial("the default limits, which are not all enforced"),
    "GetAlias": EXACT,
    "GetEventSourceMapping": EXACT,
    "GetFunction": partial("the code's location is a folder of this machine"),
    "GetFunctionConcurrency": EXACT,
    "GetFunctionConfiguration": EXACT,
    "GetFunctionEventInvokeConfig": EXACT,
    "GetLayerVersion": partial("the content's location is a folder of this machine"),
    "GetLayerVersionByArn": partial("the content's location is a folder of this machine"),
    "GetPolicy": EXACT,
    "Invoke": partial(_INVOKE),
    "ListAliases": EXACT,
    "ListEventSourceMappings": EXACT,
    "ListFunctionEventInvokeConfigs": EXACT,
    "ListFunctions": partial("`MasterRegion` is ignored"),
    "ListLayerVersions": EXACT,
    "ListLayers": EXACT,
    "ListTags": EXACT,
    "ListVersionsByFunction": EXACT,
    "PublishLayerVersion": partial("unpacked onto the paths of Python, PATH and LD_LIBRARY_PATH"),
    "PublishVersion": EXACT,
    "PutFunctionConcurrency": EXACT,
    "PutFunctionEventInvokeConfig": partial("destinations are not checked for being there"),
    "RemovePermission": EXACT,
    "TagResource": partial("functions only"),
    "UntagResource": partial("functions only"),
    "UpdateAlias": EXACT,
    "UpdateEventSourceMapping": partial(_QUEUES),
    "UpdateFunctionCode": partial(_AT_ONCE),
    "UpdateFunctionConfiguration": partial(_AT_ONCE),
    "UpdateFunctionEventInvokeConfig": EXACT,
}
