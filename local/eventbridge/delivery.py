"""Brings an event to its targets: tried again while it makes sense, then a dead letter."""

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from local.clock import Clock
from local.errors import AwsError
from local.eventbridge.inputs import Event, input_of
from local.eventbridge.owed import Accepted, Delivery, Owed
from local.recipients import Recipients, delivery_error, is_final, service_of
from local.retries import Jitter, Retry
from local.seams import SendsMessages
from local.timers import Timers

log = logging.getLogger("local.events")
_THREADS = 8


class Buses(Protocol):
    """What delivery needs of the buses themselves, for targets that are buses."""

    def forward(self, bus: str, event: Event) -> None: ...


class Deliverer:
    """Delivers in a pool of threads; pauses between tries shrink with the time scale."""

    def __init__(
        self,
        clock: Clock,
        recipients: Recipients,
        buses: Buses,
        owed: Owed,
        *,
        timers: Timers,
        jitter: Jitter,
    ) -> None:
        self._clock = clock
        self._recipients = recipients
        self._queues: SendsMessages = recipients.queues
        self._buses = buses
        self._owed = owed
        self._timers = timers
        self._jitter = jitter
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="deliver")

    def deliver(self, accepted: Accepted) -> None:
        """Queue the first try to each target that is owed."""
        for number in list(accepted.owed):
            self._queue(accepted, number)

    def start(self) -> None:
        for accepted in self._owed.left():
            self.deliver(accepted)

    def stop(self) -> None:
        """What is not delivered yet stays owed."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _queue(self, accepted: Accepted, number: int) -> None:
        self._pool.submit(self._try, accepted, number)

    def _try(self, accepted: Accepted, number: int) -> None:
        delivery = accepted.owed[number]
        try:
            self._hand_over(accepted, delivery)
        except AwsError as error:
            self._failed(accepted, number, error)
        except Exception as error:  # a target's fault is retried like AWS's own 5xx
            log.exception("target %s of rule %s", delivery.arn, delivery.rule)
            self._failed(accepted, number, AwsError("SDK_CLIENT_ERROR", str(error), 500))
        else:
            self._owed.settle(accepted, number)

    def _hand_over(self, accepted: Accepted, delivery: Delivery) -> None:
        if service_of(delivery.arn) == "events":
            self._buses.forward(delivery.arn.rsplit("/", 1)[1], accepted.event)
        else:
            self._recipients.give(delivery.arn, _text(accepted, delivery), delivery.target)

    def _failed(self, accepted: Accepted, number: int, error: AwsError) -> None:
        delivery = accepted.owed[number]
        policy = Retry.of(delivery.target)
        pause = policy.pause(delivery.tries) * self._jitter()
        exhausted = policy.exhausted(delivery.tries, delivery.age + pause)
        if exhausted or is_final(error):
            self._bury(accepted, delivery, error, "" if is_final(error) else exhausted)
            self._owed.settle(accepted, number)
            return
        self._owed.postpone(accepted, number, pause)
        self._timers.after(self._clock.scaled(pause), lambda: self._queue(accepted, number))

    def _bury(
        self, accepted: Accepted, delivery: Delivery, error: AwsError, exhausted: str
    ) -> None:
        queue = delivery.target.get("DeadLetterConfig", {}).get("Arn")
        said = f"rule {delivery.rule}: {delivery.arn}: {error.code}: {error.message}"
        if queue is None:
            log.error("%s; no dead-letter queue, the event is gone", said)
            return
        attributes = {
            "RULE_ARN": delivery.rule_arn,
            "TARGET_ARN": delivery.arn,
            "ERROR_CODE": delivery_error(error),
            "ERROR_MESSAGE": error.message,
            "EXHAUSTED_RETRY_CONDITION": exhausted,
            "RETRY_ATTEMPTS": str(delivery.tries - 1),
        }
        try:
            self._queues.send(queue, _text(accepted, delivery), attributes)
        except Exception:  # in AWS too an event is gone when its dead-letter queue is
            log.exception("%s; it could not be sent to %s, the event is gone", said, queue)
        else:
            log.warning("%s; sent to %s", said, queue)


def _text(accepted: Accepted, delivery: Delivery) -> str:
    return input_of(
        delivery.target, accepted.event, delivery.rule_arn, delivery.rule, accepted.ingested
    )
