"""Change sets: a wanted state that waits for its execution."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from local.clock import Clock
from local.cloud import Account
from local.cloudformation.engine import Target
from local.cloudformation.stack import Stack
from local.errors import AwsError

Request = dict[str, Any]


class HoldsStacks(Protocol):
    def find(self, request: Request) -> Stack: ...

    def begin(self, name: str, request: Request) -> Stack: ...

    def forget(self, stack: Stack) -> None: ...

    def target(self, stack: Stack, request: Request) -> Target: ...

    def kept_target(self, stack: Stack, kept: Request) -> Target: ...

    def create(self, stack: Stack, target: Target) -> None: ...

    def update(self, stack: Stack, target: Target) -> None: ...


@dataclass
class ChangeSet:
    id: str
    name: str
    stack: Stack
    target: Target
    created: datetime
    changes: list[Request]
    request: Request
    executed: bool = False


class ChangeSets:
    """Computed at creation, carried out at execution; both at once for the client."""

    def __init__(
        self, account: Account, clock: Clock, stacks: HoldsStacks, known: Mapping[str, Stack]
    ) -> None:
        self._account = account
        self._clock = clock
        self._stacks = stacks
        self._kept = account.store.shelf("cloudformation.change_sets")
        self._sets = {
            identifier: self._read(kept, known[kept["stack"]])
            for identifier, kept in self._kept.all().items()
            if kept["stack"] in known
        }

    def operations(self) -> dict[str, Callable[[Request], Request | None]]:
        return {
            "CreateChangeSet": self._create,
            "DescribeChangeSet": self._describe,
            "ExecuteChangeSet": self._execute,
            "DeleteChangeSet": self._delete,
            "ListChangeSets": self._list,
        }

    def template(self, request: Request) -> Request:
        return {"TemplateBody": self._find(request).target.template.body}

    def _create(self, request: Request) -> Request:
        creates = request.get("ChangeSetType") == "CREATE"
        stack = self._stack_for(request, creates=creates)
        try:
            target = self._stacks.target(stack, request)
        except AwsError:
            if creates and not stack.events:
                self._stacks.forget(stack)
            raise
        name = str(request["ChangeSetName"])
        identifier = self._account.arn("cloudformation", f"changeSet/{name}/{uuid.uuid4()}")
        made = ChangeSet(
            identifier, name, stack, target, self._clock.now(), _changes(stack, target), request
        )
        self._sets[identifier] = made
        self._keep(made)
        return {"Id": identifier, "StackId": stack.id}

    def _keep(self, each: ChangeSet) -> None:
        plain = ("id", "name", "created", "changes", "executed")
        target = each.target
        kept = {
            **{name: getattr(each, name) for name in plain},
            "stack": each.stack.id,
            "body": target.template.body,
            "parameters": target.parameters,
            "given": target.given,
            "request": {k: v for k, v in each.request.items() if k != "TemplateBody"},
        }
        self._kept.put(each.id, kept)

    def _read(self, kept: Request, stack: Stack) -> ChangeSet:
        return ChangeSet(
            id=kept["id"],
            name=kept["name"],
            stack=stack,
            target=self._stacks.kept_target(stack, kept),
            created=kept["created"],
            changes=kept["changes"],
            request=kept["request"],
            executed=kept["executed"],
        )

    def _stack_for(self, request: Request, *, creates: bool) -> Stack:
        if creates:
            try:
                stack = self._stacks.find(request)
            except AwsError:
                stack = self._stacks.begin(str(request["StackName"]), request)
                stack.become("REVIEW_IN_PROGRESS", self._clock.now(), "User Initiated")
            return stack
        return self._stacks.find(request)

    def _find(self, request: Request) -> ChangeSet:
        wanted = str(request["ChangeSetName"])
        if wanted in self._sets:
            return self._sets[wanted]
        stack = self._stacks.find(request)
        named = [s for s in self._sets.values() if s.name == wanted and s.stack is stack]
        if not named:
            message = f"ChangeSet [{wanted}] does not exist"
            raise AwsError("ChangeSetNotFound", message, status=404)
        return named[-1]

    def _describe(self, request: Request) -> Request:
        each = self._find(request)
        empty = not each.changes
        status = "FAILED" if empty else "CREATE_COMPLETE"
        told: Request = {
            "ChangeSetId": each.id,
            "ChangeSetName": each.name,
            "StackId": each.stack.id,
            "StackName": each.stack.name,
            "CreationTime": each.created,
            "Status": "EXECUTE_COMPLETE" if each.executed else status,
            "ExecutionStatus": "UNAVAILABLE" if empty else "AVAILABLE",
            "Changes": each.changes,
            "Parameters": each.request.get("Parameters") or [],
            "Tags": each.request.get("Tags") or [],
            "Capabilities": each.request.get("Capabilities") or [],
        }
        if empty:
            told["StatusReason"] = (
                "The submitted information didn't contain changes. Submit different information "
                "to create a change set."
            )
        return told

    def _execute(self, request: Request) -> None:
        each = self._find(request)
        if not each.changes or each.executed:
            message = f"ChangeSet [{each.id}] cannot be executed in its current status"
            raise AwsError("InvalidChangeSetStatus", message)
        each.executed = True
        self._keep(each)
        each.stack.tags = list(each.request.get("Tags") or each.stack.tags)
        each.stack.disable_rollback = bool(request.get("DisableRollback"))
        fresh = each.stack.status == "REVIEW_IN_PROGRESS"
        (self._stacks.create if fresh else self._stacks.update)(each.stack, each.target)

    def _delete(self, request: Request) -> None:
        try:
            each = self._find(request)
        except AwsError:
            return
        self._sets.pop(each.id, None)
        self._kept.drop(each.id)

    def _list(self, request: Request) -> Request:
        stack = self._stacks.find(request)
        told = [
            {"ChangeSetId": s.id, "ChangeSetName": s.name, "StackName": stack.name}
            for s in self._sets.values()
            if s.stack is stack
        ]
        return {"Summaries": told}


def _changes(stack: Stack, target: Target) -> list[Request]:
    """What differs between the templates; a changed parameter counts for every resource."""
    old, new = stack.template.resources, target.template.resources
    parameters = stack.parameters != target.parameters
    verbs = {name: "Add" for name in new if name not in old}
    verbs |= {n: "Modify" for n in new if n in old and (new[n] != old[n] or parameters)}
    verbs |= {name: "Remove" for name in old if name not in new}
    if not verbs and stack.template.outputs != target.template.outputs:
        verbs = dict.fromkeys(list(new)[:1], "Modify")
    return [
        {
            "Type": "Resource",
            "ResourceChange": {
                "Action": verb,
                "LogicalResourceId": name,
                "ResourceType": (new if name in new else old)[name]["Type"],
                "Scope": ["Properties"] if verb == "Modify" else [],
                "Details": [],
            },
        }
        for name, verb in verbs.items()
    ]
