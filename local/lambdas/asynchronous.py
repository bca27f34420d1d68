"""The asynchronous queue of one function: try, back off, try again, then give up loudly."""

import heapq
import itertools
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from threading import Condition, Thread

from local.clock import Clock
from local.errors import AwsError
from local.lambdas.accepted import Accepted, QueuedEvent, Waiting
from local.lambdas.runtime_api import Outcome, failure

RETRY_DELAYS = (60.0, 120.0)
FIRST_THROTTLE_DELAY = 1.0
LAST_THROTTLE_DELAY = 300.0
IDLE_SECONDS = 20.0
DEFAULT_ATTEMPTS = 2
DEFAULT_AGE = 21_600
log = logging.getLogger("local.lambdas")


@dataclass(frozen=True)
class Policy:
    """What a function's settings say about its events; the numbers as AWS gives them, unscaled."""

    retries: int = DEFAULT_ATTEMPTS
    age: float = DEFAULT_AGE
    switched_off: bool = False
    """Whether the function's reserved concurrency is 0."""


@dataclass(frozen=True)
class Finished:
    """An event that will not be tried again; `condition` is the word of the destination record."""

    event: QueuedEvent
    outcome: Outcome
    condition: str


Run = Callable[[QueuedEvent], Outcome]


class AsyncQueue:
    """Threads start with the events and end when there are none.

    An event is kept before `put` returns and forgotten at its end: one whose process died on the
    way is tried again by the next.
    """

    def __init__(
        self,
        clock: Clock,
        run: Run,
        accepted: Accepted,
        *,
        policy: Callable[[], Policy],
        workers: Callable[[], int],
        finished: Callable[[Finished], None],
    ) -> None:
        self._clock = clock
        self._run = run
        self._accepted = accepted
        self._policy = policy
        self._workers = workers
        self._finished = finished
        self._due: list[tuple[float, int, QueuedEvent]] = []
        self._order = itertools.count()
        self._threads = 0
        self._waiting = 0
        self._stopped = False
        self._changed = Condition()

    def put(self, payload: bytes) -> None:
        self._add(QueuedEvent(payload), delay=0.0)

    def take_up(self, waiting: Waiting) -> None:
        """An event that an earlier process accepted."""
        left = (waiting.due - self._clock.now()).total_seconds()
        self._push(waiting.event, max(0.0, left))

    def stop(self) -> None:
        """What is not at its end stays kept."""
        with self._changed:
            self._stopped = True
            self._due.clear()
            self._changed.notify_all()

    def discard(self) -> None:
        """Stop, because the function is gone and its events with it."""
        with self._changed:
            gone = [event for _, _, event in self._due]
        self.stop()
        for event in gone:
            self._accepted.forget(event)

    @property
    def depth(self) -> int:
        with self._changed:
            return len(self._due)

    def _add(self, event: QueuedEvent, *, delay: float) -> None:
        self._accepted.keep(event, self._clock.now() + timedelta(seconds=delay))
        self._push(event, delay)

    def _push(self, event: QueuedEvent, delay: float) -> None:
        with self._changed:
            if self._stopped:
                return
            heapq.heappush(self._due, (time.monotonic() + delay, next(self._order), event))
            self._hire()
            self._changed.notify()

    def _hire(self) -> None:
        """One more worker (under the lock), if there are events for it and it is allowed."""
        if len(self._due) > self._waiting and self._threads < self._most():
            self._threads += 1
            Thread(target=self._work, name="lambda-async", daemon=True).start()

    def _most(self) -> int:
        try:
            return max(1, self._workers())
        except AwsError:  # the function is gone: one worker finds that out and drops its events
            return 1

    def _work(self) -> None:
        try:
            while (event := self._take()) is not None:
                self._try(event)
        finally:
            with self._changed:
                self._threads -= 1
                self._hire()  # for an event that came while this worker was leaving

    def _take(self) -> QueuedEvent | None:
        """The next due event; nothing when there was none for a while."""
        idle_since = time.monotonic()
        with self._changed:
            while not self._stopped:
                now = time.monotonic()
                if self._due and self._due[0][0] <= now:
                    return heapq.heappop(self._due)[2]
                if not self._due and now - idle_since > IDLE_SECONDS:
                    break
                self._waiting += 1
                self._changed.wait(self._due[0][0] - now if self._due else IDLE_SECONDS)
                self._waiting -= 1
            return None

    def _try(self, event: QueuedEvent) -> None:
        """One attempt; an event of a function that is gone is dropped with it."""
        try:
            self._attempt(event)
        except AwsError as error:
            if error.code != "ResourceNotFoundException":
                log.exception("event %s is lost", event.request_id)
            self._accepted.forget(event)
        except Exception:  # one event's trouble must not stop the queue
            log.exception("event %s is lost", event.request_id)
            self._accepted.forget(event)

    def _attempt(self, event: QueuedEvent) -> None:
        try:
            outcome = self._run(event)
        except AwsError as error:
            if error.code != "TooManyRequestsException":
                raise
            self._throttled(event, error)
            return
        except Exception as error:  # the service's own fault, which Lambda retries too
            if self._stopped:
                return
            log.exception("an attempt at event %s broke", event.request_id)
            outcome = failure("ServiceException", f"{type(error).__name__}: {error}")
        self._settle(event, outcome)

    def _settle(self, event: QueuedEvent, outcome: Outcome) -> None:
        if self._stopped and outcome.error:
            return  # its sandbox ended with the server: the next process tries again
        tried = replace(event, attempts=event.attempts + 1)
        if not outcome.error:
            self._end(Finished(tried, outcome, "Success"))
        elif event.attempts >= self._policy().retries:
            self._end(Finished(tried, outcome, "RetriesExhausted"))
        else:
            delay = RETRY_DELAYS[min(event.attempts, len(RETRY_DELAYS) - 1)]
            self._again(tried, outcome, delay)

    def _throttled(self, event: QueuedEvent, error: AwsError) -> None:
        delay = min(FIRST_THROTTLE_DELAY * 2**event.throttles, LAST_THROTTLE_DELAY)
        refusal = Outcome(error.message.encode(), error.code)
        if self._policy().switched_off:
            self._end(Finished(event, refusal, "ZeroReservedConcurrency"))
            return
        self._again(replace(event, throttles=event.throttles + 1), refusal, delay)

    def _again(self, event: QueuedEvent, outcome: Outcome, delay: float) -> None:
        wait = self._clock.scaled(delay)
        age = (self._clock.now() - event.queued_at).total_seconds() + wait
        if age > self._clock.scaled(self._policy().age):
            self._end(Finished(event, outcome, "EventAgeExceeded"))
        else:
            self._add(event, delay=wait)

    def _end(self, finished: Finished) -> None:
        self._finished(finished)
        self._accepted.forget(finished.event)
