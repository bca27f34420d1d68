"""What a rule hands to a target, and how often it is tried: input, retries, dead letters."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.errors import AwsError

Event = dict[str, Any]
_PLACE = re.compile(r"<([A-Za-z0-9_.-]+)>")
_PATH = re.compile(r"\$(\.[A-Za-z0-9_-]+(\[\d+\])?)*")


def input_of(target: Mapping[str, Any], event: Event, rule_arn: str, rule: str) -> str:
    """The text a target receives for an event."""
    if "Input" in target:
        return str(target["Input"])
    if "InputPath" in target:
        return json.dumps(_at(event, target["InputPath"]))
    if "InputTransformer" in target:
        return _transformed(target["InputTransformer"], event, rule_arn, rule)
    return json.dumps(event)


def check_input(target: Mapping[str, Any]) -> None:
    """Refuse what AWS refuses; raises AwsError ValidationException."""
    given = [key for key in ("Input", "InputPath", "InputTransformer") if key in target]
    if len(given) > 1:
        raise AwsError(
            "ValidationException",
            f"Only one of Input, InputPath, or InputTransformer must be provided for target"
            f" {target.get('Id')}.",
        )
    for path in target.get("InputTransformer", {}).get("InputPathsMap", {}).values():
        if _PATH.fullmatch(path) is None:
            raise AwsError("ValidationException", f"Invalid InputPath for target: {path}")


def _at(event: Any, path: str) -> Any:
    """The value at a JSON path of names and indexes; None when there is none."""
    found = event
    for name, index in re.findall(r"\.([A-Za-z0-9_-]+)|\[(\d+)\]", path):
        try:
            found = found[name] if name else found[int(index)]
        except (KeyError, IndexError, TypeError):
            return None
    return found


def _transformed(transformer: Mapping[str, Any], event: Event, rule_arn: str, rule: str) -> str:
    values = {name: _at(event, path) for name, path in transformer.get("InputPathsMap", {}).items()}
    values |= {
        "aws.events.rule-arn": rule_arn,
        "aws.events.rule-name": rule,
        "aws.events.event.ingestion-time": event["time"],
        "aws.events.event": {k: v for k, v in event.items() if k != "detail"},
        "aws.events.event.json": event,
    }
    template = str(transformer["InputTemplate"])
    return _PLACE.sub(lambda match: _placed(template, match, values), template)


def _placed(template: str, match: re.Match[str], values: Mapping[str, Any]) -> str:
    """Inside quotes a value is plain text, outside it is JSON; what is missing is empty."""
    name = match[1]
    if name not in values:
        return match[0]
    value = values[name]
    quoted = template[: match.start()].count('"') % 2 == 1
    if value is None:
        return ""
    if isinstance(value, str):
        text = json.dumps(value)
        return text[1:-1] if quoted else text
    return json.dumps(value).replace('"', '\\"') if quoted else json.dumps(value)


@dataclass(frozen=True)
class Retry:
    """A target's retry policy."""

    attempts: int = 185
    max_age: float = 86400.0
    """Seconds."""

    @classmethod
    def of(cls, target: Mapping[str, Any]) -> "Retry":
        policy = target.get("RetryPolicy", {})
        return cls(
            attempts=policy.get("MaximumRetryAttempts", 185),
            max_age=policy.get("MaximumEventAgeInSeconds", 86400),
        )

    def delay(self, tries: int) -> float:
        """Seconds before the next try, doubling from one second up to five minutes."""
        return float(min(2 ** (tries - 1), 300))


def dead_letter_attributes(
    *, rule_arn: str, target_arn: str, error: AwsError, tries: int, exhausted: str
) -> dict[str, str]:
    """The message attributes AWS documents for an event in a dead-letter queue."""
    return {
        "RULE_ARN": rule_arn,
        "TARGET_ARN": target_arn,
        "ERROR_CODE": error.code,
        "ERROR_MESSAGE": error.message,
        "EXHAUSTED_RETRY_CONDITION": exhausted,
        "RETRY_ATTEMPTS": str(tries - 1),
    }
