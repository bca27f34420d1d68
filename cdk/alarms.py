"""What a person must look at: work that was given up on, and functions that go on failing."""

from collections.abc import Mapping

import aws_cdk as cdk_
import aws_cdk.aws_cloudwatch as cloudwatch
import aws_cdk.aws_sqs as sqs
from constructs import Construct

from cdk.functions import HandlerFunction
from cdk.messaging import Messaging

_PERIOD = cdk_.Duration.minutes(5)
_PERIODS_OF_ERRORS = 3
"""An error that a retry cured is no news; one that comes back for a quarter of an hour is."""


class Alarms(Construct):
    """An alarm on every dead-letter queue and on every function's errors.

    CloudFormation names them: one named after the stage would wake roll_back.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        handlers: Mapping[str, HandlerFunction],
        messaging: Messaging,
    ) -> None:
        super().__init__(scope, id_)
        queues = {unit: handler.failed for unit, handler in handlers.items()}
        self.all = [
            *(self._letters(f"{unit}-failed", queue) for unit, queue in queues.items()),
            self._letters("undelivered", messaging.undelivered),
            self._letters("pages", messaging.pages),
            *(self._errors(unit, handler) for unit, handler in handlers.items()),
        ]

    def _letters(self, what: str, queue: sqs.Queue) -> cloudwatch.Alarm:
        metric = queue.metric_approximate_number_of_messages_visible(
            period=_PERIOD, statistic="Maximum"
        )
        return self._alarm(what, metric, 1, f"{what}: somebody has to look at what lies there")

    def _errors(self, unit: str, handler: HandlerFunction) -> cloudwatch.Alarm:
        metric = handler.function.metric_errors(period=_PERIOD, statistic="Sum")
        return self._alarm(f"{unit}-errors", metric, _PERIODS_OF_ERRORS, f"{unit} goes on failing")

    def _alarm(
        self, id_: str, metric: cloudwatch.Metric, periods: int, description: str
    ) -> cloudwatch.Alarm:
        return cloudwatch.Alarm(
            self,
            id_,
            alarm_description=description,
            metric=metric,
            threshold=0,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            evaluation_periods=periods,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
