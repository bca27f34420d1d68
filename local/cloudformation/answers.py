"""Stacks in the shapes of the CloudFormation API."""

from collections.abc import Sequence
from typing import Any

from local.cloudformation.stack import Resource, Stack
from local.cloudformation.template import Template
from local.errors import AwsError

EVENTS_PER_PAGE = 100
Shape = dict[str, Any]


def stack(each: Stack) -> Shape:
    told: Shape = {
        "StackId": each.id,
        "StackName": each.name,
        "Description": each.template.description,
        "CreationTime": each.created,
        "LastUpdatedTime": each.updated,
        "DeletionTime": each.deleted,
        "StackStatus": each.status,
        "StackStatusReason": each.reason or None,
        "DisableRollback": each.disable_rollback,
        "EnableTerminationProtection": each.protected,
        "RollbackConfiguration": {},
        "NotificationARNs": [],
        "Capabilities": each.capabilities,
        "Tags": each.tags,
        "Parameters": [_parameter(each, name) for name in each.template.parameters],
        "Outputs": [
            {
                "OutputKey": output.key,
                "OutputValue": output.value,
                "Description": output.description or None,
                "ExportName": output.export or None,
            }
            for output in each.outputs
        ],
        "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
    }
    return {name: value for name, value in told.items() if value is not None}


def _parameter(each: Stack, name: str) -> Shape:
    definition = each.template.parameters[name]
    given = str(each.given.get(name, definition.get("Default", "")))
    hidden = str(definition.get("NoEcho", "")).lower() == "true"
    told: Shape = {"ParameterKey": name, "ParameterValue": "****" if hidden else given}
    resolved = each.parameters.get(name)
    if str(definition.get("Type", "")).startswith("AWS::SSM::Parameter::Value"):
        told["ResolvedValue"] = resolved
    return told


def events(each: Stack, request: Shape) -> Shape:
    """Newest first, a page at a time, as AWS gives them."""
    start = int(request.get("NextToken") or 0)
    newest_first = each.events[::-1]
    told: Shape = {"StackEvents": newest_first[start : start + EVENTS_PER_PAGE]}
    if start + EVENTS_PER_PAGE < len(newest_first):
        told["NextToken"] = str(start + EVENTS_PER_PAGE)
    return told


def _resource(each: Stack, resource_: Resource) -> Shape:
    return {
        "StackId": each.id,
        "StackName": each.name,
        "LogicalResourceId": resource_.logical_id,
        "PhysicalResourceId": resource_.made.reference,
        "ResourceType": resource_.kind,
        "ResourceStatus": resource_.status,
        "Timestamp": resource_.changed,
        "LastUpdatedTimestamp": resource_.changed,
    }


def resources(each: Stack, request: Shape) -> Shape:
    wanted = request.get("LogicalResourceId")
    found = [r for r in each.resources.values() if not wanted or r.logical_id == wanted]
    return {"StackResources": [_resource(each, r) for r in found]}


def resource(each: Stack, request: Shape) -> Shape:
    found = each.resources.get(str(request["LogicalResourceId"]))
    if found is None:
        message = f"Resource {request['LogicalResourceId']} does not exist for stack {each.name}"
        raise AwsError("ValidationError", message)
    return {"StackResourceDetail": _resource(each, found)}


def resource_summaries(each: Stack) -> Shape:
    return {"StackResourceSummaries": [_resource(each, r) for r in each.resources.values()]}


def summaries(stacks: Sequence[Stack], request: Shape) -> Shape:
    wanted = request.get("StackStatusFilter") or []
    found = [stack(each) for each in stacks if not wanted or each.status in wanted]
    return {"StackSummaries": found}


def exports(stacks: Sequence[Stack]) -> Shape:
    told = [
        {"ExportingStackId": each.id, "Name": output.export, "Value": output.value}
        for each in stacks
        for output in each.outputs
        if output.export
    ]
    return {"Exports": told}


def imports(stacks: Sequence[Stack], name: str) -> Shape:
    users = [each.name for each in stacks if name in each.imports]
    if not users:
        raise AwsError("ValidationError", f"Export '{name}' is not imported by any stack.")
    return {"Imports": users}


def template_summary(template: Template) -> Shape:
    parameters = [
        {
            "ParameterKey": name,
            "DefaultValue": str(definition["Default"]) if "Default" in definition else None,
            "ParameterType": definition.get("Type", "String"),
            "NoEcho": str(definition.get("NoEcho", "")).lower() == "true",
            "Description": str(definition.get("Description") or ""),
        }
        for name, definition in template.parameters.items()
    ]
    kinds = sorted({str(each["Type"]) for each in template.resources.values()})
    return {
        "Parameters": parameters,
        "Description": template.description,
        "ResourceTypes": kinds,
        "Capabilities": ["CAPABILITY_NAMED_IAM"] if any("::IAM::" in k for k in kinds) else [],
    }
