"""AWS::CloudWatch and AWS::Logs types."""

from typing import Any

from local.cloudformation.provider import Ask, Properties, Provider, tag_list, tag_map
from local.cloudformation.template import Made

WHOLE_NUMBERS = (
    *("EvaluationPeriods", "DatapointsToAlarm", "Period"),
    *("ActionsSuppressorExtensionPeriod", "ActionsSuppressorWaitPeriod"),
)


def _alarm_settings(ask: Ask) -> dict[str, Any]:
    settings = {k: v for k, v in ask.properties.items() if k not in {"AlarmName", "Tags"}}
    for name in WHOLE_NUMBERS:
        if name in settings:
            settings[name] = int(settings[name])
    if "Threshold" in settings:
        settings["Threshold"] = float(settings["Threshold"])
    return {**settings, "Tags": tag_list(ask.get("Tags")) or None}


class Alarm(Provider):
    immutable = frozenset({"AlarmName"})
    named_by = "AlarmName"
    operation = "PutMetricAlarm"

    def look(self, ask: Ask, name: str) -> object:
        kinds = ["MetricAlarm", "CompositeAlarm"]
        told = self.around.call("cloudwatch", "DescribeAlarms", AlarmNames=[name], AlarmTypes=kinds)
        return told.get("MetricAlarms") or told.get("CompositeAlarms")

    def create(self, ask: Ask) -> Made:
        return self._put(ask, ask.name("AlarmName", most=255))

    def update(self, ask: Ask, before: Properties, made: Made) -> Made:
        return self._put(ask, made.physical_id)

    def delete(self, ask: Ask, made: Made) -> None:
        self.around.call("cloudwatch", "DeleteAlarms", AlarmNames=[made.physical_id])

    def _put(self, ask: Ask, name: str) -> Made:
        self.around.call("cloudwatch", self.operation, AlarmName=name, **_alarm_settings(ask))
        return Made(name, {"Arn": self.around.account.arn("cloudwatch", f"alarm:{name}")})


class CompositeAlarm(Alarm):
    operation = "PutCompositeAlarm"


class Dashboard(Provider):
    immutable = frozenset({"DashboardName"})
    named_by = "DashboardName"

    def look(self, ask: Ask, name: str) -> object:
        return self.around.call("cloudwatch", "GetDashboard", DashboardName=name)

    def create(self, ask: Ask) -> Made:
        return self._put(ask, ask.name("DashboardName", most=255))

    def update(self, ask: Ask, before: Properties, made: Made) -> Made:
        return self._put(ask, made.physical_id)

    def delete(self, ask: Ask, made: Made) -> None:
        self.around.call("cloudwatch", "DeleteDashboards", DashboardNames=[made.physical_id])

    def _put(self, ask: Ask, name: str) -> Made:
        body = ask.need("DashboardBody")
        self.around.call("cloudwatch", "PutDashboard", DashboardName=name, DashboardBody=body)
        return Made(name)


class LogGroup(Provider):
    immutable = frozenset({"LogGroupName"})
    named_by = "LogGroupName"

    def look(self, ask: Ask, name: str) -> object:
        told = self.around.call("logs", "DescribeLogGroups", logGroupNamePrefix=name)
        return name in [each["logGroupName"] for each in told.get("logGroups", [])]

    def create(self, ask: Ask) -> Made:
        name = ask.name("LogGroupName", most=512)
        self.around.call(
            "logs",
            "CreateLogGroup",
            logGroupName=name,
            kmsKeyId=ask.get("KmsKeyId"),
            tags=tag_map(ask.get("Tags")) or None,
        )
        self._retain(ask, name)
        return Made(name, {"Arn": self.around.account.arn("logs", f"log-group:{name}:*")})

    def update(self, ask: Ask, before: Properties, made: Made) -> Made:
        self._retain(ask, made.physical_id)
        return made

    def delete(self, ask: Ask, made: Made) -> None:
        self.around.call("logs", "DeleteLogGroup", logGroupName=made.physical_id)

    def _retain(self, ask: Ask, name: str) -> None:
        days = ask.get("RetentionInDays")
        if days is None:
            self.around.call("logs", "DeleteRetentionPolicy", logGroupName=name)
        else:
            self.around.call(
                "logs", "PutRetentionPolicy", logGroupName=name, retentionInDays=int(days)
            )


TYPES: dict[str, type[Provider]] = {
    "AWS::CloudWatch::Alarm": Alarm,
    "AWS::CloudWatch::CompositeAlarm": CompositeAlarm,
    "AWS::CloudWatch::Dashboard": Dashboard,
    "AWS::Logs::LogGroup": LogGroup,
}
