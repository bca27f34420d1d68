"""What every model of `models/` needs: its definition, its code, its versions and its alarms."""

import json
from pathlib import Path

import aws_cdk as cdk_
import aws_cdk.aws_cloudwatch as cloudwatch
import aws_cdk.aws_s3_assets as s3_assets
import aws_cdk.aws_sagemaker as sagemaker
import aws_cdk.aws_ssm as ssm
from constructs import Construct

from bundles.code import bundle, digest
from cdk.stages import Stage
from functions.definition import Definition, read_definition
from functions.names import VARIANTS, Names

_MINUTE = cdk_.Duration.minutes(1)
_MOST_ERRORS = 0.05
_MICROSECONDS = 1e6
_ALARMS = (
    ("errors", "Invocation5XXErrors", "Average", 1),
    ("latency", "ModelLatency", "p99", 3),
)
"""Name, metric, statistic and how many bad minutes in a row it takes: errors are never the
weather, but one slow answer is the p99 of a quiet minute."""


class Model(Construct):
    """One model: an SSM parameter, a code asset, a package group, alarms on both variants."""

    def __init__(
        self, scope: Construct, id_: str, *, stage: Stage, folder: Path, scratch: Path
    ) -> None:
        super().__init__(scope, id_)
        self.name = folder.name
        self.definition = read_definition(folder)
        self._names = Names(stage.prefix)
        zipped = bundle(folder)
        scratch.mkdir(parents=True, exist_ok=True)
        path = scratch / f"{self.name}-{digest(zipped)}.zip"
        path.write_bytes(zipped)
        self.code = s3_assets.Asset(self, "Code", path=str(path))
        self.parameter = ssm.StringParameter(
            self,
            "Definition",
            parameter_name=self._names.definition_parameter(self.name),
            description=f"What Sluice knows of the model {self.name}",
            tier=ssm.ParameterTier.INTELLIGENT_TIERING,
            string_value=cdk_.Stack.of(self).to_json_string(
                {
                    "model": self.name,
                    "definition": json.loads(self.definition.model_dump_json()),
                    "code_uri": self.code.s3_object_url,
                    "code": digest(zipped),
                }
            ),
        )
        sagemaker.CfnModelPackageGroup(
            self,
            "Versions",
            model_package_group_name=self._names.package_group(self.name),
            model_package_group_description=f"Versions of {self.name}, entered by gate_model",
        )
        self.alarms = [
            self._alarm(variant, what, self.metric(variant, metric, statistic), minutes)
            for variant in VARIANTS
            for what, metric, statistic, minutes in _ALARMS
        ]

    def metric(self, variant: str, metric: str, statistic: str) -> cloudwatch.Metric:
        """One metric of one variant of this model's endpoint."""
        return cloudwatch.Metric(
            namespace="AWS/SageMaker",
            metric_name=metric,
            dimensions_map={
                "EndpointName": self._names.endpoint(self.name),
                "VariantName": variant,
            },
            statistic=statistic,
            period=_MINUTE,
        )

    def _alarm(
        self, variant: str, what: str, metric: cloudwatch.Metric, minutes: int
    ) -> cloudwatch.Alarm:
        return cloudwatch.Alarm(
            self,
            f"{variant}-{what}",
            alarm_name=self._names.alarm(self.name, variant, what),
            alarm_description=f"{what} of the {variant} variant of {self.name}",
            metric=metric,
            threshold=_threshold(self.definition, what),
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            evaluation_periods=minutes,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )


def _threshold(definition: Definition, what: str) -> float:
    return definition.serving.latency * _MICROSECONDS if what == "latency" else _MOST_ERRORS


def model_folders(models: Path) -> list[Path]:
    """Every folder with a `model.toml`, by name."""
    return sorted(path.parent for path in models.glob("*/model.toml"))
