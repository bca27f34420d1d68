"""Rules and their targets, as one bus holds them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local import expressions
from local.errors import AwsError
from local.patterns import Pattern, parse_pattern
from local.targets import Event, check_input

_MOST_TARGETS = 5


@dataclass
class Rule:
    """A rule: what it matches or when it fires, and whom it wakes."""

    name: str
    arn: str
    bus: str
    pattern_text: str | None
    schedule: str | None
    state: str
    description: str | None = None
    role_arn: str | None = None
    pattern: Pattern | None = None
    targets: dict[str, dict[str, Any]] = field(default_factory=dict)
    generation: int = 0
    """Changes with every PutRule, so that an old timer knows that it is old."""

    @property
    def enabled(self) -> bool:
        return self.state != "DISABLED"

    def matches(self, event: Event) -> bool:
        return self.enabled and self.pattern is not None and self.pattern.matches(event)

    def put_targets(self, targets: list[dict[str, Any]]) -> None:
        """Add or replace by id; raises AwsError on what AWS refuses."""
        merged = dict(self.targets)
        for target in targets:
            check_input(target)
            merged[str(target["Id"])] = target
        if len(merged) > _MOST_TARGETS:
            raise AwsError(
                "LimitExceededException",
                f"The requested resource exceeds the maximum number allowed: {_MOST_TARGETS}"
                f" targets for rule {self.name}.",
            )
        self.targets = merged

    def described(self) -> dict[str, Any]:
        told = {
            "Name": self.name,
            "Arn": self.arn,
            "EventBusName": self.bus,
            "State": self.state,
            "EventPattern": self.pattern_text,
            "ScheduleExpression": self.schedule,
            "Description": self.description,
            "RoleArn": self.role_arn,
        }
        return {key: value for key, value in told.items() if value is not None}


def rule_from(request: Mapping[str, Any], *, arn: str, bus: str, before: Rule | None) -> Rule:
    """The rule a PutRule means; targets of the one before stay. Raises AwsError."""
    pattern, schedule = request.get("EventPattern"), request.get("ScheduleExpression")
    if pattern is None and schedule is None:
        raise AwsError(
            "ValidationException",
            "Parameter(s) EventPattern or ScheduleExpression must be specified.",
        )
    if schedule is not None and bus != "default":
        raise AwsError(
            "ValidationException", "ScheduleExpression is supported only on the default event bus."
        )
    if schedule is not None:
        expressions.check(schedule)
    return Rule(
        name=str(request["Name"]),
        arn=arn,
        bus=bus,
        pattern_text=pattern,
        schedule=schedule,
        state=request.get("State", "ENABLED"),
        description=request.get("Description"),
        role_arn=request.get("RoleArn"),
        pattern=parse_pattern(pattern) if pattern is not None else None,
        targets=before.targets if before else {},
        generation=before.generation + 1 if before else 1,
    )
