"""AWS::Events types."""

import json
from typing import Any

from local.cloudformation.provider import Ask, Properties, Provider, tag_list
from local.cloudformation.template import Made


def _as_json(value: Any) -> str | None:
    return json.dumps(value) if isinstance(value, dict | list) else value


class EventBus(Provider):
    immutable = frozenset({"Name", "EventSourceName"})
    named_by = "Name"

    def look(self, ask: Ask, name: str) -> object:
        return self.around.call("events", "DescribeEventBus", Name=name)

    def create(self, ask: Ask) -> Made:
        name = ask.name("Name", most=256)
        made = self.around.call(
            "events",
            "CreateEventBus",
            Name=name,
            Tags=tag_list(ask.get("Tags")),
            **ask.pick("Description", "DeadLetterConfig", "KmsKeyIdentifier", "LogConfig"),
        )
        policy = _as_json(ask.get("Policy"))
        if policy:
            self.around.call("events", "PutPermission", EventBusName=name, Policy=policy)
        return Made(name, {"Arn": made["EventBusArn"], "Name": name})

    def update(self, ask: Ask, before: Properties, made: Made) -> Made:
        changes = ask.pick("Description", "DeadLetterConfig", "KmsKeyIdentifier", "LogConfig")
        if changes:
            self.around.call("events", "UpdateEventBus", Name=made.physical_id, **changes)
        return made

    def delete(self, ask: Ask, made: Made) -> None:
        self.around.call("events", "DeleteEventBus", Name=made.physical_id)


class Rule(Provider):
    immutable = frozenset({"Name", "EventBusName"})
    named_by = "Name"

    def look(self, ask: Ask, name: str) -> object:
        bus = ask.pick("EventBusName")
        return self.around.call("events", "DescribeRule", Name=name, **bus)

    def create(self, ask: Ask) -> Made:
        name = ask.name("Name")
        bus = str(ask.get("EventBusName", "default"))
        arn = self._put(ask, name)
        short = bus.rpartition("/")[2]
        return Made(name, {"Arn": arn}, ref=name if short == "default" else f"{short}|{name}")

    def update(self, ask: Ask, before: Properties, made: Made) -> Made:
        kept = {str(each["Id"]) for each in ask.get("Targets", [])}
        gone = [str(t["Id"]) for t in before.get("Targets", []) if str(t["Id"]) not in kept]
        self._remove_targets(ask, made.physical_id, gone)
        self._put(ask, made.physical_id)
        return made

    def delete(self, ask: Ask, made: Made) -> None:
        targets = [str(each["Id"]) for each in ask.get("Targets", [])]
        self._remove_targets(ask, made.physical_id, targets)
        bus = ask.pick("EventBusName")
        self.around.call("events", "DeleteRule", Name=made.physical_id, **bus)

    def _put(self, ask: Ask, name: str) -> str:
        bus = ask.pick("EventBusName")
        arn = self.around.call(
            "events",
            "PutRule",
            Name=name,
            EventPattern=_as_json(ask.get("EventPattern")),
            Tags=tag_list(ask.get("Tags")) or None,
            **ask.pick("ScheduleExpression", "State", "Description", "RoleArn"),
            **bus,
        )["RuleArn"]
        if ask.get("Targets"):
            targets = [dict(each) for each in ask.need("Targets")]
            answer = self.around.call("events", "PutTargets", Rule=name, Targets=targets, **bus)
            failed = answer.get("FailedEntries") or []
            if failed:
                raise ValueError(f"targets of rule {name} were refused: {failed}")
        return str(arn)

    def _remove_targets(self, ask: Ask, name: str, identifiers: list[str]) -> None:
        if identifiers:
            bus = ask.pick("EventBusName")
            self.around.call("events", "RemoveTargets", Rule=name, Ids=identifiers, **bus)


class EventBusPolicy(Provider):
    immutable = frozenset({"StatementId", "EventBusName"})

    def create(self, ask: Ask) -> Made:
        identifier = str(ask.need("StatementId"))
        statement = ask.get("Statement") or ask.properties
        self.around.call(
            "events",
            "PutPermission",
            StatementId=identifier,
            Action=statement["Action"],
            Principal=statement["Principal"],
            **ask.pick("EventBusName"),
        )
        return Made(f"{ask.get('EventBusName', 'default')}|{identifier}")

    def update(self, ask: Ask, before: Properties, made: Made) -> Made:
        return self.create(ask)

    def delete(self, ask: Ask, made: Made) -> None:
        self.around.call("events", "RemovePermission", **ask.pick("StatementId", "EventBusName"))


class Archive(Provider):
    immutable = frozenset({"ArchiveName", "SourceArn"})
    named_by = "ArchiveName"

    def look(self, ask: Ask, name: str) -> object:
        return self.around.call("events", "DescribeArchive", ArchiveName=name)

    def create(self, ask: Ask) -> Made:
        name = ask.name("ArchiveName", most=48)
        source = str(ask.need("SourceArn"))
        self.around.call(
            "events",
            "CreateArchive",
            ArchiveName=name,
            EventSourceArn=source,
            **_archive_settings(ask),
        )
        return Made(name, {"Arn": self.around.account.arn("events", f"archive/{name}")})

    def update(self, ask: Ask, before: Properties, made: Made) -> Made:
        name = made.physical_id
        self.around.call("events", "UpdateArchive", ArchiveName=name, **_archive_settings(ask))
        return made

    def delete(self, ask: Ask, made: Made) -> None:
        self.around.call("events", "DeleteArchive", ArchiveName=made.physical_id)


def _archive_settings(ask: Ask) -> dict[str, Any]:
    days = {"RetentionDays": int(ask.get("RetentionDays", 0))}
    pattern = {"EventPattern": _as_json(ask.get("EventPattern"))}
    return {**ask.pick("Description", "KmsKeyIdentifier"), **pattern, **days}


TYPES: dict[str, type[Provider]] = {
    "AWS::Events::Archive": Archive,
    "AWS::Events::EventBus": EventBus,
    "AWS::Events::EventBusPolicy": EventBusPolicy,
    "AWS::Events::Rule": Rule,
}
