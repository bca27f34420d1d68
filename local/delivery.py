"""Brings an event to a target: tried again while it makes sense, then a dead letter."""

import logging
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Protocol

from local.clock import Clock
from local.errors import AwsError
from local.seams import SendsMessages
from local.targets import Event, Retry, dead_letter_attributes, input_of
from local.timers import Timers

log = logging.getLogger("local.events")
FINAL = frozenset(
    {
        "AccessDeniedException",
        "ResourceNotFoundException",
        "AWS.SimpleQueueService.NonExistentQueue",
        "NO_RESOURCE",
    }
)
"""Refusals that no second try would change."""


class InvokesFunctions(Protocol):
    """What delivery needs of Lambda."""

    def invoke_async(self, function: str, payload: bytes) -> None: ...


class PassesOn(Protocol):
    """What delivery needs of the bus itself, for targets that are buses."""

    def pass_on(self, bus: str, event: Event) -> None: ...


@dataclass(frozen=True)
class Delivery:
    """One event on its way to one target."""

    target: Mapping[str, Any]
    event: Event
    rule: str
    rule_arn: str
    born: float
    """Monotonic seconds."""

    @property
    def arn(self) -> str:
        return str(self.target["Arn"])


class Deliverer:
    """Delivers in a pool of threads; waits between tries shrink with the time scale."""

    def __init__(
        self,
        clock: Clock,
        lambdas: InvokesFunctions,
        queues: SendsMessages,
        bus: PassesOn,
        *,
        pool: Executor,
        timers: Timers,
    ) -> None:
        self._clock = clock
        self._lambdas = lambdas
        self._queues = queues
        self._bus = bus
        self._pool = pool
        self._timers = timers

    def deliver(self, delivery: Delivery, *, tries: int = 1, age: float = 0.0) -> None:
        """Queue one try; `age` is how long AWS would have been at it, in unscaled seconds."""
        self._pool.submit(self._try, delivery, tries, age)

    def _try(self, delivery: Delivery, tries: int, age: float) -> None:
        try:
            self._hand_over(delivery)
        except AwsError as error:
            self._failed(delivery, error, tries, age)
        except Exception as error:  # a target's fault is retried like AWS's own 5xx
            log.exception("target %s of rule %s", delivery.arn, delivery.rule)
            self._failed(delivery, AwsError("SDK_CLIENT_ERROR", str(error), 500), tries, age)

    def _hand_over(self, delivery: Delivery) -> None:
        text = input_of(delivery.target, delivery.event, delivery.rule_arn, delivery.rule)
        service = delivery.arn.split(":")[2]
        match service:
            case "lambda":
                self._lambdas.invoke_async(delivery.arn, text.encode())
            case "sqs":
                self._queues.send(delivery.arn, text, {})
            case "events":
                self._bus.pass_on(delivery.arn.rsplit("/", 1)[1], delivery.event)
            case _:
                raise AwsError("NO_RESOURCE", f"targets of service {service!r} are not emulated")

    def _failed(self, delivery: Delivery, error: AwsError, tries: int, age: float) -> None:
        policy = Retry.of(delivery.target)
        wait = policy.delay(tries)
        if error.code in FINAL:
            self._bury(delivery, error, tries, "NonRetryable")
        elif tries > policy.attempts:
            self._bury(delivery, error, tries, "MaximumRetryAttempts")
        elif age + wait > policy.max_age:
            self._bury(delivery, error, tries, "MaximumEventAgeInSeconds")
        else:
            self._timers.after(
                self._clock.scaled(wait),
                lambda: self.deliver(delivery, tries=tries + 1, age=age + wait),
            )

    def _bury(self, delivery: Delivery, error: AwsError, tries: int, exhausted: str) -> None:
        queue = delivery.target.get("DeadLetterConfig", {}).get("Arn")
        said = f"rule {delivery.rule}: {delivery.arn}: {error.code}: {error.message}"
        if queue is None:
            log.error("%s; no dead-letter queue, the event is gone", said)
            return
        attributes = dead_letter_attributes(
            rule_arn=delivery.rule_arn,
            target_arn=delivery.arn,
            error=error,
            tries=tries,
            exhausted=exhausted,
        )
        try:
            text = input_of(delivery.target, delivery.event, delivery.rule_arn, delivery.rule)
            self._queues.send(queue, text, attributes)
        except Exception:  # in AWS too an event is gone when its dead-letter queue is
            log.exception("%s; it could not be sent to %s, the event is gone", said, queue)
        else:
            log.warning("%s; sent to %s", said, queue)
