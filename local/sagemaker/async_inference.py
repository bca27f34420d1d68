"""InvokeEndpointAsync: accepted into a queue, answered into S3, told to SNS."""

import logging
from threading import Event, Thread

from local.constraints import check
from local.errors import AwsError, not_there
from local.sagemaker.async_metrics import AsyncMetrics
from local.sagemaker.async_queue import AsyncQueue
from local.sagemaker.async_requests import Inference
from local.sagemaker.async_work import AsyncWork
from local.sagemaker.endpoints import Endpoints
from local.sagemaker.fleet import Fleet
from local.sagemaker.parts import Operations, Parts, Request
from local.sagemaker.runtime import unsupported
from local.timers import Timers

log = logging.getLogger("local.sagemaker")
_AT_ONCE = 4
"""Requests that one process is sent at once when nothing is said; SageMaker chooses by itself."""
_MOST_AT_ONCE = 16
"""For one endpoint, whatever is asked for: this is one machine."""
_LOOK = 0.25
"""Real seconds between two looks at what waits for processes, or expires."""
_PERIOD = 30.0
_SHORTEST_PERIOD = 0.25


class AsyncInference:
    """A queue for each asynchronous endpoint, and the threads that empty it."""

    def __init__(self, parts: Parts, endpoints: Endpoints) -> None:
        self._parts = parts
        self._endpoints = endpoints
        self._queue = AsyncQueue(parts.account.store)
        endpoints.when_gone.append(self._queue.drop_all)
        self._metrics = AsyncMetrics(parts)
        self._closing = Event()
        self._work = AsyncWork(parts, endpoints, self._queue, self._metrics, self._closing)
        self._timers = Timers("asynchronous inference")
        self.operations: Operations = {"InvokeEndpointAsync": self._accept}

    def handle(self, action: str, request: Request) -> Request:
        """Answer one API call of the runtime; raises AwsError."""
        if action not in self.operations:
            raise not_there("sagemaker-runtime", action)
        check("sagemaker-runtime", action, request, code="ValidationError")
        return self.operations[action](request)

    def start(self) -> None:
        self._timers.start()
        self._look()
        self._measure()

    def stop(self) -> None:
        """What is being answered stays in the queue."""
        self._closing.set()
        self._timers.stop()

    def _accept(self, request: Request) -> Request:
        fleet = self._endpoints.answering(request["EndpointName"])
        if fleet.asynchronous is None:
            raise unsupported("Realtime")
        config = fleet.asynchronous["OutputConfig"]
        inference = Inference.of(request, config, self._parts.now())
        self._queue.add(inference)
        self._dispatch(inference.endpoint, fleet)
        return inference.answer()

    def _dispatch(self, endpoint: str, fleet: Fleet) -> None:
        """Begin as many as there is room for."""
        while not self._closing.is_set():
            inference = self._queue.take(endpoint, _at_once(fleet))
            if inference is None:
                return
            name = f"inference-{inference.id}"
            Thread(target=self._answer, args=(inference,), name=name, daemon=True).start()

    def _answer(self, inference: Inference) -> None:
        """What is not over then waits for the next look."""
        try:
            if self._work.answer(inference):
                self._next(inference.endpoint)
        except AwsError as error:  # the endpoint goes, and its queue with it
            log.warning("inference %s: %s", inference.id, error)
            self._queue.put_back(inference)
        except Exception:  # a fault of ours must not lose it
            log.exception("inference %s", inference.id)
            self._queue.put_back(inference)

    def _next(self, endpoint: str) -> None:
        try:
            fleet = self._endpoints.answering(endpoint)
        except AwsError:
            self._queue.drop_all(endpoint)
            return
        for inference in self._queue.take_if(endpoint, self._expired):
            self._work.expire(inference, fleet)
        self._dispatch(endpoint, fleet)

    def _look(self) -> None:
        """What waits for processes may have them now; what waited too long is over."""
        self._timers.after(_LOOK, self._look)
        for endpoint in self._queue.waiting():
            self._next(endpoint)

    def _expired(self, inference: Inference) -> bool:
        age = (self._parts.now() - inference.received).total_seconds()
        return age > self._parts.clock.scaled(inference.waits)

    def _measure(self) -> None:
        wait = max(_SHORTEST_PERIOD, self._parts.clock.scaled(_PERIOD))
        self._timers.after(wait, self._measure)
        for endpoint, fleet in self._endpoints.asynchronous().items():
            waiting, oldest = self._queue.backlog(endpoint)
            self._metrics.backlog(endpoint, waiting, oldest, fleet.living)


def _at_once(fleet: Fleet) -> int:
    client = (fleet.asynchronous or {}).get("ClientConfig", {})
    each: int = client.get("MaxConcurrentInvocationsPerInstance", _AT_ONCE)
    return min(each * fleet.living, _MOST_AT_ONCE)
