"""Every row of the routes table as a rule: retried for a day, then kept as a dead letter."""

from collections.abc import Mapping

import aws_cdk as cdk_
import aws_cdk.aws_events as events_
import aws_cdk.aws_events_targets as targets
from constructs import Construct

from cdk.functions import HandlerFunction
from cdk.messaging import Messaging
from cdk.stages import Stage
from cdk.storage import Storage
from events.base import SOURCE
from events.catalog import PersonPaged
from functions.routes import ROUTES, SCHEDULES, Route

_OLDEST = cdk_.Duration.hours(24)
_TRIES = 185


class Rules(Construct):
    """Who wakes whom."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        stage: Stage,
        storage: Storage,
        messaging: Messaging,
        handlers: Mapping[str, HandlerFunction],
    ) -> None:
        super().__init__(scope, id_)
        self._messaging = messaging
        self._places = {"prefix": stage.prefix, "data_bucket": storage.data.bucket_name}
        for route in ROUTES:
            self._route(route, handlers[route.to])
        self._pages()
        for every in SCHEDULES:
            events_.Rule(
                self,
                f"Every{every.minutes}Minutes-{every.to}",
                description=f"every {every.minutes} minutes wakes {every.to}",
                schedule=events_.Schedule.rate(cdk_.Duration.minutes(every.minutes)),
                targets=[self._target(handlers[every.to])],
            )

    def _route(self, route: Route, handler: HandlerFunction) -> None:
        rule = events_.Rule(
            self,
            f"{route.on.__name__}-{route.to}",
            description=f"{route.on.__name__} wakes {route.to}",
            event_bus=self._messaging.bus if route.ours else None,
            event_pattern=events_.EventPattern(account=[cdk_.Stack.of(self).account]),
            targets=[self._target(handler)],
        )
        plain = rule.node.default_child
        assert isinstance(plain, events_.CfnRule)  # a Rule is made of exactly that
        account = {"account": [cdk_.Stack.of(self).account]}
        plain.event_pattern = route.pattern(self._places) | account

    def _pages(self) -> None:
        """What a person has to look at lies in a queue, whose alarm rings until it is empty."""
        rule = events_.Rule(
            self,
            "Pages",
            description="what a person has to look at",
            event_bus=self._messaging.bus,
            event_pattern=events_.EventPattern(
                account=[cdk_.Stack.of(self).account],
                source=[SOURCE],
                detail_type=[PersonPaged.detail_type()],
            ),
        )
        rule.add_target(
            targets.SqsQueue(
                self._messaging.pages,
                dead_letter_queue=self._messaging.undelivered,
                max_event_age=_OLDEST,
                retry_attempts=_TRIES,
            )
        )

    def _target(self, handler: HandlerFunction) -> targets.LambdaFunction:
        return targets.LambdaFunction(
            handler.function,
            dead_letter_queue=self._messaging.undelivered,
            max_event_age=_OLDEST,
            retry_attempts=_TRIES,
        )
