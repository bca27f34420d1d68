"""What hangs on a function besides its code: permissions, async settings, concurrency, tags."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from local.clock import Clock
from local.errors import AwsError
from local.lambdas.asynchronous import DEFAULT_AGE, DEFAULT_ATTEMPTS, Policy
from local.lambdas.function import Deployed, Function
from local.lambdas.registry import Operation, Registry, Request


@dataclass(frozen=True)
class Attachments:
    """Kept and told back; permissions are stored but nothing checks them."""

    registry: Registry
    clock: Clock
    resize: Callable[[Function, int | None], None]

    def operations(self) -> dict[str, Operation]:
        return {
            "AddPermission": self._add_permission,
            "RemovePermission": self._remove_permission,
            "GetPolicy": self._get_policy,
            "PutFunctionEventInvokeConfig": self._put_event_config,
            "UpdateFunctionEventInvokeConfig": self._put_event_config,
            "GetFunctionEventInvokeConfig": self._get_event_config,
            "DeleteFunctionEventInvokeConfig": self._delete_event_config,
            "ListFunctionEventInvokeConfigs": self._list_event_configs,
            "PutFunctionConcurrency": self._put_concurrency,
            "GetFunctionConcurrency": self._get_concurrency,
            "DeleteFunctionConcurrency": self._delete_concurrency,
            "TagResource": self._tag,
            "UntagResource": self._untag,
            "ListTags": lambda r: {"Tags": dict(self._tagged(r).tags)},
        }

    def event_config(self, function: Function) -> Request:
        configs = self.registry.find(function.name)[0].event_invoke
        return configs.get(function.version, {})

    def policy(self, function: Function) -> Policy:
        config = self.event_config(function)
        return Policy(
            retries=int(config.get("MaximumRetryAttempts", DEFAULT_ATTEMPTS)),
            age=float(config.get("MaximumEventAgeInSeconds", DEFAULT_AGE)),
        )

    def _add_permission(self, request: Request) -> Request:
        deployed = self.registry.deployed(request)
        statement = _statement(deployed, request)
        if statement["Sid"] in deployed.statements:
            message = f"The statement id ({statement['Sid']}) provided already exists."
            raise AwsError("ResourceConflictException", message, status=409)
        deployed.statements[statement["Sid"]] = statement
        return {"Statement": json.dumps(statement)}

    def _remove_permission(self, request: Request) -> None:
        deployed = self.registry.deployed(request)
        if deployed.statements.pop(str(request["StatementId"]), None) is None:
            message = f"Statement {request['StatementId']} is not found in resource policy."
            raise AwsError("ResourceNotFoundException", message, status=404)

    def _get_policy(self, request: Request) -> Request:
        deployed = self.registry.deployed(request)
        if not deployed.statements:
            message = "The resource you requested does not exist."
            raise AwsError("ResourceNotFoundException", message, status=404)
        statements = list(deployed.statements.values())
        policy = {"Version": "2012-10-17", "Id": "default", "Statement": statements}
        return {"Policy": json.dumps(policy), "RevisionId": str(len(statements))}

    def _put_event_config(self, request: Request) -> Request:
        function = self.registry.version(request)
        configs = self.registry.deployed(request).event_invoke
        members = ("MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig")
        given = {name: request[name] for name in members if request.get(name) is not None}
        moment = {"LastModified": self.clock.now(), "FunctionArn": function.qualified_arn}
        configs[function.version] = {**given, **moment}
        return dict(configs[function.version])

    def _get_event_config(self, request: Request) -> Request:
        config = self.event_config(self.registry.version(request))
        if not config:
            name = request["FunctionName"]
            message = f"The function {name} doesn't have an EventInvokeConfig"
            raise AwsError("ResourceNotFoundException", message, status=404)
        return dict(config)

    def _delete_event_config(self, request: Request) -> None:
        function = self.registry.version(request)
        self.registry.deployed(request).event_invoke.pop(function.version, None)

    def _list_event_configs(self, request: Request) -> Request:
        configs = self.registry.deployed(request).event_invoke
        return {"FunctionEventInvokeConfigs": [dict(each) for each in configs.values()]}

    def _put_concurrency(self, request: Request) -> Request:
        deployed = self.registry.deployed(request)
        deployed.reserved = int(request["ReservedConcurrentExecutions"])
        self.resize(deployed.latest, deployed.reserved)
        return {"ReservedConcurrentExecutions": deployed.reserved}

    def _get_concurrency(self, request: Request) -> Request:
        reserved = self.registry.deployed(request).reserved
        return {} if reserved is None else {"ReservedConcurrentExecutions": reserved}

    def _delete_concurrency(self, request: Request) -> None:
        deployed = self.registry.deployed(request)
        deployed.reserved = None
        self.resize(deployed.latest, None)

    def _tagged(self, request: Request) -> Deployed:
        return self.registry.find(str(request["Resource"]))[0]

    def _tag(self, request: Request) -> None:
        self._tagged(request).tags.update(request["Tags"])

    def _untag(self, request: Request) -> None:
        tags = self._tagged(request).tags
        for key in request["TagKeys"]:
            tags.pop(key, None)


def _statement(deployed: Deployed, request: Request) -> dict[str, Any]:
    principal = str(request["Principal"])
    if principal.isdigit():
        who: Any = {"AWS": f"arn:aws:iam::{principal}:root"}
    else:
        who = {"Service": principal} if principal.endswith(".amazonaws.com") else principal
    statement: dict[str, Any] = {
        "Sid": str(request["StatementId"]),
        "Effect": "Allow",
        "Principal": who,
        "Action": request["Action"],
        "Resource": deployed.latest.arn,
    }
    condition: dict[str, dict[str, str]] = {}
    if request.get("SourceArn"):
        condition["ArnLike"] = {"AWS:SourceArn": request["SourceArn"]}
    if request.get("SourceAccount"):
        condition["StringEquals"] = {"AWS:SourceAccount": request["SourceAccount"]}
    return {**statement, "Condition": condition} if condition else statement
