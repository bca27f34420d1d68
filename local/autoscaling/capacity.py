"""The instances of a variant, read and set as any client of SageMaker would."""

from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from local.autoscaling.records import variant_of
from local.cloud import Account


class CapacityError(RuntimeError):
    """SageMaker did not take it; the message is its own."""


@dataclass(frozen=True)
class Seen:
    """What DescribeEndpoint tells of a variant."""

    status: str
    count: int
    asynchronous: bool = False
    """Whether the endpoint answers from a queue, and may do without instances."""

    @property
    def scalable(self) -> bool:
        """Nothing is scaled while an endpoint changes."""
        return self.status == "InService"


class Capacity:
    def __init__(self, account: Account) -> None:
        self._account = account

    def seen(self, resource: str) -> Seen | None:
        """None when there is no such endpoint or variant; raises CapacityError."""
        endpoint, variant = variant_of(resource)
        try:
            told = self._account.client("sagemaker").describe_endpoint(EndpointName=endpoint)
        except ClientError as error:
            if error.response["Error"]["Message"].startswith("Could not find endpoint"):
                return None
            raise CapacityError(_said(error)) from error
        except BotoCoreError as error:
            raise CapacityError(str(error)) from error
        found = {each["VariantName"]: each for each in told.get("ProductionVariants", [])}
        if variant not in found:
            return None
        return Seen(
            told["EndpointStatus"],
            int(found[variant]["CurrentInstanceCount"]),
            asynchronous="AsyncInferenceConfig" in told,
        )

    def set(self, resource: str, count: int) -> None:
        """Raises CapacityError."""
        endpoint, variant = variant_of(resource)
        desired = [{"VariantName": variant, "DesiredInstanceCount": count}]
        try:
            self._account.client("sagemaker").update_endpoint_weights_and_capacities(
                EndpointName=endpoint, DesiredWeightsAndCapacities=desired
            )
        except ClientError as error:
            raise CapacityError(_said(error)) from error
        except BotoCoreError as error:
            raise CapacityError(str(error)) from error


def _said(error: ClientError) -> str:
    told = error.response["Error"]
    return f"{told.get('Message', '')} (Service: AmazonSageMaker; Error Code: {told['Code']})"
