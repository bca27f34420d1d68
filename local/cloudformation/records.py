"""Stacks as they are kept: one value per stack, resource, event and operation in progress."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from local.cloudformation.stack import Output, Resource, Stack
from local.cloudformation.template import Made, Template
from local.store import Store

Kept = dict[str, Any]
_PLAIN = (
    *("name", "id", "created", "parameters", "tags", "capabilities", "status", "reason"),
    *("updated", "deleted", "disable_rollback", "protected", "given"),
)
NOTHING = Template("", {}, {}, {}, {}, {})


class Records:
    """Writes each change before the call that made it is answered, and reads it all back."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._stacks = store.shelf("cloudformation.stacks")
        self._resources = store.shelf("cloudformation.resources")
        self._events = store.shelf("cloudformation.events")
        self._intents = store.shelf("cloudformation.intents")
        self._work = store.shelf("cloudformation.work")

    def stack(self, stack: Stack) -> None:
        plain = {name: getattr(stack, name) for name in _PLAIN}
        outputs = [asdict(each) for each in stack.outputs]
        kept = {**plain, "body": stack.template.body, "outputs": outputs}
        self._stacks.put(stack.id, {**kept, "imports": sorted(stack.imports)})

    def event(self, stack: Stack, event: Mapping[str, Any]) -> None:
        self._events.put(f"{stack.id} {len(stack.events):08d}", event)

    def resource(self, stack: Stack, resource: Resource) -> None:
        """What was meant to be made is made: the intent is over."""
        key = f"{stack.id} {resource.logical_id}"
        with self._store.together():
            self._resources.put(key, as_kept(resource))
            self._intents.drop(key)

    def without_resource(self, stack: Stack, logical_id: str) -> None:
        self._resources.drop(f"{stack.id} {logical_id}")

    def intended(self, stack: Stack, logical_id: str) -> str:
        """The token of a creation that was interrupted, or nothing."""
        return str(self._intents.get(f"{stack.id} {logical_id}") or "")

    def intend(self, stack: Stack, logical_id: str, token: str) -> None:
        """A resource is about to be made."""
        self._intents.put(f"{stack.id} {logical_id}", token)

    def without_intent(self, stack: Stack, logical_id: str) -> None:
        self._intents.drop(f"{stack.id} {logical_id}")

    def work(self, stack: Stack, work: Kept) -> None:
        self._work.put(stack.id, work)

    def work_of(self, stack: Stack) -> Kept:
        return dict(self._work.get(stack.id) or {})

    def without_work(self, stack: Stack) -> None:
        self._work.drop(stack.id)

    def forget(self, stack: Stack) -> None:
        """A stack that came to nothing leaves nothing."""
        with self._store.together():
            self._stacks.drop(stack.id)
            self._work.drop(stack.id)
            for shelf in (self._resources, self._events, self._intents):
                for key in shelf.all():
                    if key.startswith(f"{stack.id} "):
                        shelf.drop(key)

    def all(self) -> dict[str, Stack]:
        found = sorted(self._stacks.all().values(), key=lambda kept: kept["created"])
        stacks = {kept["id"]: self._read(kept) for kept in found}
        self._into(stacks, self._events.all(), lambda s, _, event: s.events.append(event))
        self._into(
            stacks,
            dict(sorted(self._resources.all().items(), key=lambda each: each[1]["changed"])),
            lambda s, name, kept: s.resources.update({name: read_resource(kept)}),
        )
        return stacks

    def _read(self, kept: Kept) -> Stack:
        return Stack(
            **{name: kept[name] for name in _PLAIN},
            template=template_of(kept["body"]),
            outputs=[Output(**each) for each in kept["outputs"]],
            imports=set(kept["imports"]),
            records=self,
        )

    def _into(
        self, stacks: Mapping[str, Stack], kept: Kept, add: Callable[[Stack, str, Any], None]
    ) -> None:
        for key, value in kept.items():
            stack_id, _, name = key.partition(" ")
            if stack_id in stacks:
                add(stacks[stack_id], name, value)


def template_of(body: str) -> Template:
    return Template.parse(body) if body else NOTHING


def as_kept(resource: Resource) -> Kept:
    return asdict(resource)


def read_resource(kept: Kept) -> Resource:
    return Resource(**{**kept, "made": Made(**kept["made"])})
