"""Makes a stack what its template says, resource by resource, and undoes what failed half-way."""

import logging
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.clock import Clock
from local.cloudformation.errors import exists, gone, reason, validation
from local.cloudformation.exports import Exports
from local.cloudformation.plan import in_order, included
from local.cloudformation.provider import MADE_NAME_SUFFIX, Ask, Provider
from local.cloudformation.stack import Output, Resource, Stack
from local.cloudformation.template import Made, Scope, Template
from local.errors import AwsError

log = logging.getLogger("local.cloudformation")
Providers = Mapping[str, Provider]


class ResourceFailedError(Exception):
    """A resource could not be brought about; the stack rolls back with this reason."""

    def __init__(self, why: str, *, half_changed: Resource | None = None) -> None:
        super().__init__(why)
        self.half_changed = half_changed


@dataclass(frozen=True)
class Target:
    """What a stack is to become."""

    template: Template
    parameters: dict[str, Any]
    given: dict[str, str]
    scope: Scope


class Engine:
    """One call per stack operation; each leaves the stack in a final status."""

    def __init__(
        self, clock: Clock, providers: Providers, exports: Exports, secret: Callable[[Any], Any]
    ) -> None:
        self._clock = clock
        self._providers = providers
        self._exports = exports
        self._secret = secret

    def create(self, stack: Stack, target: Target) -> None:
        try:
            self._apply(stack, target)
        except ResourceFailedError as error:
            self.undo_create(stack, str(error))
            return
        stack.become("CREATE_COMPLETE", self._clock.now())

    def update(self, stack: Stack, target: Target, before: Stack) -> None:
        """`before` is the stack as the operation found it, also when it was interrupted."""
        try:
            self._apply(stack, target)
        except ResourceFailedError as error:
            self.undo_update(stack, before, str(error), error.half_changed)
            return
        stack.become("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", self._clock.now())
        wanted = set(included(target.template, target.scope))
        replaced = [r for n, r in before.resources.items() if _replaced(r, stack.resources.get(n))]
        gone = [r for name, r in before.resources.items() if name not in wanted]
        failed = self._remove(stack, [*replaced, *gone], forget={r.logical_id for r in gone})
        stack.become("UPDATE_COMPLETE", self._clock.now(), "; ".join(failed))

    def delete(self, stack: Stack) -> None:
        doomed = list(stack.resources.values())
        failed = self._remove(stack, doomed, forget=set(stack.resources))
        if failed:
            names = ", ".join(sorted(stack.resources))
            why = f"The following resource(s) failed to delete: [{names}]."
            stack.become("DELETE_FAILED", self._clock.now(), why)
        else:
            stack.deleted = self._clock.now()
            stack.become("DELETE_COMPLETE", stack.deleted)

    def _apply(self, stack: Stack, target: Target) -> None:
        """Make or change everything the template includes."""
        try:
            order = included(target.template, target.scope)
        except AwsError as error:
            raise ResourceFailedError(error.message) from error
        for logical_id in order:
            old = stack.resources.get(logical_id)
            new = self._one(stack, logical_id, target, old)
            stack.hold(new)
            target.scope.made[logical_id] = new.made
        outputs = self._outputs(target)
        try:
            self._exports.check(stack, outputs)
        except AwsError as error:
            raise ResourceFailedError(error.message) from error
        stack.outputs, stack.imports = outputs, set(target.scope.imported)
        stack.template, stack.parameters = target.template, target.parameters
        stack.given = target.given

    def _one(self, stack: Stack, logical_id: str, target: Target, old: Resource | None) -> Resource:
        definition = target.template.resources[logical_id]
        kind = str(definition["Type"])
        physical = old.made.physical_id if old else ""
        try:
            properties = target.scope.resolve(definition.get("Properties") or {})
            if old is not None and old.kind == kind and old.properties == properties:
                return replace(old, definition=definition)
            verb = "CREATE" if old is None else "UPDATE"
            stack.tell(self._clock.now(), logical_id, physical, kind, f"{verb}_IN_PROGRESS", "")
            made = self._bring_about(stack, logical_id, kind, properties, old)
        except (AwsError, ClientError, BotoCoreError, KeyError, TypeError, ValueError) as error:
            why = reason(error)
            failed = "CREATE_FAILED" if old is None else "UPDATE_FAILED"
            stack.records.without_intent(stack, logical_id)
            stack.tell(self._clock.now(), logical_id, physical, kind, failed, why)
            told = f"{logical_id} ({kind}): {why}"
            raise ResourceFailedError(told, half_changed=old) from error
        now = self._clock.now()
        stack.tell(now, logical_id, made.physical_id, kind, f"{verb}_COMPLETE", "")
        return Resource(logical_id, kind, properties, made, f"{verb}_COMPLETE", now, definition)

    def _bring_about(
        self,
        stack: Stack,
        logical_id: str,
        kind: str,
        properties: Mapping[str, Any],
        old: Resource | None,
    ) -> Made:
        provider, ask = self._providers[kind], self._ask(stack, logical_id, properties)
        if old is None or old.kind != kind:
            return self._made(stack, kind, ask)
        if any(old.get(name) != properties.get(name) for name in provider.immutable):
            own = properties.get(provider.named_by)
            if own is not None and own == old.get(provider.named_by) and provider.taken(ask):
                raise validation(
                    "CloudFormation cannot update a stack when a custom-named resource requires"
                    f" replacing. Rename {own} and update the stack again."
                )
            return self._made(stack, kind, ask)
        return provider.update(ask, old.properties, old.made)

    def _made(self, stack: Stack, kind: str, ask: Ask) -> Made:
        """With nothing there before the intent is written, what stands there later is its own."""
        provider = self._providers[kind]
        earlier = stack.records.intended(stack, ask.logical_id)
        if earlier:
            return self._made_again(provider, replace(ask, token=earlier))
        if provider.taken(ask):
            own = ask.properties[provider.named_by]
            message = f"Resource of type '{kind}' with identifier '{own}' already exists."
            raise AwsError("AlreadyExistsException", message)
        token = secrets.token_hex(MADE_NAME_SUFFIX // 2)
        stack.records.intend(stack, ask.logical_id, token)
        return provider.create(replace(ask, token=token))

    def _made_again(self, provider: Provider, ask: Ask) -> Made:
        try:
            return provider.create(ask)
        except (AwsError, ClientError) as error:
            if not (ask.names and exists(error)):
                raise
        provider.delete(ask, provider.leftover(ask.names[-1]))
        return provider.create(ask)

    def _ask(self, stack: Stack, logical_id: str, properties: Mapping[str, Any]) -> Ask:
        """With secrets told: they are in no stack."""
        return Ask(stack.name, stack.id, logical_id, self._secret(properties))

    def _outputs(self, target: Target) -> list[Output]:
        outputs = []
        for key, definition in target.template.outputs.items():
            if "Condition" in definition and not target.scope.holds(str(definition["Condition"])):
                continue
            try:
                value = target.scope.resolve(definition["Value"])
                export = target.scope.resolve((definition.get("Export") or {}).get("Name", ""))
            except AwsError as error:
                raise ResourceFailedError(f"Output {key}: {error.message}") from error
            description = str(definition.get("Description") or "")
            outputs.append(Output(key, str(value), description, str(export)))
        return outputs

    def _remove(self, stack: Stack, doomed: list[Resource], *, forget: set[str]) -> list[str]:
        """Delete in reverse order of making, retrying once what depended on another."""
        order = in_order({each.logical_id: each.definition for each in doomed})
        rank = {name: position for position, name in enumerate(order)}
        queue = sorted(doomed, key=lambda each: -rank[each.logical_id])
        failed: list[str] = []
        for _ in range(2):
            failed, left = [], queue
            queue = []
            for resource in left:
                why = self._remove_one(stack, resource, forget=resource.logical_id in forget)
                if why:
                    failed.append(f"{resource.logical_id}: {why}")
                    queue.append(resource)
        return failed

    def _remove_one(self, stack: Stack, resource: Resource, *, forget: bool) -> str:
        def tell(status: str, why: str) -> None:
            now, physical = self._clock.now(), resource.made.physical_id
            stack.tell(now, resource.logical_id, physical, resource.kind, status, why)

        kept = resource.retained if forget else resource.retained_when_replaced
        if kept:
            tell("DELETE_SKIPPED", "")
        else:
            tell("DELETE_IN_PROGRESS", "")
            ask = Ask(stack.name, stack.id, resource.logical_id, resource.properties)
            try:
                self._providers[resource.kind].delete(ask, resource.made)
            except (AwsError, ClientError, BotoCoreError) as error:
                if not gone(error):
                    tell("DELETE_FAILED", reason(error))
                    return reason(error)
            tell("DELETE_COMPLETE", "")
        if forget:
            stack.let_go(resource.logical_id)
        return ""

    def undo_create(self, stack: Stack, why: str) -> None:
        if stack.disable_rollback:
            stack.become("CREATE_FAILED", self._clock.now(), why)
            return
        told = f"The following resource failed to create: {why}. Rollback requested by user."
        stack.become("ROLLBACK_IN_PROGRESS", self._clock.now(), told)
        doomed = [_unretained(each) for each in stack.resources.values()]
        failed = self._remove(stack, doomed, forget=set(stack.resources))
        stack.imports = set()
        status = "ROLLBACK_FAILED" if failed else "ROLLBACK_COMPLETE"
        stack.become(status, self._clock.now(), "; ".join(failed))

    def undo_update(
        self, stack: Stack, before: Stack, why: str, half: Resource | None = None
    ) -> None:
        stack.become("UPDATE_ROLLBACK_IN_PROGRESS", self._clock.now(), why)
        failed = [] if half is None else self._revert(stack, half, half)
        for name, resource in list(stack.resources.items()):
            old = before.resources.get(name)
            if old is None or old.made.physical_id != resource.made.physical_id:
                continue
            if old.properties != resource.properties:
                failed += self._revert(stack, old, resource)
        fresh = [
            _unretained(each)
            for name, each in stack.resources.items()
            if name not in before.resources
            or before.resources[name].made.physical_id != each.made.physical_id
        ]
        failed += self._remove(stack, fresh, forget={r.logical_id for r in fresh})
        for resource in before.resources.values():
            stack.hold(resource)
        stack.outputs, stack.template = list(before.outputs), before.template
        stack.parameters, stack.given = dict(before.parameters), dict(before.given)
        stack.imports = set(before.imports)
        status = "UPDATE_ROLLBACK_FAILED" if failed else "UPDATE_ROLLBACK_COMPLETE"
        stack.become(status, self._clock.now(), "; ".join(failed))

    def _revert(self, stack: Stack, old: Resource, new: Resource) -> list[str]:
        try:
            ask = self._ask(stack, old.logical_id, old.properties)
            self._providers[old.kind].update(ask, new.properties, new.made)
        except (AwsError, ClientError, BotoCoreError, KeyError, ValueError) as error:
            return [f"{old.logical_id}: {reason(error)}"]
        return []


def replace_copy(stack: Stack) -> Stack:
    """The stack as it is now, untouched by what follows."""
    return replace(stack, resources=dict(stack.resources), outputs=list(stack.outputs))


def _unretained(resource: Resource) -> Resource:
    """A rollback deletes what it made, whatever the deletion policy says of later."""
    definition = {k: v for k, v in resource.definition.items() if k != "DeletionPolicy"}
    return replace(resource, definition=definition)


def _replaced(old: Resource, new: Resource | None) -> bool:
    return new is not None and old.made.physical_id != new.made.physical_id
