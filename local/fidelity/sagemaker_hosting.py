"""SageMaker's hosting: models, endpoint configurations and endpoints."""

from collections.abc import Mapping

from local.fidelity import EXACT, Fidelity, partial

_DEPLOYMENT = (
    "at most two processes per variant, traffic goes by the instances told; both fleets run until"
    " a deployment ends, a rolling one too; UpdateRollbackFailed occurs"
    " when a fault asks for it, and is left by UpdateEndpoint or DeleteEndpoint alone; a"
    " deployment that a restart interrupts begins again; one that takes too long goes back without"
    " a FailureReason; the texts of refusals and of the FailureReason, how often alarms are looked"
    " at and how percentages are rounded are not documented"
)

OPERATIONS: Mapping[str, Fidelity] = {
    "CreateModel": partial("one container; a VPC is told back"),
    "DescribeModel": EXACT,
    "ListModels": EXACT,
    "DeleteModel": EXACT,
    "CreateEndpointConfig": partial(
        "ExplainerConfig, serverless variants, managed instance scaling and data capture of"
        " asynchronous endpoints are refused; a KMS key"
        " is told back; the texts of refusals of shadow variants and asynchronous inference are"
        " not documented"
    ),
    "DescribeEndpointConfig": EXACT,
    "ListEndpointConfigs": EXACT,
    "DeleteEndpointConfig": EXACT,
    "CreateEndpoint": partial("at most two processes per variant; ready within a scaled minute"),
    "DescribeEndpoint": partial(
        "data capture is told as started, also where S3 does not take what is captured"
    ),
    "ListEndpoints": EXACT,
    "UpdateEndpoint": partial(_DEPLOYMENT),
    "UpdateEndpointWeightsAndCapacities": partial(
        "serverless updates are refused; at most two processes per variant; no instances only for"
        " asynchronous endpoints; a shadow's weight counts as a share of the production variant's"
    ),
    "DeleteEndpoint": EXACT,
}
