"""What may stand together in one endpoint configuration."""

from collections.abc import Mapping, Sequence
from typing import Any

from local.sagemaker.capture import Capture
from local.sagemaker.parts import Request, invalid, refuse

_NO_SHADOW = "ml.inf1."


def checked(request: Request) -> list[Mapping[str, Any]]:
    """Every variant of a configuration, shadows last; raises SageMaker's errors."""
    production = request["ProductionVariants"]
    shadows = request.get("ShadowProductionVariants", [])
    refuse(request, "ExplainerConfig")
    for variant in (*production, *shadows):
        refuse(variant, "ServerlessConfig", "ManagedInstanceScaling")
    _check_weights(production)
    if shadows:
        _check_shadows(request, production, shadows)
    if request.get("AsyncInferenceConfig"):
        _check_asynchronous(request)
    return [*production, *shadows]


def _check_weights(production: Sequence[Mapping[str, Any]]) -> None:
    if len({v["VariantName"] for v in production}) < len(production):
        raise invalid("Duplicate variant names in ProductionVariants.")
    if not any(v.get("InitialVariantWeight", 1.0) for v in production):
        raise invalid("The sum of the initial variant weights must be greater than zero.")


def _check_shadows(
    request: Request, production: Sequence[Mapping[str, Any]], shadows: Sequence[Mapping[str, Any]]
) -> None:
    if len(production) > 1 or len(shadows) > 1:
        raise invalid(
            "With ShadowProductionVariants there can be only one variant in ProductionVariants"
            " and one variant in ShadowProductionVariants."
        )
    if production[0]["VariantName"] == shadows[0]["VariantName"]:
        raise invalid("Duplicate variant names in ProductionVariants and ShadowProductionVariants.")
    if request.get("AsyncInferenceConfig"):
        raise invalid("ShadowProductionVariants are not supported with AsyncInferenceConfig.")
    types = [variant.get("InstanceType", "") for variant in (*production, *shadows)]
    if found := [each for each in types if each.startswith(_NO_SHADOW)]:
        raise invalid(f"ShadowProductionVariants are not supported on instances of {found[0]}.")


def _check_asynchronous(request: Request) -> None:
    if len(request["ProductionVariants"]) > 1:
        raise invalid("AsyncInferenceConfig is supported with one production variant only.")
    if Capture.of(request.get("DataCaptureConfig")) is not None:
        raise invalid("DataCaptureConfig with AsyncInferenceConfig: not emulated yet.")
