"""Target tracking: which metric a policy keeps at its target, and the alarms on it."""

from typing import Any
from uuid import uuid4

from local.autoscaling.records import Request, invalid

INVOCATIONS = "SageMakerVariantInvocationsPerInstance"
_PERIOD = 60
_SCALE_IN_AT = 0.9
_PERIODS = {"AlarmHigh": 3, "AlarmLow": 15}
_LARGEST = 2.0**360


def check_tracking(config: Request) -> None:
    """Raise for a configuration that its model lets pass."""
    both = ("PredefinedMetricSpecification", "CustomizedMetricSpecification")
    if len([member for member in both if member in config]) != 1:
        raise invalid(f"Exactly one of {both[0]} and {both[1]} must be specified")
    if not -_LARGEST <= config["TargetValue"] <= _LARGEST:
        raise invalid("TargetValue must be between -2^360 and 2^360")
    predefined = config.get("PredefinedMetricSpecification")
    if predefined is None:
        _check_customized(config["CustomizedMetricSpecification"])
    elif "HighResolution" in predefined["PredefinedMetricType"]:
        raise invalid(f"{predefined['PredefinedMetricType']}: not emulated yet.")
    elif predefined["PredefinedMetricType"] != INVOCATIONS:
        kind = predefined["PredefinedMetricType"]
        raise invalid(f"The metric type {kind} is not valid for a SageMaker endpoint variant")


def _check_customized(metric: Request) -> None:
    one = ("MetricName", "Namespace", "Statistic")
    given = [member for member in one if member in metric]
    if ("Metrics" in metric) == bool(given) or (given and len(given) < len(one)):
        raise invalid(f"A customized metric needs either Metrics or {', '.join(one)}")


def alarms_of(policy: Request, action: str, variant: tuple[str, str]) -> list[dict[str, Any]]:
    """What PutMetricAlarm is asked: the high one first, no low one without scale-in."""
    config = policy["TargetTrackingScalingPolicyConfiguration"]
    target = float(config["TargetValue"])
    kinds = {"AlarmHigh": ("GreaterThanThreshold", target)}
    if not config["DisableScaleIn"]:
        kinds["AlarmLow"] = ("LessThanThreshold", target * _SCALE_IN_AT)
    return [
        {
            "AlarmName": _name(policy, kind),
            "AlarmDescription": (
                f"DO NOT EDIT OR DELETE. For TargetTrackingScaling policy {action}."
            ),
            "AlarmActions": [action],
            "ComparisonOperator": operator,
            "Threshold": threshold,
            "EvaluationPeriods": _PERIODS[kind],
            **_watched(config, variant),
        }
        for kind, (operator, threshold) in kinds.items()
    ]


def _name(policy: Request, kind: str) -> str:
    """An alarm keeps the name that it has."""
    start = f"TargetTracking-{policy['ResourceId']}-{kind}-"
    names = (alarm["AlarmName"] for alarm in policy["Alarms"])
    return next((name for name in names if name.startswith(start)), f"{start}{uuid4()}")


def _watched(config: Request, variant: tuple[str, str]) -> dict[str, Any]:
    if "PredefinedMetricSpecification" in config:
        names = zip(("EndpointName", "VariantName"), variant, strict=True)
        return {
            "Namespace": "AWS/SageMaker",
            "MetricName": "InvocationsPerInstance",
            "Dimensions": [{"Name": name, "Value": value} for name, value in names],
            "Statistic": "Sum",
            "Period": _PERIOD,
        }
    metric = config["CustomizedMetricSpecification"]
    if "Metrics" in metric:
        return {"Metrics": [_query(query) for query in metric["Metrics"]]}
    members = ("Namespace", "MetricName", "Dimensions", "Statistic", "Unit")
    return {member: metric[member] for member in members if member in metric} | {"Period": _PERIOD}


def _query(query: Request) -> Request:
    if "MetricStat" not in query:
        return query
    return query | {"MetricStat": {"Period": _PERIOD, **query["MetricStat"]}}
