"""SageMaker's runtime: the way in for users' requests."""

from collections.abc import Mapping

from local.fidelity import Fidelity, partial

OPERATIONS: Mapping[str, Fidelity] = {
    "InvokeEndpoint": partial(
        "no multi-model, multi-container or inference component targets and no sessions; which"
        " error a container that cannot be reached is, is not documented: it is ServiceUnavailable;"
        " of a refused request nothing is captured, and of a shadow with 64 copies on their way no"
        " further copy is made"
    ),
    "InvokeEndpointAsync": partial(
        "at most 16 requests of an endpoint are answered at once, 4 per process when nothing is"
        " said; a request whose container dies is tried three times; an answer's name is no"
        " function of the InferenceId; without S3FailurePath there is no FailureLocation; the age"
        " at which a request expires is scaled, the invocation timeout is real; the texts of"
        " refusals and of failureReason, where a failure's notification names its object, and how"
        " often a notification is tried are not documented"
    ),
}
