"""AWS::Scheduler types."""

from typing import Any

from local.cloudformation.provider import Ask, Properties, Provider, tag_list
from local.cloudformation.template import Made


class ScheduleGroup(Provider):
    immutable = frozenset({"Name"})
    named_by = "Name"

    def look(self, ask: Ask, name: str) -> object:
        return self.around.call("scheduler", "GetScheduleGroup", Name=name)

    def create(self, ask: Ask) -> Made:
        name = ask.name("Name")
        tags = tag_list(ask.get("Tags")) or None
        made = self.around.call("scheduler", "CreateScheduleGroup", Name=name, Tags=tags)
        return Made(name, {"Arn": made["ScheduleGroupArn"]})

    def update(self, ask: Ask, before: Properties, made: Made) -> Made:
        return made

    def delete(self, ask: Ask, made: Made) -> None:
        self.around.call("scheduler", "DeleteScheduleGroup", Name=made.physical_id)


class Schedule(Provider):
    immutable = frozenset({"Name", "GroupName"})
    named_by = "Name"

    def look(self, ask: Ask, name: str) -> object:
        group = ask.pick("GroupName")
        return self.around.call("scheduler", "GetSchedule", Name=name, **group)

    def create(self, ask: Ask) -> Made:
        name = ask.name("Name")
        arn = self.around.call("scheduler", "CreateSchedule", Name=name, **self._settings(ask))
        return Made(name, {"Arn": arn["ScheduleArn"]})

    def update(self, ask: Ask, before: Properties, made: Made) -> Made:
        settings = self._settings(ask)
        self.around.call("scheduler", "UpdateSchedule", Name=made.physical_id, **settings)
        return made

    def delete(self, ask: Ask, made: Made) -> None:
        group = ask.pick("GroupName")
        self.around.call("scheduler", "DeleteSchedule", Name=made.physical_id, **group)

    def _settings(self, ask: Ask) -> dict[str, Any]:
        return ask.pick(
            "GroupName",
            "ScheduleExpression",
            "ScheduleExpressionTimezone",
            "FlexibleTimeWindow",
            "Target",
            "State",
            "Description",
            "KmsKeyArn",
            "StartDate",
            "EndDate",
        )


TYPES: dict[str, type[Provider]] = {
    "AWS::Scheduler::Schedule": Schedule,
    "AWS::Scheduler::ScheduleGroup": ScheduleGroup,
}
