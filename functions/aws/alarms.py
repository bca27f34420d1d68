"""What CloudWatch's alarms say."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types_boto3_cloudwatch.client import CloudWatchClient


@dataclass(frozen=True)
class Bells:
    """Of some alarms, those that are not there and those that ring."""

    missing: tuple[str, ...] = ()
    ringing: tuple[str, ...] = ()


class Alarms:
    """Alarms by name."""

    def __init__(self, client: "CloudWatchClient") -> None:
        self._client = client

    def look(self, names: Sequence[str]) -> Bells:
        """Which of these (a hundred at most) are missing or ringing.

        Composite alarms are told to nobody whose permission is narrower than all alarms.
        """
        found = self._client.describe_alarms(AlarmNames=list(names), AlarmTypes=["MetricAlarm"])
        states = {each["AlarmName"]: each["StateValue"] for each in found.get("MetricAlarms", [])}
        return Bells(
            missing=tuple(name for name in names if name not in states),
            ringing=tuple(name for name in names if states.get(name) == "ALARM"),
        )
