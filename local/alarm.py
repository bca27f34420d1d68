"""An alarm on a metric, on metric math or on other alarms; its state; how both are kept."""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from local.alarm_rules import parsed
from local.metric_queries import period_of
from local.missing_data import Rule

Request = dict[str, Any]
COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
BANDS = frozenset(
    {
        "GreaterThanUpperThreshold",
        "LessThanLowerOrGreaterThanUpperThreshold",
        "LessThanLowerThreshold",
    }
)


@dataclass(frozen=True)
class State:
    """OK, ALARM or INSUFFICIENT_DATA, since when and why."""

    value: str
    reason: str
    reason_data: str
    since: datetime

    def told(self) -> dict[str, str]:
        return {
            "value": self.value,
            "reason": self.reason,
            "reasonData": self.reason_data,
            "timestamp": stamp(self.since),
        }

    def kept(self) -> list[Any]:
        return [self.value, self.reason, self.reason_data, self.since]


@dataclass(frozen=True)
class Alarm:
    """`settings` are as they were put."""

    name: str
    arn: str
    settings: Mapping[str, Any]
    state: State
    updated: datetime
    actions_enabled: bool = True
    owed: State | None = None
    """The state before this one, until everybody has been told of the change."""

    @property
    def composite(self) -> bool:
        return "AlarmRule" in self.settings

    @property
    def kind(self) -> str:
        return "CompositeAlarm" if self.composite else "MetricAlarm"

    @property
    def children(self) -> tuple[str, ...]:
        """The alarms, by name or ARN, that a composite alarm's rule names."""
        return parsed(self.settings["AlarmRule"]).alarms if self.composite else ()

    def acts_on(self, prefix: str) -> bool:
        """Whether it has an action whose ARN starts so."""
        members = ("AlarmActions", "OKActions", "InsufficientDataActions")
        actions = [action for member in members for action in self.settings.get(member, [])]
        return any(action.startswith(prefix) for action in actions)

    @property
    def watched(self) -> str:
        """The id of the query that is compared."""
        threshold = self.settings.get("ThresholdMetricId")
        return next(
            str(query["Id"])
            for query in self.settings["Metrics"]
            if query.get("ReturnData", True) and query["Id"] != threshold
        )

    @property
    def dimensions(self) -> dict[str, str]:
        return {d["Name"]: d["Value"] for d in self.settings.get("Dimensions", [])}

    @property
    def statistic(self) -> str:
        return str(self.settings.get("Statistic") or self.settings.get("ExtendedStatistic") or "")

    @property
    def period(self) -> timedelta:
        if "Metrics" in self.settings:
            return timedelta(seconds=period_of(self.watched, self.settings["Metrics"]))
        return timedelta(seconds=self.settings["Period"])

    @property
    def rule(self) -> Rule:
        evaluated = int(self.settings["EvaluationPeriods"])
        return Rule(
            needed=min(int(self.settings.get("DatapointsToAlarm", evaluated)), evaluated),
            evaluated=evaluated,
            treat_missing=self.settings.get("TreatMissingData", "missing"),
        )

    def breaches(self, value: float) -> bool:
        compare = COMPARE[self.settings["ComparisonOperator"]]
        return compare(value, float(self.settings["Threshold"]))

    def leaves(self, value: float, lower: float, upper: float) -> bool:
        """Whether a value leaves the band that is expected, on a side that counts."""
        below, above = value < lower, value > upper
        match self.settings["ComparisonOperator"]:
            case "LessThanLowerThreshold":
                return below
            case "GreaterThanUpperThreshold":
                return above
            case _:
                return below or above

    def described(self) -> Request:
        return {
            "AlarmName": self.name,
            "AlarmArn": self.arn,
            "ActionsEnabled": self.actions_enabled,
            "StateValue": self.state.value,
            "StateReason": self.state.reason,
            "StateReasonData": self.state.reason_data,
            "StateUpdatedTimestamp": self.state.since,
            "StateTransitionedTimestamp": self.state.since,
            "AlarmConfigurationUpdatedTimestamp": self.updated,
            **self.settings,
        }

    def kept(self) -> Request:
        owed = None if self.owed is None else self.owed.kept()
        return {**vars(self), "state": self.state.kept(), "owed": owed}


def restored(kept: Mapping[str, Any]) -> Alarm:
    """The alarm that was kept."""
    owed = kept["owed"]
    states = {"state": State(*kept["state"]), "owed": None if owed is None else State(*owed)}
    return Alarm(**{**kept, **states})


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"
