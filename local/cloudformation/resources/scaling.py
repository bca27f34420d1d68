"""AWS::ApplicationAutoScaling types."""

from typing import Any

from local.cloudformation.provider import Ask, Properties, Provider, as_text, tag_map
from local.cloudformation.template import Made

TARGET = ("ServiceNamespace", "ResourceId", "ScalableDimension")


class _ScalingProvider(Provider):
    @property
    def scaling(self) -> Any:
        return self.around.account.client("application-autoscaling")


class ScalableTarget(_ScalingProvider):
    immutable = frozenset(TARGET)
    named_by = "ResourceId"

    def look(self, ask: Ask, name: str) -> object:
        return self.scaling.describe_scalable_targets(
            ResourceIds=[name], **ask.pick("ServiceNamespace", "ScalableDimension")
        )["ScalableTargets"]

    def create(self, ask: Ask) -> Made:
        ask.own_name("ResourceId")
        self._register(ask, {}, Tags=tag_map(ask.get("Tags")))
        identifier = "|".join(str(ask.need(n)) for n in ("ResourceId", *reversed(TARGET[::2])))
        return Made(identifier, {"Id": identifier})

    def update(self, ask: Ask, before: Properties, made: Made) -> Made:
        self._register(ask, before)
        return made

    def delete(self, ask: Ask, made: Made) -> None:
        self.scaling.deregister_scalable_target(**ask.pick(*TARGET))

    def _register(self, ask: Ask, before: Properties, **more: Any) -> None:
        limits = {name: int(ask.need(name)) for name in ("MinCapacity", "MaxCapacity")}
        self.scaling.register_scalable_target(
            **ask.pick(*TARGET, "RoleARN", "SuspendedState"), **limits, **more
        )
        wanted = {
            str(each["ScheduledActionName"]): each for each in ask.get("ScheduledActions", [])
        }
        for each in before.get("ScheduledActions", []):
            if each["ScheduledActionName"] not in wanted:
                name = str(each["ScheduledActionName"])
                self.scaling.delete_scheduled_action(ScheduledActionName=name, **ask.pick(*TARGET))
        for action in wanted.values():
            self.scaling.put_scheduled_action(**ask.pick(*TARGET), **_numbers(action))


class ScalingPolicy(_ScalingProvider):
    immutable = frozenset({"PolicyName", "ScalingTargetId", *TARGET})
    named_by = "PolicyName"

    def look(self, ask: Ask, name: str) -> object:
        told = self.scaling.describe_scaling_policies(PolicyNames=[name], **_target(ask))
        return name in [each["PolicyName"] for each in told["ScalingPolicies"]]

    def create(self, ask: Ask) -> Made:
        arn = self._put(ask)
        return Made(arn, {"Arn": arn})

    def update(self, ask: Ask, before: Properties, made: Made) -> Made:
        self._put(ask)
        return made

    def delete(self, ask: Ask, made: Made) -> None:
        name = str(ask.need("PolicyName"))
        self.scaling.delete_scaling_policy(PolicyName=name, **_target(ask))

    def _put(self, ask: Ask) -> str:
        settings = ask.pick(
            "StepScalingPolicyConfiguration",
            "TargetTrackingScalingPolicyConfiguration",
            "PredictiveScalingPolicyConfiguration",
        )
        answer = self.scaling.put_scaling_policy(
            PolicyName=ask.own_name("PolicyName"),
            PolicyType=ask.need("PolicyType"),
            **_target(ask),
            **_numbers(settings),
        )
        return str(answer["PolicyARN"])


def _target(ask: Ask) -> dict[str, str]:
    """What is scaled, by its three members or by what `Ref` of its target answers."""
    if "ScalingTargetId" not in ask.properties:
        return ask.pick(*TARGET)
    resource, dimension, namespace = str(ask.need("ScalingTargetId")).split("|")
    return dict(zip(TARGET, (namespace, resource, dimension), strict=True))


_INTEGERS = frozenset({"Cooldown", "MaxCapacity", "MinAdjustmentMagnitude", "MinCapacity"})
_INTEGERS |= {"ScaleInCooldown", "ScaleOutCooldown", "ScalingAdjustment"}
_FLOATS = frozenset({"MetricIntervalLowerBound", "MetricIntervalUpperBound", "TargetValue"})
_FLAGS = frozenset({"DisableScaleIn", "ReturnData"})


def _numbers(node: Any) -> Any:
    """Templates may write numbers as text; the API takes numbers."""
    if isinstance(node, list):
        return [_numbers(each) for each in node]
    if not isinstance(node, dict):
        return node
    return {name: _number(name, value) for name, value in node.items()}


def _number(name: str, value: Any) -> Any:
    if name in _INTEGERS:
        return int(value)
    if name in _FLOATS:
        return float(value)
    return as_text(value) == "true" if name in _FLAGS else _numbers(value)


TYPES: dict[str, type[Provider]] = {
    "AWS::ApplicationAutoScaling::ScalableTarget": ScalableTarget,
    "AWS::ApplicationAutoScaling::ScalingPolicy": ScalingPolicy,
}
