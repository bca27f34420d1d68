"""What a target receives for an event: all of it, a part, a constant or a template filled."""

import json
import re
from collections.abc import Mapping
from typing import Any

from local.errors import AwsError

Event = dict[str, Any]
MOST_PATHS = 100
_PLACE = re.compile(r"<([A-Za-z0-9_.-]+)>")
_PATH = re.compile(r"\$(\.[A-Za-z0-9_/*-]+|\[(\d+|\*)\])*")
_STEP = re.compile(r"\.([A-Za-z0-9_/*-]+)|\[(\d+|\*)\]")


def input_of(
    target: Mapping[str, Any], event: Event, rule_arn: str, rule: str, ingested: str = ""
) -> str:
    """The text a target receives for an event."""
    if "Input" in target:
        return str(target["Input"])
    if "InputPath" in target:
        return json.dumps(value_at(event, target["InputPath"]))
    if "InputTransformer" in target:
        known = {
            "aws.events.rule-arn": rule_arn,
            "aws.events.rule-name": rule,
            "aws.events.event.ingestion-time": ingested or event["time"],
            "aws.events.event": {k: v for k, v in event.items() if k != "detail"},
            "aws.events.event.json": event,
        }
        return _transformed(target["InputTransformer"], event, known)
    return json.dumps(event)


def check_input(target: Mapping[str, Any]) -> None:
    """Refuse what AWS refuses; raises AwsError ValidationException."""
    given = [key for key in ("Input", "InputPath", "InputTransformer") if key in target]
    identifier = target.get("Id")
    if len(given) > 1:
        raise AwsError(
            "ValidationException",
            f"Only one of Input, InputPath, or InputTransformer must be provided for target"
            f" {identifier}.",
        )
    _check_path(target.get("InputPath", "$"), identifier)
    paths = target.get("InputTransformer", {}).get("InputPathsMap", {})
    if len(paths) > MOST_PATHS:
        raise AwsError(
            "ValidationException",
            "1 validation error detected: Value at 'inputTransformer.inputPathsMap' failed to"
            f" satisfy constraint: Member must have length less than or equal to {MOST_PATHS}",
        )
    for name, path in paths.items():
        _check_name(name, identifier)
        _check_path(path, identifier)
    _check_constant(target)


def _check_name(name: str, identifier: Any) -> None:
    if name.lower().startswith("aws"):
        message = f"InputPathsMap of target {identifier} contains the reserved name {name}."
        raise AwsError("ValidationException", message)


def _check_path(path: str, identifier: Any) -> None:
    if _PATH.fullmatch(path) is None:
        raise AwsError("ValidationException", f"Invalid InputPath for target {identifier}: {path}")


def _check_constant(target: Mapping[str, Any]) -> None:
    if "Input" not in target:
        return
    try:
        json.loads(target["Input"])
    except ValueError as error:
        message = f"JSON syntax error in input for target {target.get('Id')}"
        raise AwsError("ValidationException", message) from error


def value_at(event: Any, path: str) -> Any:
    """The value at a JSON path of names, indexes and `*`; None when there is none."""
    found = [event]
    many = False
    for name, index in _STEP.findall(path):
        step = name or index
        many = many or step == "*"
        found = [below for each in found for below in _below(each, step)]
    return found if many else (found[0] if found else None)


def _below(value: Any, step: str) -> list[Any]:
    if isinstance(value, list):
        if step == "*":
            return value
        return value[int(step) : int(step) + 1] if step.isdigit() else []
    if isinstance(value, dict):
        return list(value.values()) if step == "*" else [value[step]] if step in value else []
    return []


def _transformed(transformer: Mapping[str, Any], event: Event, known: Mapping[str, Any]) -> str:
    paths = transformer.get("InputPathsMap", {})
    values = {name: value_at(event, path) for name, path in paths.items()} | dict(known)
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
    text = json.dumps(value)
    if not quoted:
        return text
    return text[1:-1] if isinstance(value, str) else text.replace("\\", "\\\\").replace('"', '\\"')
