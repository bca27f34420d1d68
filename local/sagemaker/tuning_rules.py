"""What CreateHyperParameterTuningJob refuses beyond its service model."""

from collections.abc import Mapping
from typing import Any

from local.sagemaker.final_metrics import FinalMetrics
from local.sagemaker.parts import Request, invalid, refuse
from local.sagemaker.training_rules import check_training
from local.sagemaker.tuning_search import Space

_UNEMULATED = ("WarmStartConfig", "Autotune", "TrainingJobDefinitions")


def check_tuning(request: Request) -> None:
    """Raise SageMaker's error for what does not fit together, or is not part of this AWS."""
    refuse(request, *_UNEMULATED)
    if "TrainingJobDefinition" not in request:
        raise invalid("A TrainingJobDefinition is required.")
    definition, config = request["TrainingJobDefinition"], request["HyperParameterTuningJobConfig"]
    refuse(definition, "HyperParameterTuningResourceConfig")
    if "HyperParameterTuningJobObjective" not in config:
        raise invalid("HyperParameterTuningJobObjective is required.")
    metric = config["HyperParameterTuningJobObjective"]["MetricName"]
    metrics = definition["AlgorithmSpecification"].get("MetricDefinitions", [])
    if metric not in {each["Name"] for each in metrics}:
        raise invalid(
            f"Objective metric {metric} is not among the MetricDefinitions of the"
            " training job definition."
        )
    check_training(definition)
    FinalMetrics(metrics)
    _check_ranges(config.get("ParameterRanges", {}), definition)
    _check_limits(config)


def _check_ranges(ranges: Mapping[str, Any], definition: Mapping[str, Any]) -> None:
    refuse(ranges, "AutoParameters")
    found = [each for kind in ranges.values() for each in kind]
    names = [each["Name"] for each in found]
    if not names:
        raise invalid("At least one hyperparameter range is required.")
    twice = set(names) & set(definition.get("StaticHyperParameters", {}))
    if len(set(names)) < len(names) or twice:
        raise invalid("Hyperparameter names must be unique among ranges and static ones.")
    for each in found:
        if "MinValue" in each:
            _check_numbers(each)


def _check_numbers(told: Mapping[str, Any]) -> None:
    name = told["Name"]
    try:
        low, high = float(told["MinValue"]), float(told["MaxValue"])
    except ValueError as error:
        raise invalid(f"The range of {name} is not of numbers.") from error
    if low > high:
        raise invalid(f"MinValue of {name} must not be greater than MaxValue.")
    scaling = told.get("ScalingType", "Auto")
    if scaling == "Logarithmic" and low <= 0:
        raise invalid(f"Logarithmic scaling of {name} needs values greater than 0.")
    if scaling == "ReverseLogarithmic" and not 0 <= low <= high < 1:
        raise invalid(f"ReverseLogarithmic scaling of {name} needs values in [0, 1).")


def _check_limits(config: Mapping[str, Any]) -> None:
    limits = config["ResourceLimits"]
    if config["Strategy"] == "Grid":
        _check_grid(config, limits)
    elif "MaxNumberOfTrainingJobs" not in limits:
        raise invalid("MaxNumberOfTrainingJobs is required.")
    hyperband = config.get("StrategyConfig", {}).get("HyperbandStrategyConfig", {})
    if hyperband and config["Strategy"] != "Hyperband":
        raise invalid("HyperbandStrategyConfig is for the Hyperband strategy only.")
    if config["Strategy"] == "Hyperband":
        if config.get("TrainingJobEarlyStoppingType", "Off") != "Off":
            raise invalid("TrainingJobEarlyStoppingType must be Off for the Hyperband strategy.")
        if hyperband.get("MinResource", 1) > hyperband.get("MaxResource", 1):
            raise invalid("MinResource must not be greater than MaxResource.")
    criteria = config.get("TuningJobCompletionCriteria", {})
    if criteria.get("ConvergenceDetected", {}).get("CompleteOnConvergence") == "Enabled":
        raise invalid("ConvergenceDetected: not emulated yet.")


def _check_grid(config: Mapping[str, Any], limits: Mapping[str, Any]) -> None:
    ranges = config.get("ParameterRanges", {})
    if ranges.get("IntegerParameterRanges") or ranges.get("ContinuousParameterRanges"):
        raise invalid("The Grid strategy supports categorical hyperparameters only.")
    combinations = len(Space.of(ranges).grid())
    if limits.get("MaxNumberOfTrainingJobs", combinations) != combinations:
        raise invalid(
            f"MaxNumberOfTrainingJobs must be {combinations}, the number of combinations,"
            " for the Grid strategy."
        )
