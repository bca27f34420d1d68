"""A stack: its resources, its events, its state."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from local.cloudformation.template import Made, Template


@dataclass(frozen=True)
class Resource:
    """One resource as it stands."""

    logical_id: str
    kind: str
    properties: Mapping[str, Any]
    made: Made
    status: str
    changed: datetime
    definition: Mapping[str, Any]

    def get(self, name: str) -> Any:
        return self.properties.get(name)

    @property
    def retained(self) -> bool:
        return str(self.definition.get("DeletionPolicy", "Delete")).startswith("Retain")

    @property
    def retained_when_replaced(self) -> bool:
        return self.definition.get("UpdateReplacePolicy") == "Retain"


@dataclass(frozen=True)
class Output:
    key: str
    value: str
    description: str = ""
    export: str = ""


class Keeps(Protocol):
    """Where a stack's changes are written down."""

    def stack(self, stack: "Stack") -> None: ...

    def event(self, stack: "Stack", event: Mapping[str, Any]) -> None: ...

    def resource(self, stack: "Stack", resource: Resource) -> None: ...

    def without_resource(self, stack: "Stack", logical_id: str) -> None: ...

    def intended(self, stack: "Stack", logical_id: str) -> str: ...

    def intend(self, stack: "Stack", logical_id: str, token: str) -> None: ...

    def without_intent(self, stack: "Stack", logical_id: str) -> None: ...


@dataclass
class Stack:
    """Changed only by the engine, under its lock."""

    name: str
    id: str
    created: datetime
    template: Template
    parameters: dict[str, Any]
    tags: list[dict[str, str]]
    capabilities: list[str]
    records: Keeps = field(repr=False, compare=False)
    status: str = "REVIEW_IN_PROGRESS"
    reason: str = ""
    updated: datetime | None = None
    deleted: datetime | None = None
    disable_rollback: bool = False
    protected: bool = False
    given: dict[str, str] = field(default_factory=dict)
    resources: dict[str, Resource] = field(default_factory=dict)
    outputs: list[Output] = field(default_factory=list)
    imports: set[str] = field(default_factory=set)
    events: list[dict[str, Any]] = field(default_factory=list)

    def busy(self) -> bool:
        return self.status.endswith("_IN_PROGRESS") and self.status != "REVIEW_IN_PROGRESS"

    def become(self, status: str, now: datetime, reason: str = "") -> None:
        self.status, self.reason = status, reason
        self.tell(now, self.name, self.id, "AWS::CloudFormation::Stack", status, reason)
        self.records.stack(self)

    def hold(self, resource: Resource) -> None:
        self.resources[resource.logical_id] = resource
        self.records.resource(self, resource)

    def let_go(self, logical_id: str) -> None:
        self.resources.pop(logical_id, None)
        self.records.without_resource(self, logical_id)

    def tell(
        self, now: datetime, logical_id: str, physical: str, kind: str, status: str, reason: str
    ) -> None:
        event = {
            "StackId": self.id,
            "StackName": self.name,
            "EventId": f"{logical_id}-{uuid.uuid4()}",
            "LogicalResourceId": logical_id,
            "PhysicalResourceId": physical,
            "ResourceType": kind,
            "Timestamp": now,
            "ResourceStatus": status,
        }
        told = {**event, "ResourceStatusReason": reason} if reason else event
        self.records.event(self, told)
        self.events.append(told)
