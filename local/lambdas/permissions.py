"""Resource-based policies: who may do what with a function; told, and checked by nobody."""

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.errors import AwsError
from local.lambdas.registry import Operation, Registry, Request, check_revision

Statements = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Permissions:
    """One policy per qualifier, kept with the function."""

    registry: Registry

    def operations(self) -> dict[str, Operation]:
        return {
            "AddPermission": self._add,
            "RemovePermission": self._remove,
            "GetPolicy": self._get,
        }

    def _add(self, request: Request) -> Request:
        deployed, qualifier = self.registry.place(request)
        deployed.version(qualifier)
        present = deployed.policies.get(qualifier, {})
        check_revision(request, _revision(present))
        arn = deployed.latest.arn
        statement = _statement(f"{arn}:{qualifier}" if qualifier else arn, request)
        if statement["Sid"] in present:
            message = (
                f"The statement id ({statement['Sid']}) provided already exists. Please provide"
                " a new statement id, or remove the existing statement."
            )
            raise AwsError("ResourceConflictException", message, status=409)
        with self.registry.changing(deployed):
            deployed.policies[qualifier] = {**present, statement["Sid"]: statement}
        return {"Statement": json.dumps(statement)}

    def _remove(self, request: Request) -> None:
        deployed, qualifier = self.registry.place(request)
        present = deployed.policies.get(qualifier, {})
        check_revision(request, _revision(present))
        if request["StatementId"] not in present:
            message = f"Statement {request['StatementId']} is not found in resource policy."
            raise AwsError("ResourceNotFoundException", message, status=404)
        with self.registry.changing(deployed):
            del present[request["StatementId"]]

    def _get(self, request: Request) -> Request:
        deployed, qualifier = self.registry.place(request)
        statements = deployed.policies.get(qualifier, {})
        if not statements:
            message = "The resource you requested does not exist."
            raise AwsError("ResourceNotFoundException", message, status=404)
        policy = {"Version": "2012-10-17", "Id": "default", "Statement": list(statements.values())}
        return {"Policy": json.dumps(policy), "RevisionId": _revision(statements)}


def _revision(statements: Statements) -> str:
    digest = hashlib.sha256(json.dumps(statements, sort_keys=True).encode()).hexdigest()
    return str(uuid.UUID(hex=digest[:32]))


def _principal(principal: str) -> Any:
    if principal.isdigit():
        return {"AWS": f"arn:aws:iam::{principal}:root"}
    if principal.startswith("arn:"):
        return {"AWS": principal}
    return {"Service": principal} if principal.endswith(".amazonaws.com") else principal


def _statement(resource: str, request: Request) -> dict[str, Any]:
    statement: dict[str, Any] = {
        "Sid": str(request["StatementId"]),
        "Effect": "Allow",
        "Principal": _principal(str(request["Principal"])),
        "Action": request["Action"],
        "Resource": resource,
    }
    condition: dict[str, dict[str, str]] = {}
    if request.get("SourceArn"):
        condition["ArnLike"] = {"AWS:SourceArn": request["SourceArn"]}
    equal = {"SourceAccount": "AWS:SourceAccount", "PrincipalOrgID": "aws:PrincipalOrgID"}
    strings = {key: request[member] for member, key in equal.items() if request.get(member)}
    if strings:
        condition["StringEquals"] = strings
    return {**statement, "Condition": condition} if condition else statement
