"""Training and processing jobs on SageMaker: started once per name, then only looked at."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypedDict, cast

from botocore.exceptions import ClientError

from functions.aws.refusals import (
    NOT_DONE,
    NoRoomError,
    NotDone,
    Refusal,
    RefusedError,
    message,
    refusal,
)
from functions.jobs import EvaluationSpec, JobStatus, JobView, TrainingSpec

if TYPE_CHECKING:
    from types_boto3_sagemaker.client import SageMakerClient
    from types_boto3_sagemaker.literals import (
        ProcessingInstanceTypeType,
        TrainingInstanceTypeType,
    )
    from types_boto3_sagemaker.type_defs import (
        ChannelTypeDef,
        CheckpointConfigTypeDef,
        ProcessingInputTypeDef,
        TagTypeDef,
    )


class _Checkpoints(TypedDict, total=False):
    CheckpointConfig: "CheckpointConfigTypeDef"


_SHORT = ("CapacityError", "InsufficientCapacity", "InsufficientInstanceCapacity")
"""How the FailureReason begins of a job that got no machines."""
_INPUT = "/opt/ml/processing/input"
_VOLUME_GB = 30


class Jobs:
    """Jobs by name."""

    def __init__(self, client: "SageMakerClient") -> None:
        self._client = client

    def train(self, spec: TrainingSpec) -> None:
        """Start the job unless it is there; raises NoRoomError and RefusedError."""
        code = spec.code_uri.rsplit("/", 1)[1]
        try:
            self._client.create_training_job(
                TrainingJobName=spec.name,
                RoleArn=spec.role_arn,
                AlgorithmSpecification={
                    "TrainingImage": spec.image,
                    "TrainingInputMode": "File",
                    "ContainerEntrypoint": ["python3", f"/opt/ml/input/data/code/{code}"],
                    "ContainerArguments": ["train"],
                    "MetricDefinitions": [
                        {"Name": "loss", "Regex": r"loss=([0-9.eE+-]+)"},
                        {"Name": "accuracy", "Regex": r"accuracy=([0-9.eE+-]+)"},
                    ],
                },
                HyperParameters=dict(spec.hyperparameters),
                InputDataConfig=[
                    _channel("code", spec.code_uri),
                    _channel("dataset", f"{spec.dataset_uri}/dataset.json"),
                    _channel("train", f"{spec.dataset_uri}/s3.manifest", manifest=True),
                ],
                OutputDataConfig={"S3OutputPath": spec.output_uri},
                **_checkpoints(spec.checkpoint_uri),
                ResourceConfig={
                    "InstanceType": cast("TrainingInstanceTypeType", spec.instance),
                    "InstanceCount": 1,
                    "VolumeSizeInGB": _VOLUME_GB,
                },
                StoppingCondition=(
                    {
                        "MaxRuntimeInSeconds": spec.max_runtime,
                        "MaxWaitTimeInSeconds": 2 * spec.max_runtime,
                    }
                    if spec.spot
                    else {"MaxRuntimeInSeconds": spec.max_runtime}
                ),
                EnableManagedSpotTraining=spec.spot,
                EnableNetworkIsolation=True,
                EnableInterContainerTrafficEncryption=True,
                Environment=dict(spec.environment),
                Tags=_tags(spec.tags),
            )
        except NOT_DONE as error:
            _settle(error, what=f"training job {spec.name}")

    def evaluate(self, spec: EvaluationSpec) -> None:
        """Start the job unless it is there; raises NoRoomError and RefusedError."""
        code = spec.code_uri.rsplit("/", 1)[1]
        try:
            self._client.create_processing_job(
                ProcessingJobName=spec.name,
                RoleArn=spec.role_arn,
                AppSpecification={
                    "ImageUri": spec.image,
                    "ContainerEntrypoint": ["python3", f"{_INPUT}/code/{code}"],
                    "ContainerArguments": ["evaluate"],
                },
                ProcessingInputs=_inputs(spec),
                ProcessingOutputConfig={
                    "Outputs": [
                        {
                            "OutputName": "evaluation",
                            "S3Output": {
                                "S3Uri": spec.output_uri,
                                "LocalPath": "/opt/ml/processing/output",
                                "S3UploadMode": "EndOfJob",
                            },
                        }
                    ]
                },
                ProcessingResources={
                    "ClusterConfig": {
                        "InstanceType": cast("ProcessingInstanceTypeType", spec.instance),
                        "InstanceCount": 1,
                        "VolumeSizeInGB": _VOLUME_GB,
                    }
                },
                StoppingCondition={"MaxRuntimeInSeconds": spec.max_runtime},
                NetworkConfig={"EnableNetworkIsolation": True},
                Environment=dict(spec.environment),
                Tags=_tags(spec.tags),
            )
        except NOT_DONE as error:
            _settle(error, what=f"processing job {spec.name}")

    def training(self, name: str) -> JobView | None:
        """A training job as it is now, or None when there is none."""
        try:
            seen = self._client.describe_training_job(TrainingJobName=name)
        except ClientError as error:
            if refusal(error) is Refusal.NOT_THERE:
                return None
            raise
        return JobView(
            name=name,
            status=JobStatus(seen["TrainingJobStatus"]),
            failure=seen.get("FailureReason", ""),
            artifact=seen.get("ModelArtifacts", {}).get("S3ModelArtifacts"),
            short=_short(seen.get("FailureReason", ""), seen.get("SecondaryStatus", "")),
            instance=seen.get("ResourceConfig", {}).get("InstanceType", ""),
            billable=seen.get("BillableTimeInSeconds"),
        )

    def evaluation(self, name: str) -> JobView | None:
        """A processing job as it is now, or None when there is none."""
        try:
            seen = self._client.describe_processing_job(ProcessingJobName=name)
        except ClientError as error:
            if refusal(error) is Refusal.NOT_THERE:
                return None
            raise
        return JobView(
            name=name,
            status=JobStatus(seen["ProcessingJobStatus"]),
            failure=_words(seen.get("FailureReason", ""), seen.get("ExitMessage", "")),
        )


def _words(reason: str, last: str) -> str:
    """SageMaker's reason, and the container's own last word where that does not hold it."""
    return reason if last in reason else f"{reason} {last}".strip()


def _short(failure: str, secondary: str) -> bool:
    """SageMaker names a want of capacity in words; of spot by the status it stopped in."""
    return secondary == "MaxWaitTimeExceeded" or failure.startswith(_SHORT)


def _checkpoints(uri: str | None) -> "_Checkpoints":
    return {"CheckpointConfig": {"S3Uri": uri}} if uri else {}


def _settle(error: NotDone, *, what: str) -> None:
    """A job of this name being there is success: the name tells run and attempt.

    The run is made of model, dataset, configuration and code. Image, role and output are the
    stage's, so a job from before a deployment that changed them counts as the same.
    """
    match refusal(error):
        case Refusal.ALREADY_THERE:
            return
        case Refusal.NO_ROOM:
            raise NoRoomError(f"{what}: {message(error)}") from error
        case Refusal.INVALID:
            raise RefusedError(f"{what}: {message(error)}") from error
        case _:
            raise error


def _channel(name: str, uri: str, *, manifest: bool = False) -> "ChannelTypeDef":
    return {
        "ChannelName": name,
        "InputMode": "File",
        "DataSource": {
            "S3DataSource": {
                "S3DataType": "ManifestFile" if manifest else "S3Prefix",
                "S3Uri": uri,
                "S3DataDistributionType": "FullyReplicated",
            }
        },
    }


def _inputs(spec: EvaluationSpec) -> "list[ProcessingInputTypeDef]":
    inputs = [
        _input("code", spec.code_uri),
        _input("candidate", spec.candidate_uri),
        _input("holdout", spec.holdout_uri),
    ]
    if spec.champion_uri:
        inputs.append(_input("champion", spec.champion_uri))
    if spec.dataset_uri:
        inputs.append(_input("dataset", f"{spec.dataset_uri}/dataset.json"))
        inputs.append(_input("train", f"{spec.dataset_uri}/s3.manifest", manifest=True))
    return inputs


def _input(name: str, uri: str, *, manifest: bool = False) -> "ProcessingInputTypeDef":
    return {
        "InputName": name,
        "S3Input": {
            "S3Uri": uri,
            "LocalPath": f"{_INPUT}/{name}",
            "S3DataType": "ManifestFile" if manifest else "S3Prefix",
            "S3InputMode": "File",
        },
    }


def _tags(tags: Mapping[str, str]) -> "list[TagTypeDef]":
    return [{"Key": key, "Value": value} for key, value in tags.items()]
