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
_OLDEST = 24 * 60 * 60
_TRIES = 185
"""A bus that takes nothing is asked for a day, the longest EventBridge Scheduler does."""


class Schedules:
    """Schedules of one group, which delete themselves when they have fired.

    What the bus did not take within a day is kept in the queue `undelivered_arn`.
    """

    def __init__(
        self,
        client: "EventBridgeSchedulerClient",
        *,
        group: str,
        role_arn: str,
        bus_arn: str,
        undelivered_arn: str,
    ) -> None:
        self._client = client
        self._group = group
        self._role_arn = role_arn
        self._bus_arn = bus_arn
        self._undelivered_arn = undelivered_arn

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
                    "DeadLetterConfig": {"Arn": self._undelivered_arn},
                    "RetryPolicy": {
                        "MaximumEventAgeInSeconds": _OLDEST,
                        "MaximumRetryAttempts": _TRIES,
                    },
                },
            )
        except ClientError as error:
            if refusal(error) is not Refusal.ALREADY_THERE:
                raise
