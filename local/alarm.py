"""An alarm on one metric, the state it is in, and how both are kept."""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from local.missing_data import Rule

Request = dict[str, Any]
COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}


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
    """An alarm on one metric."""

    name: str
    arn: str
    settings: Mapping[str, Any]
    state: State
    updated: datetime
    actions_enabled: bool = True
    owed: State | None = None
    """The state before this one, until everybody has been told of the change."""

    @property
    def dimensions(self) -> dict[str, str]:
        return {d["Name"]: d["Value"] for d in self.settings.get("Dimensions", [])}

    @property
    def statistic(self) -> str:
        return str(self.settings.get("Statistic") or self.settings["ExtendedStatistic"])

    @property
    def period(self) -> timedelta:
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
