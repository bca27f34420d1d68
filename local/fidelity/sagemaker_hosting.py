"""Models, endpoint configurations and endpoints."""

from collections.abc import Mapping

from local.fidelity import EXACT, Fidelity, partial

_CONFIG = (
    "shadow variants, data capture, asynchronous and serverless inference, managed scaling and"
    " explainers are refused by name; KMS keys, VPCs and volumes are told back and have no effect"
)
_FLEET = "at most two processes per variant on this machine, told as the number asked for"

OPERATIONS: Mapping[str, Fidelity] = {
    "CreateEndpoint": partial(_FLEET),
    "CreateEndpointConfig": partial(_CONFIG),
    "CreateModel": partial("models of several containers are refused by name"),
    "DeleteEndpoint": EXACT,
    "DeleteEndpointConfig": EXACT,
    "DeleteModel": EXACT,
    "DescribeEndpoint": partial("images are told as they were asked for, without their digest"),
    "DescribeEndpointConfig": EXACT,
    "DescribeModel": EXACT,
    "ListEndpointConfigs": EXACT,
    "ListEndpoints": EXACT,
    "ListModels": EXACT,
    "UpdateEndpoint": partial(
        f"{_FLEET}; guardrails shift traffic by told instances, the new fleet is whole from the"
        " start; texts of refusals across fields are our own; no `UpdateRollbackFailed`;"
        " `ExcludeRetainedVariantProperties` is refused by name"
    ),
    "UpdateEndpointWeightsAndCapacities": partial(_FLEET),
}
