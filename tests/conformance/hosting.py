"""Endpoints for the checks: models, configurations and what is told of them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from tests.conformance.jobs import IMAGE, ROLE, until
from tests.conformance.target import Target


@dataclass(frozen=True)
class Hosting:
    """What one AWS hosts, and a bucket of its own."""

    aws: Target
    endpoints: list[str] = field(default_factory=list)

    @cached_property
    def sagemaker(self) -> Any:
        return self.aws.client("sagemaker")

    @cached_property
    def runtime(self) -> Any:
        return self.aws.client("sagemaker-runtime")

    @cached_property
    def s3(self) -> Any:
        return self.aws.client("s3")

    @cached_property
    def bucket(self) -> str:
        name = self.aws.name("conformance-hosting")
        self.s3.create_bucket(Bucket=name)
        return name

    def variant(self, name: str, *, weight: float = 1.0, **environment: str) -> dict[str, Any]:
        """A variant of a model of its own; the environment says how it answers."""
        model = self.aws.name("model")
        container = {"Image": IMAGE, "Environment": {"VERSION": name, **environment}}
        self.sagemaker.create_model(
            ModelName=model, ExecutionRoleArn=ROLE, PrimaryContainer=container
        )
        return {
            "VariantName": name,
            "ModelName": model,
            "InstanceType": "ml.m5.large",
            "InitialInstanceCount": 1,
            "InitialVariantWeight": weight,
        }

    def config(self, *variants: dict[str, Any], **features: Any) -> str:
        name = self.aws.name("config")
        self.sagemaker.create_endpoint_config(
            EndpointConfigName=name, ProductionVariants=list(variants), **features
        )
        return name

    def endpoint(self, config: str, name: str | None = None) -> str:
        """One in service."""
        name = name or self.aws.name("endpoint")
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
        self.endpoints.append(name)
        self.settled(name)
        return name

    def told(self, name: str) -> dict[str, Any]:
        answer: dict[str, Any] = self.sagemaker.describe_endpoint(EndpointName=name)
        return answer

    def settled(self, name: str) -> dict[str, Any]:
        def look() -> dict[str, Any]:
            told = self.told(name)
            return told if told["EndpointStatus"] == "InService" else {}

        settled: dict[str, Any] = until(look)
        return settled

    def ask(self, name: str, body: bytes = b"x", **more: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.runtime.invoke_endpoint(EndpointName=name, Body=body, **more)
        return {**answer, "Body": answer["Body"].read()}

    def keys(self, prefix: str = "") -> list[str]:
        listed = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix)
        return [each["Key"] for each in listed.get("Contents", [])]

    def read(self, key: str) -> bytes:
        body: bytes = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return body

    def captured(self, prefix: str, count: int = 1) -> list[dict[str, Any]]:
        """The captured lines below a prefix, once there are so many."""

        def look() -> list[dict[str, Any]]:
            lines = [line for key in self.keys(prefix) for line in self.read(key).splitlines()]
            return [json.loads(line) for line in lines] if len(lines) >= count else []

        found: list[dict[str, Any]] = until(look)
        return found

    def total(self, metric: str, **dimensions: str) -> float | None:
        """The sum of what a metric was told in the last hour, None where it was not."""
        points = self._points(metric, "Sum", 7200, dimensions)
        return sum(points) if points else None

    def latest(self, metric: str, **dimensions: str) -> float | None:
        """What a metric was told in the last second, at most; None where it was not."""
        return max(self._points(metric, "Maximum", 1, dimensions)[-1:], default=None)

    def _points(
        self, metric: str, statistic: str, period: int, dimensions: Mapping[str, str]
    ) -> list[float]:
        """In the order of time."""
        now = datetime.now(UTC)
        found = self.aws.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/SageMaker",
            MetricName=metric,
            Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
            StartTime=now - timedelta(minutes=1 if period == 1 else 60),
            EndTime=now + timedelta(minutes=1),
            Period=period,
            Statistics=[statistic],
        )
        points = sorted(found["Datapoints"], key=lambda point: str(point["Timestamp"]))
        return [float(point[statistic]) for point in points]

    def close(self) -> None:
        for name in self.endpoints:
            self.settled(name)
            self.sagemaker.delete_endpoint(EndpointName=name)
