"""The values of a template's parameters."""

from collections.abc import Mapping
from typing import Any

from local.cloud import Account
from local.cloudformation.errors import validation
from local.cloudformation.template import Template

SSM_VALUE = "AWS::SSM::Parameter::Value"


def given_parameters(request: Mapping[str, Any], before: Mapping[str, str]) -> dict[str, str]:
    """What a request sets, with `UsePreviousValue` looked up."""
    given = {}
    for each in request.get("Parameters") or []:
        name = str(each["ParameterKey"])
        if not each.get("UsePreviousValue"):
            given[name] = str(each.get("ParameterValue", ""))
        elif name in before:
            given[name] = before[name]
    return given


def checked_parameters(template: Template, given: Mapping[str, str]) -> dict[str, Any]:
    """Given and default values by name; refuses unknown, missing and forbidden ones."""
    unknown = sorted(set(given) - set(template.parameters))
    if unknown:
        raise validation(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    values: dict[str, Any] = {}
    missing = []
    for name, definition in template.parameters.items():
        value = given.get(name, definition.get("Default"))
        if value is None:
            missing.append(name)
            continue
        allowed = [str(each) for each in definition.get("AllowedValues", [])]
        if allowed and str(value) not in allowed:
            message = f"Parameter {name} must be one of {', '.join(allowed)}, not {value!r}"
            raise validation(message)
        many = str(definition.get("Type", "String")).startswith(("List<", "CommaDelimitedList"))
        values[name] = [each.strip() for each in str(value).split(",")] if many else str(value)
    if missing:
        raise validation(f"Parameters: [{', '.join(missing)}] must have values")
    return values


def resolved_by_ssm(
    template: Template, values: Mapping[str, Any], account: Account
) -> dict[str, Any]:
    """Parameters of type `AWS::SSM::Parameter::Value<…>` mean what they name."""
    ssm = account.client("ssm")
    resolved = {}
    for name, definition in template.parameters.items():
        if str(definition.get("Type", "")).startswith(SSM_VALUE):
            try:
                found = ssm.get_parameter(Name=values[name])
            except ssm.exceptions.ParameterNotFound as error:
                message = f"Unable to fetch parameters [{values[name]}] from parameter store"
                raise validation(f"{message} for this account.") from error
            resolved[name] = found["Parameter"]["Value"]
    return resolved
