"""The CloudFormation API over stacks that run in this process."""

import logging
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from threading import Condition, Thread
from typing import Any

from local.clock import Clock
from local.cloud import Account
from local.cloudformation import answers
from local.cloudformation.change_sets import ChangeSets
from local.cloudformation.engine import Engine, Target, replace_copy
from local.cloudformation.errors import validation
from local.cloudformation.exports import Exports
from local.cloudformation.parameters import checked_parameters, given_parameters, resolved_by_ssm
from local.cloudformation.plan import check
from local.cloudformation.provider import Handle, Surroundings
from local.cloudformation.records import NOTHING, Records, as_kept, read_resource, template_of
from local.cloudformation.references import References
from local.cloudformation.resources import providers
from local.cloudformation.rules import check_rules
from local.cloudformation.sources import template_body
from local.cloudformation.stack import Output, Stack
from local.cloudformation.template import Scope, Template
from local.errors import AwsError, not_there

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
        self._references = References(account)
        self._exports = Exports(self._living)
        self._engine = Engine(clock, self._providers, self._exports, self._references.secret)
        self._records = Records(account.store)
        self._stacks = self._records.all()
        self._changed = Condition()
        self._change_sets = ChangeSets(account, clock, self, self._stacks)
        self.operations: dict[str, Operation] = {
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
            **self._change_sets.operations(),
        }

    def handle(self, action: str, request: Request) -> Request:
        operation = self.operations.get(action)
        if operation is None:
            raise not_there("cloudformation", action)
        return operation(request) or {}

    def start(self) -> None:
        """Take up what the end of the last process interrupted."""
        for stack in self._all():
            if stack.busy():
                self._begun(stack, lambda stack=stack: self._go_on(stack))  # type: ignore[misc]  # bound per stack

    def stop(self) -> None:
        """An operation under way goes on with the next start."""

    def _go_on(self, stack: Stack) -> None:
        """Forward or back, as the stack was going."""
        if stack.status == "DELETE_IN_PROGRESS":
            self._engine.delete(stack)
            return
        kept = self._records.work_of(stack)
        if stack.status == "ROLLBACK_IN_PROGRESS":
            self._engine.undo_create(stack, stack.reason)
        elif stack.status == "UPDATE_ROLLBACK_IN_PROGRESS":
            self._engine.undo_update(stack, _before(stack, kept), stack.reason)
        elif stack.status == "CREATE_IN_PROGRESS":
            self._engine.create(stack, self.kept_target(stack, kept["target"]))
        else:
            target = self.kept_target(stack, kept["target"])
            self._engine.update(stack, target, _before(stack, kept))

    def kept_target(self, stack: Stack, kept: Request) -> Target:
        template, values = template_of(kept["body"]), kept["parameters"]
        return Target(template, values, kept["given"], self._scope(stack, template, values))

    def _scope(self, stack: Stack, template: Template, values: Request) -> Scope:
        imported = lambda name: self._exports.imported(name, stack)  # noqa: E731  # one line
        return Scope(template, values, self._pseudo(stack), imported, self._references.plain)

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
                template=NOTHING,
                parameters={},
                tags=list(request.get("Tags") or []),
                capabilities=list(request.get("Capabilities") or []),
                disable_rollback=_disables_rollback(request),
                records=self._records,
                protected=bool(request.get("EnableTerminationProtection")),
            )
            self._stacks[identifier] = stack
            return stack

    def forget(self, stack: Stack) -> None:
        with self._changed:
            self._stacks.pop(stack.id, None)
            self._records.forget(stack)

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
        check_rules(template, {**self._pseudo(stack), **values})
        properties = [each.get("Properties") for each in template.resources.values()]
        values |= self._references.known([properties, template.outputs, values])
        return Target(template, values, given, self._scope(stack, template, values))

    def perform(
        self, stack: Stack, status: str, work: Callable[[], None], target: Target | None = None
    ) -> None:
        """Run an operation in the background and hold until it is over or the hold is."""
        with self._changed:
            if stack.busy():
                message = f"Stack:{stack.id} is in {stack.status} state and can not be updated."
                raise validation(message)
            if target is not None:
                self._records.work(stack, _work(target, stack))
            if status == "UPDATE_IN_PROGRESS":
                stack.updated = self._clock.now()
            stack.become(status, self._clock.now(), "User Initiated")

        self._begun(stack, work)
        deadline = time.monotonic() + HOLD_SECONDS
        with self._changed:
            while stack.busy() and time.monotonic() < deadline:
                self._changed.wait(0.5)

    def _begun(self, stack: Stack, work: Callable[[], None]) -> None:
        def run() -> None:
            try:
                work()
            except Exception as error:  # a stack must never stay in progress for ever
                log.exception("stack %s", stack.name)
                failed = stack.status.replace("_IN_PROGRESS", "_FAILED")
                stack.become(failed, self._clock.now(), f"{type(error).__name__}: {error}")
            self._records.without_work(stack)
            with self._changed:
                self._changed.notify_all()

        Thread(target=run, name=f"stack-{stack.name}", daemon=True).start()

    def create(self, stack: Stack, target: Target) -> None:
        work = lambda: self._engine.create(stack, target)  # noqa: E731  # one line
        self.perform(stack, "CREATE_IN_PROGRESS", work, target)

    def update(self, stack: Stack, target: Target) -> None:
        before = replace_copy(stack)
        work = lambda: self._engine.update(stack, target, before)  # noqa: E731  # one line
        self.perform(stack, "UPDATE_IN_PROGRESS", work, target)

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
            message = (
                f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled"
            )
            raise validation(message)
        self._exports.check_deletion(stack)
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
        self._records.stack(stack)
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


def is_same(stack: Stack, target: Target) -> bool:
    """Whether nothing would change."""
    same_body = stack.template.body == target.template.body
    return same_body and stack.parameters == target.parameters


def _work(target: Target, stack: Stack) -> Request:
    """An operation as it is kept: where it goes, and where it came from."""
    return {
        "target": _told(target.template, target.parameters, target.given),
        "before": _told(stack.template, stack.parameters, stack.given),
        "outputs": [asdict(each) for each in stack.outputs],
        "resources": [as_kept(each) for each in stack.resources.values()],
    }


def _told(template: Template, parameters: Request, given: dict[str, str]) -> Request:
    return {"body": template.body, "parameters": parameters, "given": given}


def _before(stack: Stack, kept: Request) -> Stack:
    resources = [read_resource(each) for each in kept["resources"]]
    return replace(
        stack,
        template=template_of(kept["before"]["body"]),
        parameters=kept["before"]["parameters"],
        given=kept["before"]["given"],
        outputs=[Output(**each) for each in kept["outputs"]],
        resources={each.logical_id: each for each in resources},
    )


def _disables_rollback(request: Request) -> bool:
    return bool(request.get("DisableRollback")) or request.get("OnFailure") == "DO_NOTHING"
