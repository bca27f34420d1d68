"""One occurrence of a schedule on its way to its target: tried again, then a dead letter."""

import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import uuid4

from botocore import xform_name

from local.clock import Clock
from local.errors import AwsError
from local.recipients import Recipients, is_final, json_object, service_of
from local.retries import Jitter, Retry
from local.scheduler.schedule import UNIVERSAL
from local.store import Store
from local.timers import Timers

Request = dict[str, Any]
log = logging.getLogger("local.scheduler")
_THREADS = 4


class TakesEvents(Protocol):
    """What the scheduler needs of EventBridge."""

    def handle(self, action: str, request: Request) -> Request: ...


@dataclass(frozen=True)
class Invocation:
    """What is owed to a target, as the schedule was when its time came."""

    key: str
    schedule_arn: str
    target: Mapping[str, Any]
    due: datetime
    tries: int = 1
    age: float = 0.0
    """Seconds that AWS would have been at it."""

    @property
    def text(self) -> str:
        """The target's input with the context attributes in place."""
        text = str(self.target.get("Input") or "")
        places = {
            "schedule-arn": self.schedule_arn,
            "scheduled-time": _stamp(self.due),
            "execution-id": self.key,
            "attempt-number": str(self.tries),
        }
        for name, value in places.items():
            text = text.replace(f"<aws.scheduler.{name}>", value)
        return text


class Invocations:
    """An occurrence is kept until its target took it or it was given up.

    Between `start` and `stop` a target that takes its time keeps no other waiting; before, whoever
    keeps the time is the one who calls.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        recipients: Recipients,
        bus: TakesEvents,
        *,
        timers: Timers,
        jitter: Jitter,
    ) -> None:
        self._clock = clock
        self._recipients = recipients
        self._bus = bus
        self._timers = timers
        self._jitter = jitter
        self._shelf = store.shelf("scheduler.owed")
        self._left = self._shelf.all()
        self._pool: ThreadPoolExecutor | None = None

    def owe(self, schedule_arn: str, target: Mapping[str, Any], due: datetime) -> Invocation:
        invocation = Invocation(str(uuid4()), schedule_arn, target, due)
        self._shelf.put(invocation.key, vars(invocation))
        return invocation

    def start(self) -> None:
        """What was owed when the process ended is tried at once."""
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="schedule")
        left, self._left = self._left, {}
        for record in left.values():
            self._again(Invocation(**record), 0.0)

    def stop(self) -> None:
        """What is not delivered yet stays owed."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def attempt(self, invocation: Invocation) -> None:
        if self._pool is None:
            self._attempt(invocation)
        else:
            self._pool.submit(self._attempt, invocation)

    def _attempt(self, invocation: Invocation) -> None:
        try:
            self._deliver(invocation)
        except Exception as error:  # noqa: BLE001  # a fault of ours is retried like AWS's 5xx
            self._failed(invocation, _refusal(error))
        else:
            self._shelf.drop(invocation.key)

    def _failed(self, invocation: Invocation, error: AwsError) -> None:
        policy = Retry.of(invocation.target)
        pause = policy.pause(invocation.tries) * self._jitter()
        exhausted = policy.exhausted(invocation.tries, invocation.age + pause)
        if exhausted or is_final(error):
            self._bury(invocation, error, "" if is_final(error) else exhausted)
            self._shelf.drop(invocation.key)
            return
        later = replace(invocation, tries=invocation.tries + 1, age=invocation.age + pause)
        self._shelf.put(later.key, vars(later))
        self._again(later, self._clock.scaled(pause))

    def _again(self, invocation: Invocation, seconds: float) -> None:
        self._timers.after(seconds, lambda: self.attempt(invocation))

    def _deliver(self, invocation: Invocation) -> None:
        arn, text = str(invocation.target["Arn"]), invocation.text
        match service_of(arn):
            case "events":
                self._put_event(invocation.target, arn, text)
            case "scheduler":
                self._call(arn, text)
            case _:
                self._recipients.give(arn, text, invocation.target)

    def _put_event(self, target: Mapping[str, Any], arn: str, text: str) -> None:
        parameters = target["EventBridgeParameters"]
        entry = {
            "EventBusName": arn,
            "Source": parameters["Source"],
            "DetailType": parameters["DetailType"],
            "Detail": text,
        }
        failed = self._bus.handle("PutEvents", {"Entries": [entry]})["Entries"][0]
        if "ErrorCode" in failed:
            raise AwsError(failed["ErrorCode"], failed["ErrorMessage"])

    def _call(self, arn: str, text: str) -> None:
        """A universal target: any operation of the account's API."""
        match = UNIVERSAL.fullmatch(arn)
        request = json_object(text or "{}")
        if match is None or request is None:
            raise AwsError("ValidationException", f"{arn} needs a JSON object as its input.")
        action = match[2][0].upper() + match[2][1:]
        self._recipients.call(match[1], xform_name(action), **request)

    def _bury(self, invocation: Invocation, error: AwsError, exhausted: str) -> None:
        queue = invocation.target.get("DeadLetterConfig", {}).get("Arn")
        said = f"{invocation.schedule_arn}: {error.code}: {error.message}"
        if queue is None:
            log.error("%s; no dead-letter queue, the occurrence is gone", said)
            return
        attributes = {
            "ERROR_CODE": error.code,
            "ERROR_MESSAGE": error.message,
            "EXECUTION_ID": invocation.key,
            "EXHAUSTED_RETRY_CONDITION": exhausted,
            "IS_PAYLOAD_TRUNCATED": "false",
            "RETRY_ATTEMPTS": str(invocation.tries - 1),
            "SCHEDULED_TIME": _stamp(invocation.due),
            "SCHEDULE_ARN": invocation.schedule_arn,
            "TARGET_ARN": str(invocation.target["Arn"]),
        }
        try:
            self._recipients.queues.send(queue, invocation.text or "{}", attributes)
        except Exception:  # in AWS too it is gone when its dead-letter queue is
            log.exception("%s; it could not be sent to %s, the occurrence is gone", said, queue)
        else:
            log.warning("%s; sent to %s", said, queue)


def _refusal(error: Exception) -> AwsError:
    if isinstance(error, AwsError):
        return error
    log.error("a delivery broke", exc_info=error)
    return AwsError("InternalFailure", f"{type(error).__name__}: {error}", 500)


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
