"""Variants as scalable targets: taken off before an update, put on again after it.

SageMaker refuses an update that takes away a scaled variant or changes its type of instance.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from botocore.exceptions import ClientError

from functions.aws.refusals import message
from functions.names import VARIANTS, Names
from functions.scaling import Scaling

_NAMESPACE = "sagemaker"
_DIMENSION = "sagemaker:variant:DesiredInstanceCount"
_POLICY = (
    "PolicyName",
    "PolicyType",
    "StepScalingPolicyConfiguration",
    "TargetTrackingScalingPolicyConfiguration",
)
_GONE = "ObjectNotFoundException"
_REFUSED = frozenset({"ValidationException", "LimitExceededException"})


class ApplicationAutoScalingClient(Protocol):
    """What is asked of boto3's client."""

    def describe_scalable_targets(self, **request: Any) -> Mapping[str, Any]: ...
    def describe_scaling_policies(self, **request: Any) -> Mapping[str, Any]: ...
    def deregister_scalable_target(self, **request: Any) -> Mapping[str, Any]: ...
    def register_scalable_target(self, **request: Any) -> Mapping[str, Any]: ...
    def put_scaling_policy(self, **request: Any) -> Mapping[str, Any]: ...


class ScalableTargets:
    """The variants of each model's endpoint."""

    def __init__(self, client: ApplicationAutoScalingClient, names: Names) -> None:
        self._client = client
        self._names = names

    def of(self, model: str) -> tuple[Scaling, ...]:
        """Those that are scaled now, with their policies."""
        found = self._client.describe_scalable_targets(
            ServiceNamespace=_NAMESPACE,
            ResourceIds=[self._resource(model, variant) for variant in VARIANTS],
            ScalableDimension=_DIMENSION,
        )
        return tuple(self._scaling(target) for target in found["ScalableTargets"])

    def take_off(self, model: str, variant: str) -> None:
        """It keeps its instances and is scaled no more; its policies go with it."""
        try:
            self._client.deregister_scalable_target(
                ServiceNamespace=_NAMESPACE,
                ResourceId=self._resource(model, variant),
                ScalableDimension=_DIMENSION,
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != _GONE:
                raise

    def put_on(self, model: str, scaling: Scaling) -> str:
        """It is scaled as it was; why not, where that is refused. Again changes nothing."""
        where: dict[str, Any] = {
            "ServiceNamespace": _NAMESPACE,
            "ResourceId": self._resource(model, scaling.variant),
            "ScalableDimension": _DIMENSION,
        }
        try:
            self._client.register_scalable_target(
                **where, MinCapacity=scaling.least, MaxCapacity=scaling.most
            )
            for policy in scaling.policies:
                self._client.put_scaling_policy(**where, **policy)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _REFUSED:
                raise
            return f"{scaling.variant} is not scaled any more: {message(error)}"
        return ""

    def _scaling(self, target: Mapping[str, Any]) -> Scaling:
        resource = target["ResourceId"]
        found = self._client.describe_scaling_policies(
            ServiceNamespace=_NAMESPACE, ResourceId=resource, ScalableDimension=_DIMENSION
        )
        return Scaling(
            variant=resource.rsplit("/", 1)[1],
            least=target["MinCapacity"],
            most=target["MaxCapacity"],
            policies=tuple(
                {key: policy[key] for key in _POLICY if key in policy}
                for policy in found["ScalingPolicies"]
            ),
        )

    def _resource(self, model: str, variant: str) -> str:
        return f"endpoint/{self._names.endpoint(model)}/variant/{variant}"
