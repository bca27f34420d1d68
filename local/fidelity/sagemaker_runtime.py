"""SageMaker's runtime: the way in for users' requests."""

from collections.abc import Mapping

from local.fidelity import Fidelity, partial

OPERATIONS: Mapping[str, Fidelity] = {
    "InvokeEndpoint": partial(
        "no multi-model, multi-container or inference component targets, no sessions and no data"
        " capture; which error a container that cannot be reached is, is not documented: it is"
        " ServiceUnavailable"
    ),
}
