"""One-shot schedules: an event of ours, said on the sluice bus at a later time."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from events.base import SOURCE, Event
from functions.aws.refusals import Refusal, refusal
from functions.names import client_token

if TYPE_CHECKING:
    from types_boto3_scheduler.client import EventBridgeSchedulerClient

_LONGEST_NAME = 64


class Schedules:
    """Schedules of one group, which delete themselves when they have fired."""

    def __init__(
        self, client: "EventBridgeSchedulerClient", *, group: str, role_arn: str, bus_arn: str
    ) -> None:
        self._client = client
        self._group = group
        self._role_arn = role_arn
        self._bus_arn = bus_arn

    def say(self, event: Event, *, at: datetime, name: str) -> None:
        """Have `event` said at `at` (to the second); the same name again is the same schedule."""
        try:
            self._client.create_schedule(
                Name=name[-_LONGEST_NAME:],
                GroupName=self._group,
                ScheduleExpression=f"at({at.astimezone(UTC):%Y-%m-%dT%H:%M:%S})",
                FlexibleTimeWindow={"Mode": "OFF"},
                ActionAfterCompletion="DELETE",
                ClientToken=client_token(name, at.isoformat()),
                Target={
                    "Arn": self._bus_arn,
                    "RoleArn": self._role_arn,
                    "Input": event.detail(),
                    "EventBridgeParameters": {
                        "DetailType": event.detail_type(),
                        "Source": SOURCE,
                    },
                },
            )
        except ClientError as error:
            if refusal(error) is not Refusal.ALREADY_THERE:
                raise
