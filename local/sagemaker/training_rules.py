"""What CreateTrainingJob refuses beyond its service model."""

from collections.abc import Mapping
from typing import Any

from local.sagemaker.parts import Request, invalid, refuse

_UNEMULATED = (
    "ServerlessJobConfig",
    "ModelPackageConfig",
    "MlflowConfig",
    "DebugRuleConfigurations",
)


def check_training(request: Request) -> None:
    """Raise SageMaker's error for what does not fit together, or is not part of this AWS."""
    refuse(request, *_UNEMULATED)
    _check_algorithm(request["AlgorithmSpecification"])
    for channel in request.get("InputDataConfig", []):
        check_channel(channel)
    names = [channel["ChannelName"] for channel in request.get("InputDataConfig", [])]
    if len(set(names)) < len(names):
        raise invalid("Channel names in InputDataConfig must be unique.")
    _check_resources(request.get("ResourceConfig", {}))
    _check_spot(request)


def check_channel(channel: Mapping[str, Any]) -> None:
    source = channel["DataSource"].get("S3DataSource")
    if source is None:
        raise invalid("Data sources other than S3DataSource: not emulated yet.")
    if source["S3DataType"] not in {"S3Prefix", "ManifestFile"}:
        raise invalid(f"S3DataType {source['S3DataType']}: not emulated yet.")
    _check_mode(channel.get("InputMode"))
    for member in ("CompressionType", "RecordWrapperType"):
        if channel.get(member, "None") != "None":
            raise invalid(f"{member} must be None in File mode; Pipe mode: not emulated yet.")


def _check_algorithm(algorithm: Mapping[str, Any]) -> None:
    if "TrainingImage" in algorithm and "AlgorithmName" in algorithm:
        raise invalid("TrainingImage and AlgorithmName cannot both be given.")
    if "TrainingImage" not in algorithm:
        raise invalid("AlgorithmSpecification needs a TrainingImage here.")
    _check_mode(algorithm.get("TrainingInputMode"))


def _check_mode(mode: str | None) -> None:
    if mode == "Pipe":
        raise invalid("Input mode Pipe: not emulated yet.")


def _check_resources(resources: Mapping[str, Any]) -> None:
    refuse(resources, "TrainingPlanArn", "InstancePlacementConfig")
    forms = [
        member
        for member in ("InstanceType", "InstanceGroups", "InstancePreferences")
        if resources.get(member)
    ]
    if len(forms) > 1:
        raise invalid(f"{' and '.join(forms)} cannot both be given in ResourceConfig.")
    if "InstanceType" in resources and resources.get("InstanceCount", 1) < 1:
        raise invalid("InstanceCount must be at least 1.")
    types = [each["InstanceType"] for each in resources.get("InstancePreferences", [])]
    if len(set(types)) < len(types):
        raise invalid("Instance types in InstancePreferences must be unique.")


def _check_spot(request: Request) -> None:
    stopping = request.get("StoppingCondition", {})
    longest, wait = stopping.get("MaxRuntimeInSeconds", 86400), stopping.get("MaxWaitTimeInSeconds")
    if not request.get("EnableManagedSpotTraining"):
        if wait is not None:
            raise invalid(
                "Invalid MaxWaitTimeInSeconds. It is only supported when"
                " EnableManagedSpotTraining is set to true"
            )
        return
    if wait is None:
        raise invalid("MaxWaitTimeInSeconds is required when EnableManagedSpotTraining is true")
    if wait < longest:
        raise invalid(
            "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to"
            " MaxRuntimeInSeconds"
        )
    _check_spot_resources(request.get("ResourceConfig", {}))


def _check_spot_resources(resources: Mapping[str, Any]) -> None:
    for member in ("KeepAlivePeriodInSeconds", "InstancePreferences"):
        if resources.get(member):
            raise invalid(f"{member} is not supported when EnableManagedSpotTraining is true")
