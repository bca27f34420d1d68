"""What an alarm does: a message to a topic, an event to a function, a wish to a scaling policy."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from local.alarm import Alarm, State, stamp
from local.alarm_texts import detail
from local.cloud import Account
from local.errors import AwsError, not_there

_REGIONS = {"us-east-1": "US East (N. Virginia)"}
_ACTIONS = {
    "ALARM": "AlarmActions",
    "OK": "OKActions",
    "INSUFFICIENT_DATA": "InsufficientDataActions",
}
_SCALING = "autoscaling"
_STATISTICS = {
    "Average": "AVERAGE",
    "Sum": "SUM",
    "Minimum": "MINIMUM",
    "Maximum": "MAXIMUM",
    "SampleCount": "SAMPLE_COUNT",
}


class InvokesFunctions(Protocol):
    def invoke_async(self, function: str, payload: bytes) -> None: ...


class ScalesTargets(Protocol):
    def alarmed(
        self, action: str, alarm: str, state: str, *, threshold: float, value: float | None
    ) -> None: ...


class AlarmActions:
    """Carries out the actions of a state; what fails raises AwsError.

    `latest` is the last value that an alarm looks at, if there is one.
    """

    def __init__(
        self,
        account: Account,
        lambdas: InvokesFunctions | None,
        scaling: ScalesTargets | None,
        latest: Callable[[Alarm], float | None],
    ) -> None:
        self._account = account
        self._lambdas = lambdas
        self._scaling = scaling
        self._latest = latest

    def of(self, alarm: Alarm) -> list[str]:
        """The actions that the present state asks for; none when they are switched off."""
        if not alarm.actions_enabled:
            return []
        return list(alarm.settings.get(_ACTIONS[alarm.state.value], []))

    def repeated(self, alarm: Alarm) -> list[str]:
        """Those that are asked for again and again while the state lasts."""
        return [action for action in self.of(alarm) if action.split(":")[2] == _SCALING]

    def carry_out(self, action: str, alarm: Alarm, before: State) -> None:
        match action.split(":")[2]:
            case "sns":
                self._publish(action, alarm, before)
            case "lambda" if self._lambdas is not None:
                event = _event(self._account, alarm, before)
                self._lambdas.invoke_async(action, json.dumps(event).encode())
            case "autoscaling" if self._scaling is not None:
                self._scale(self._scaling, action, alarm)
            case service:
                raise not_there("cloudwatch", f"an alarm action of {service}")

    def _scale(self, scaling: ScalesTargets, action: str, alarm: Alarm) -> None:
        scaling.alarmed(
            action,
            alarm.name,
            alarm.state.value,
            threshold=float(alarm.settings.get("Threshold", 0.0)),
            value=self._latest(alarm),
        )

    def _publish(self, topic: str, alarm: Alarm, before: State) -> None:
        where = _REGIONS.get(self._account.region, self._account.region)
        subject = f'{alarm.state.value}: "{alarm.name}" in {where}'
        message = json.dumps(_message(self._account, where, alarm, before))
        try:
            self._account.client("sns").publish(
                TopicArn=topic, Subject=subject[:100], Message=message
            )
        except ClientError as error:
            told = error.response["Error"]
            raise AwsError(told["Code"], told.get("Message", "")) from error
        except BotoCoreError as error:
            raise AwsError("ServiceUnavailable", str(error), 503) from error


def checked(actions: list[str]) -> None:
    """Refuse what is no ARN at all."""
    for action in actions:
        if not action.startswith("arn:") or len(action.split(":")) < 6:
            raise AwsError("ValidationError", f"Invalid arn syntax: {action}")


def _message(account: Account, where: str, alarm: Alarm, before: State) -> dict[str, Any]:
    told = alarm.settings
    common = {
        "AlarmName": alarm.name,
        "AlarmDescription": told.get("AlarmDescription"),
        "AWSAccountId": account.id,
        "AlarmConfigurationUpdatedTimestamp": stamp(alarm.updated),
        "NewStateValue": alarm.state.value,
        "NewStateReason": alarm.state.reason,
        "StateChangeTime": stamp(alarm.state.since),
        "Region": where,
        "AlarmArn": alarm.arn,
        "OldStateValue": before.value,
        **{name: list(told.get(name, [])) for name in ("OKActions", "AlarmActions")},
        "InsufficientDataActions": list(told.get("InsufficientDataActions", [])),
    }
    if alarm.composite:
        data = json.loads(alarm.state.reason_data or "{}")
        children = data.get("triggeringAlarms", [])
        return {**common, "AlarmRule": told["AlarmRule"], "TriggeringChildren": children}
    return {**common, "Trigger": _trigger(told)}


def _trigger(told: Mapping[str, Any]) -> dict[str, Any]:
    trigger = {
        "Period": told.get("Period"),
        "EvaluationPeriods": told["EvaluationPeriods"],
        "DatapointsToAlarm": told.get("DatapointsToAlarm"),
        "ComparisonOperator": told["ComparisonOperator"],
        "Threshold": told.get("Threshold"),
        "TreatMissingData": told.get("TreatMissingData", ""),
        "EvaluateLowSampleCountPercentile": told.get("EvaluateLowSampleCountPercentile", ""),
    }
    if "Metrics" in told:
        return {"Metrics": told["Metrics"], **trigger}
    simple = told.get("Statistic")
    kind = {"StatisticType": "Statistic", "Statistic": _STATISTICS.get(str(simple))}
    extended = {
        "StatisticType": "ExtendedStatistic",
        "ExtendedStatistic": told.get("ExtendedStatistic"),
    }
    dimensions = [{"value": d["Value"], "name": d["Name"]} for d in told.get("Dimensions", [])]
    metric = {"MetricName": told["MetricName"], "Namespace": told["Namespace"]}
    rest = {"Unit": told.get("Unit"), "Dimensions": dimensions}
    return {**metric, **(kind if simple else extended), **rest, **trigger}


def _event(account: Account, alarm: Alarm, before: State) -> dict[str, Any]:
    return {
        "source": "aws.cloudwatch",
        "alarmArn": alarm.arn,
        "accountId": account.id,
        "time": stamp(alarm.state.since),
        "region": account.region,
        "alarmData": detail(alarm, before),
    }
