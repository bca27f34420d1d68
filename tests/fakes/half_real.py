"""A stage whose endpoints and alarms are those of an AWS; everything else is in memory."""

import io
import sys
import tarfile
from pathlib import Path
from typing import Any

from functions.aws.alarms import Alarms
from functions.aws.endpoints import Endpoints
from functions.aws.scaling import ScalableTargets
from functions.definition import Deployed
from functions.endpoint import EndpointView
from functions.ledger import RolloutRecord
from functions.scaling import Scaling
from tests.builders import MODEL, NAMES
from tests.conformance.target import Target
from tests.fakes.embedded_aws import eventually
from tests.fakes.endpoints import told
from tests.fakes.stage import Stage

CONTAINER = Path(__file__).with_name("serving_container.py")
OPTIONS = ("--image", f'serving="{sys.executable}" "{CONTAINER}"')
_BUCKET = "artifacts"
_AT_WORK = frozenset({"Creating", "Updating", "Deleting", "RollingBack"})


class HalfReal(Stage):
    """A stage on an AWS of its own."""

    def __init__(self, aws: Target, **sections: Any) -> None:
        self.aws = aws
        aws.client("s3").create_bucket(Bucket=_BUCKET)
        super().__init__(**sections)

    def _cast(self, deployed: Deployed) -> None:
        super()._cast(deployed)
        sagemaker, runtime = (self.aws.client(name) for name in ("sagemaker", "sagemaker-runtime"))
        self.real = Endpoints(sagemaker, runtime, NAMES)
        self.endpoints = self.real  # type: ignore[assignment]  # the fake's own verbs are not used
        self.alarms = Alarms(self.aws.client("cloudwatch"))  # type: ignore[assignment]  # as above
        scaler = self.aws.client("application-autoscaling")
        self.scaling = ScalableTargets(scaler, NAMES)  # type: ignore[assignment]  # as above
        self._seen: EndpointView | None = None

    def make_alarms(self, variant: str = "blue") -> None:
        """Those that the stage's template makes; nothing sets them off but a test."""
        for name in NAMES.alarms(MODEL, variant):
            self.aws.client("cloudwatch").put_metric_alarm(
                AlarmName=name,
                Namespace="AWS/SageMaker",
                MetricName="Never",
                Statistic="Sum",
                Period=3600,
                EvaluationPeriods=1,
                Threshold=1,
                ComparisonOperator="GreaterThanThreshold",
                TreatMissingData="ignore",
            )

    def scale_out(self, variant: str, *, least: int, most: int) -> None:
        """A person has it scaled by its load."""
        load = {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}
        config = {"TargetValue": 1000.0, "PredefinedMetricSpecification": load}
        policy = {
            "PolicyName": "busy",
            "PolicyType": "TargetTrackingScaling",
            "TargetTrackingScalingPolicyConfiguration": config,
        }
        kept = Scaling(variant=variant, least=least, most=most, policies=(policy,))
        assert not ScalableTargets(self.aws.client("application-autoscaling"), NAMES).put_on(
            MODEL, kept
        )

    def ring(self, alarm: str) -> None:
        """An alarm goes off where SageMaker hears it, and nobody else."""
        self.aws.client("cloudwatch").set_alarm_state(
            AlarmName=alarm, StateValue="ALARM", StateReason="a test"
        )

    def answered(self) -> str:
        """What the endpoint says of itself."""
        body = b'{"instances": []}'
        answer = self.aws.client("sagemaker-runtime").invoke_endpoint(
            EndpointName=NAMES.endpoint(MODEL), Body=body
        )
        return str(answer["CustomAttributes"])

    def told(self) -> dict[str, Any]:
        answer: dict[str, Any] = self.aws.client("sagemaker").describe_endpoint(
            EndpointName=NAMES.endpoint(MODEL)
        )
        return answer

    def rolled_out(self, version: int) -> RolloutRecord | None:
        """A version's rollout, if it has begun."""
        found = [r for r in self.ledger.all(RolloutRecord) if r.version == version]
        return found[0] if found else None

    def end(self, job: str) -> None:
        super().end(job)
        artifact = self.jobs.views[job].artifact
        if artifact is not None:
            packed = io.BytesIO()
            tarfile.open(fileobj=packed, mode="w:gz").close()
            key = artifact.removeprefix(f"s3://{_BUCKET}/")
            self.aws.client("s3").put_object(Bucket=_BUCKET, Key=key, Body=packed.getvalue())

    def _pause(self, seconds: float) -> None:
        self.paused += seconds
        self._endpoint_settles()

    def _aws_moves(self) -> bool:
        running = self.jobs.running()
        for name in running:
            self.end(name)
        return self._endpoint_settles() or bool(running)

    def _endpoint_settles(self) -> bool:
        """Whether it was at work; its end is told as SageMaker tells it."""
        eventually(self._at_rest)
        view = self.real.view(MODEL)
        if view == self._seen:
            return False
        self._seen = view
        if view is not None:
            self.bus.happens(*told(NAMES.endpoint(MODEL), view))
        return True

    def _at_rest(self) -> bool:
        view = self.real.view(MODEL)
        return view is None or view.status not in _AT_WORK
