"""An endpoint with one variant, scaled by Application Auto Scaling, as its checks ask for it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.conformance.jobs import IMAGE, ROLE, until
from tests.conformance.target import Target

DIMENSION = "sagemaker:variant:DesiredInstanceCount"
INVOCATIONS = {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}


def tracking(target: float = 10.0, **more: Any) -> dict[str, Any]:
    config = {"TargetValue": target, "PredefinedMetricSpecification": INVOCATIONS, **more}
    return {
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": config,
    }


def steps(*adjustments: dict[str, float], kind: str = "ChangeInCapacity", **more: Any) -> Any:
    config = {"AdjustmentType": kind, "StepAdjustments": list(adjustments), **more}
    return {"PolicyType": "StepScaling", "StepScalingPolicyConfiguration": config}


def step(adjustment: int, low: float | None = None, high: float | None = None) -> dict[str, float]:
    bounds = {"MetricIntervalLowerBound": low, "MetricIntervalUpperBound": high}
    told = {name: bound for name, bound in bounds.items() if bound is not None}
    return {"ScalingAdjustment": adjustment, **told}


@dataclass
class Scaled:
    """One endpoint and what scales it."""

    aws: Target
    endpoint: str
    variant: str = "only"

    def __post_init__(self) -> None:
        self.sagemaker = self.aws.client("sagemaker")
        self.scaling = self.aws.client("application-autoscaling", parameter_validation=False)
        self.cloudwatch = self.aws.client("cloudwatch")

    @property
    def place(self) -> dict[str, str]:
        return {
            "ServiceNamespace": "sagemaker",
            "ResourceId": f"endpoint/{self.endpoint}/variant/{self.variant}",
            "ScalableDimension": DIMENSION,
        }

    def config(self, *, kind: str = "ml.m5.large", variant: str = "only", count: int = 1) -> str:
        name = self.aws.name("config")
        self.sagemaker.create_model(
            ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE}
        )
        told = {"VariantName": variant, "ModelName": name, "InstanceType": kind}
        self.sagemaker.create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[told | {"InitialInstanceCount": count}],
        )
        return name

    def create(self) -> None:
        self.sagemaker.create_endpoint(EndpointName=self.endpoint, EndpointConfigName=self.config())
        self.settled()

    def told(self) -> dict[str, Any]:
        answer: dict[str, Any] = self.sagemaker.describe_endpoint(EndpointName=self.endpoint)
        return answer

    def settled(self) -> None:
        until(lambda: self.told()["EndpointStatus"] == "InService")

    def count(self) -> int:
        return int(self.told()["ProductionVariants"][0]["CurrentInstanceCount"])

    def counts(self, number: int) -> None:
        """Wait until it has so many instances and is at rest."""
        until(lambda: self.count() == number)
        self.settled()

    def register(self, least: int = 1, most: int = 4, **more: Any) -> str:
        told = self.scaling.register_scalable_target(
            **self.place, MinCapacity=least, MaxCapacity=most, **more
        )
        return str(told["ScalableTargetARN"])

    def deregister(self) -> None:
        """A target no more, and one instance again."""
        targets = self.scaling.describe_scalable_targets(ServiceNamespace="sagemaker")
        if self.place["ResourceId"] in [t["ResourceId"] for t in targets["ScalableTargets"]]:
            self.scaling.deregister_scalable_target(**self.place)
        self.settled()
        self.set(1)

    def set(self, count: int) -> None:
        self.sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=self.endpoint,
            DesiredWeightsAndCapacities=[
                {"VariantName": self.variant, "DesiredInstanceCount": count}
            ],
        )
        self.counts(count)

    def policy(self, name: str, policy: dict[str, Any]) -> dict[str, Any]:
        put: dict[str, Any] = self.scaling.put_scaling_policy(
            **self.place, PolicyName=name, **policy
        )
        return put

    def activities(self, **more: Any) -> list[dict[str, Any]]:
        """The newest first."""
        return list(
            self.scaling.describe_scaling_activities(**self.place, **more)["ScalingActivities"]
        )

    def done(self, description: str) -> dict[str, Any]:
        """The activity of this description, once it is over."""

        def look() -> dict[str, Any]:
            found = [a for a in self.activities() if a["Description"] == description]
            return found[0] if found and "EndTime" in found[0] else {}

        activity: dict[str, Any] = until(look)
        return activity

    def ring(self, alarm: str, state: str = "ALARM") -> None:
        self.cloudwatch.set_alarm_state(AlarmName=alarm, StateValue=state, StateReason="by hand")

    def measure(self, namespace: str, value: float, *, seconds: float = 10.0) -> None:
        """So much of the metric `Load` from now on, far more often than it is looked at."""
        now = datetime.now(UTC)
        times = [now + timedelta(seconds=0.02 * n) for n in range(int(seconds / 0.02))]
        data = [{"MetricName": "Load", "Value": value, "Timestamp": at} for at in times]
        for start in range(0, len(data), 500):
            self.cloudwatch.put_metric_data(
                Namespace=namespace, MetricData=data[start : start + 500]
            )
