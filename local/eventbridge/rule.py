"""A rule and its targets, as one bus holds them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local import expressions
from local.errors import AwsError
from local.eventbridge.inputs import Event, check_input
from local.patterns import Pattern, parse_pattern
from local.recipients import check_arn, service_of
from local.retries import MOST_ATTEMPTS, OLDEST

MOST_TARGETS = 5
STATES = ("ENABLED", "DISABLED", "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS")
_YOUNGEST = 60
_BUSES = frozenset({"events"})


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

    @property
    def enabled(self) -> bool:
        return self.state != "DISABLED"

    def matches(self, event: Event) -> bool:
        return self.enabled and self.pattern is not None and self.pattern.matches(event)

    def put_targets(self, targets: list[dict[str, Any]]) -> None:
        """Add or replace by id; raises AwsError on what AWS refuses."""
        merged = dict(self.targets)
        for target in targets:
            check_target(target)
            merged[str(target["Id"])] = target
        if len(merged) > MOST_TARGETS:
            raise AwsError(
                "LimitExceededException",
                "The requested resource exceeds the maximum number allowed.",
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

    def record(self) -> dict[str, Any]:
        return {**self.described(), "Targets": list(self.targets.values())}

    @classmethod
    def read(cls, record: Mapping[str, Any]) -> "Rule":
        rule = rule_from(record, arn=record["Arn"], bus=record["EventBusName"], before=None)
        rule.targets = {str(each["Id"]): each for each in record["Targets"]}
        return rule


def rule_from(request: Mapping[str, Any], *, arn: str, bus: str, before: Rule | None) -> Rule:
    """The rule a PutRule means; targets of the one before stay. Raises AwsError."""
    pattern, schedule = request.get("EventPattern"), request.get("ScheduleExpression")
    state = request.get("State", "ENABLED")
    _check(pattern, schedule, bus, state)
    return Rule(
        name=str(request["Name"]),
        arn=arn,
        bus=bus,
        pattern_text=pattern,
        schedule=schedule,
        state=state,
        description=request.get("Description"),
        role_arn=request.get("RoleArn"),
        pattern=parse_pattern(pattern) if pattern else None,
        targets=before.targets if before else {},
    )


def _check(pattern: str | None, schedule: str | None, bus: str, state: str) -> None:
    if not pattern and not schedule:
        raise _refused("Parameter(s) EventPattern or ScheduleExpression must be specified.")
    if schedule and bus != "default":
        raise _refused("ScheduleExpression is supported only on the default event bus.")
    if schedule and not expressions.is_rule_schedule(schedule):
        raise _refused("Parameter ScheduleExpression is not valid.")
    if state not in STATES:
        raise _refused(
            f"1 validation error detected: Value '{state}' at 'state' failed to satisfy constraint:"
            f" Member must satisfy enum value set: [{', '.join(STATES)}]"
        )


def check_target(target: Mapping[str, Any]) -> None:
    """Refuse what AWS refuses, and kinds of targets that nobody here delivers to."""
    arn, identifier = str(target["Arn"]), target["Id"]
    check_arn(arn, also=_BUSES)
    check_input(target)
    if service_of(arn) == "sqs" and arn.endswith(".fifo") and "SqsParameters" not in target:
        raise _refused(f"Parameter(s) SqsParameters must be specified for target: {identifier}.")
    letters = target.get("DeadLetterConfig", {}).get("Arn")
    if letters is not None and (service_of(letters) != "sqs" or letters.endswith(".fifo")):
        raise _refused(f"DeadLetterConfig of target {identifier} must be a standard SQS queue.")
    check_retry(target.get("RetryPolicy", {}))


def check_retry(policy: Mapping[str, Any]) -> None:
    """Attempts and age within the documented limits."""
    _within(policy, "MaximumRetryAttempts", 0, MOST_ATTEMPTS)
    _within(policy, "MaximumEventAgeInSeconds", _YOUNGEST, OLDEST)


def _within(policy: Mapping[str, Any], name: str, low: int, high: int) -> None:
    value = policy.get(name)
    if value is None or low <= int(value) <= high:
        return
    path = name[0].lower() + name[1:]
    wish = (
        f"greater than or equal to {low}" if int(value) < low else f"less than or equal to {high}"
    )
    raise _refused(
        f"1 validation error detected: Value '{value}' at 'retryPolicy.{path}' failed to satisfy"
        f" constraint: Member must have value {wish}"
    )


def _refused(message: str) -> AwsError:
    return AwsError("ValidationException", message)
