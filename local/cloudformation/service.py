"""The CloudFormation API over stacks that run in this process."""

import logging
import time
import uuid
from collections.abc import Callable, Mapping
from threading import Condition, Thread
from typing import Any

from local.clock import Clock
from local.cloud import Account
from local.cloudformation import answers
from local.cloudformation.change_sets import ChangeSets
from local.cloudformation.engine import Engine, Target
from local.cloudformation.errors import validation
from local.cloudformation.parameters import checked_parameters, given_parameters, resolved_by_ssm
from local.cloudformation.plan import check
from local.cloudformation.provider import Handle, Surroundings
from local.cloudformation.resources import providers
from local.cloudformation.sources import template_body
from local.cloudformation.stack import Stack
from local.cloudformation.template import Scope, Template
from local.errors import AwsError

HOLD_SECONDS = 20.0
FINAL = frozenset({"DELETE_COMPLETE"})
log = logging.getLogger("local.cloudformation")
Request = dict[str, Any]
Operation = Callable[[Request], Request | None]


class CloudFormation:
    """Operations run in a thread of their own.

    A reply is held until its operation is over (at most `HOLD_SECONDS`): clients poll every few
    seconds, so an early reply would make every fast operation look slow.
    """

    def __init__(self, account: Account, clock: Clock, services: Mapping[str, Handle]) -> None:
        self._account = account
        self._clock = clock
        self._providers = providers(Surroundings(account, clock, services))
        self._engine = Engine(clock, self._providers)
        self._stacks: dict[str, Stack] = {}
        self._changed = Condition()
        self._change_sets = ChangeSets(account, clock, self)
        self._operations: dict[str, Operation] = {
            "CreateStack": self._create_stack,
            "UpdateStack": self._update_stack,
            "DeleteStack": self._delete_stack,
            "DescribeStacks": self._describe_stacks,
            "DescribeStackEvents": lambda r: answers.events(self.find(r), r),
            "DescribeStackResources": lambda r: answers.resources(self.find(r), r),
            "DescribeStackResource": lambda r: answers.resource(self.find(r), r),
            "ListStackResources": lambda r: answers.resource_summaries(self.find(r)),
            "ListStacks": lambda r: answers.summaries(self._all(), r),
            "ListExports": lambda _: answers.exports(self._living()),
            "ListImports": lambda r: answers.imports(self._living(), str(r["ExportName"])),
            "GetTemplate": self._get_template,
            "GetTemplateSummary": self._get_template_summary,
            "ValidateTemplate": self._get_template_summary,
            "UpdateTerminationProtection": self._protect,
            "GetStackPolicy": lambda _: {},
            "SetStackPolicy": lambda _: {},
            **self._change_sets.operations(),
        }

    def handle(self, action: str, request: Request) -> Request:
        operation = self._operations.get(action)
        if operation is None:
            message = f"CloudFormation {action} is not part of the embedded AWS"
            raise AwsError("UnknownOperationException", message)
        return operation(request) or {}

    def find(self, request: Request) -> Stack:
        """A stack by name (the living one) or by id (deleted ones too)."""
        wanted = str(request.get("StackName") or "")
        with self._changed:
            if wanted in self._stacks:
                return self._stacks[wanted]
            named = [s for s in self._stacks.values() if s.name == wanted and s.status not in FINAL]
        if not named:
            raise validation(f"Stack with id {wanted} does not exist")
        return named[-1]

    def begin(self, name: str, request: Request) -> Stack:
        """A new, empty stack in review."""
        with self._changed:
            if any(s.name == name and s.status not in FINAL for s in self._stacks.values()):
                message = f"Stack [{name}] already exists"
                raise AwsError("AlreadyExistsException", message)
            identifier = self._account.arn("cloudformation", f"stack/{name}/{uuid.uuid4()}")
            stack = Stack(
                name=name,
                id=identifier,
                created=self._clock.now(),
                template=Template("", {}, {}, {}, {}, {}),
                parameters={},
                tags=list(request.get("Tags") or []),
                capabilities=list(request.get("Capabilities") or []),
                disable_rollback=_disables_rollback(request),
            )
            self._stacks[identifier] = stack
            return stack

    def forget(self, stack: Stack) -> None:
        with self._changed:
            self._stacks.pop(stack.id, None)

    def target(self, stack: Stack, request: Request) -> Target:
        """What the request wants the stack to be; everything AWS refuses at once is refused."""
        if request.get("UsePreviousTemplate"):
            template = stack.template
        else:
            template = Template.parse(template_body(request, self._account))
        check(template, frozenset(self._providers))
        given = given_parameters(request, stack.given)
        values = checked_parameters(template, given)
        values |= resolved_by_ssm(template, values, self._account)
        scope = Scope(template, values, self._pseudo(stack), lambda name: self._export(name, stack))
        return Target(template, values, given, scope)

    def perform(self, stack: Stack, status: str, work: Callable[[], None]) -> None:
        """Run an operation in the background and hold until it is over or the hold is."""
        with self._changed:
            if stack.busy():
                message = f"Stack:{stack.id} is in {stack.status} state and can not be updated."
                raise validation(message)
            stack.become(status, self._clock.now(), "User Initiated")

        def run() -> None:
            try:
                work()
            except Exception as error:  # a stack must never stay in progress for ever
                log.exception("stack %s", stack.name)
                failed = stack.status.replace("_IN_PROGRESS", "_FAILED")
                stack.become(failed, self._clock.now(), f"{type(error).__name__}: {error}")
            with self._changed:
                self._changed.notify_all()

        Thread(target=run, name=f"stack-{stack.name}", daemon=True).start()
        deadline = time.monotonic() + HOLD_SECONDS
        with self._changed:
            while stack.busy() and time.monotonic() < deadline:
                self._changed.wait(0.5)

    def create(self, stack: Stack, target: Target) -> None:
        self.perform(stack, "CREATE_IN_PROGRESS", lambda: self._engine.create(stack, target))

    def update(self, stack: Stack, target: Target) -> None:
        stack.updated = self._clock.now()
        self.perform(stack, "UPDATE_IN_PROGRESS", lambda: self._engine.update(stack, target))

    def _create_stack(self, request: Request) -> Request:
        stack = self.begin(str(request["StackName"]), request)
        try:
            target = self.target(stack, request)
        except AwsError:
            self.forget(stack)
            raise
        self.create(stack, target)
        return {"StackId": stack.id}

    def _update_stack(self, request: Request) -> Request:
        stack = self.find(request)
        if not stack.status.endswith("_COMPLETE") or stack.status == "ROLLBACK_COMPLETE":
            message = f"Stack:{stack.id} is in {stack.status} state and can not be updated."
            raise validation(message)
        target = self.target(stack, request)
        same_tags = request.get("Tags") is None or request["Tags"] == stack.tags
        if same_tags and is_same(stack, target):
            raise validation("No updates are to be performed.")
        stack.tags = list(request.get("Tags") or stack.tags)
        stack.disable_rollback = _disables_rollback(request)
        self.update(stack, target)
        return {"StackId": stack.id}

    def _delete_stack(self, request: Request) -> None:
        try:
            stack = self.find(request)
        except AwsError:
            return
        if stack.status in FINAL:
            return
        if stack.protected:
            message = f"Stack [{stack.name}] cannot be deleted while TerminationProtection is on"
            raise validation(message)
        for output in stack.outputs:
            users = [s.name for s in self._living() if output.export and output.export in s.imports]
            if users:
                message = f"Cannot delete export {output.export} as it is in use by {users[0]}"
                raise validation(message)
        self.perform(stack, "DELETE_IN_PROGRESS", lambda: self._engine.delete(stack))

    def _describe_stacks(self, request: Request) -> Request:
        stacks = [self.find(request)] if request.get("StackName") else self._living()
        return {"Stacks": [answers.stack(each) for each in stacks]}

    def _get_template(self, request: Request) -> Request:
        if request.get("ChangeSetName"):
            return self._change_sets.template(request)
        body = self.find(request).template.body
        return {"TemplateBody": body, "StagesAvailable": ["Original", "Processed"]}

    def _get_template_summary(self, request: Request) -> Request:
        if request.get("StackName"):
            return answers.template_summary(self.find(request).template)
        return answers.template_summary(Template.parse(template_body(request, self._account)))

    def _protect(self, request: Request) -> Request:
        stack = self.find(request)
        stack.protected = bool(request["EnableTerminationProtection"])
        return {"StackId": stack.id}

    def _all(self) -> list[Stack]:
        with self._changed:
            return list(self._stacks.values())

    def _living(self) -> list[Stack]:
        return [each for each in self._all() if each.status not in FINAL]

    def _pseudo(self, stack: Stack) -> dict[str, Any]:
        return {
            "AWS::AccountId": self._account.id,
            "AWS::NotificationARNs": [],
            "AWS::Partition": "aws",
            "AWS::Region": self._account.region,
            "AWS::StackId": stack.id,
            "AWS::StackName": stack.name,
            "AWS::URLSuffix": "amazonaws.com",
        }

    def _export(self, name: str, importer: Stack) -> str:
        for each in self._living():
            for output in each.outputs:
                if output.export == name:
                    importer.imports.add(name)
                    return output.value
        raise validation(f"No export named {name} found.")


def is_same(stack: Stack, target: Target) -> bool:
    """Whether nothing would change."""
    same_body = stack.template.body == target.template.body
    return same_body and stack.parameters == target.parameters


def _disables_rollback(request: Request) -> bool:
    return bool(request.get("DisableRollback")) or request.get("OnFailure") == "DO_NOTHING"
