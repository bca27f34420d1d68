"""What becomes of a request beside its answer: a copy for the shadow, a line captured."""

import logging
import random
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import BoundedSemaphore
from uuid import uuid4

from local.sagemaker.capture import Capture, Exchange
from local.sagemaker.capture_files import CaptureFiles
from local.sagemaker.fleet import Fleet
from local.sagemaker.instance import Answer
from local.sagemaker.invocations import ask, measure
from local.sagemaker.parts import Parts
from local.sagemaker.variant import Variant

log = logging.getLogger("local.sagemaker")
_AT_ONCE = 8
_MOST_WAITING = 64
"""Copies on their way to shadows; a further one is not made, so that memory is bounded."""


@dataclass(frozen=True)
class Copied:
    """A request of which more than an answer is wanted."""

    endpoint: str
    exchange: Exchange
    capture: Capture | None
    files: CaptureFiles

    def answered(self, variant: Variant, answer: Answer) -> None:
        """Capture it, if it is one of the sample and there is something to capture."""
        if self.capture is None or answer.status != 200:
            return
        line = self.capture.line(self.exchange, answer.headers.get("content-type"), answer.body)
        destination = self.capture.destination
        self.files.take(destination, self.endpoint, variant.name, self.exchange.at, line)


class Copies:
    """Shadows are asked by threads of their own: nothing of them reaches the caller."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._files = CaptureFiles(parts)
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="shadow")
        self._room = BoundedSemaphore(_MOST_WAITING)

    def start(self) -> None:
        self._files.start()

    def stop(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._files.stop()

    def of(self, endpoint: str, fleet: Fleet, body: bytes, headers: Mapping[str, str]) -> Copied:
        """A request on its way to a production variant; its shadow is asked meanwhile."""
        capture = fleet.capture if fleet.capture is not None and fleet.capture.takes() else None
        exchange = Exchange(str(uuid4()), self._parts.now(), headers, body)
        copied = Copied(endpoint, exchange, capture, self._files)
        shadow = fleet.shadow
        if shadow is not None and _its_turn(fleet, shadow) and self._room.acquire(blocking=False):
            self._send(copied, fleet, shadow)
        return copied

    def _send(self, copied: Copied, fleet: Fleet, shadow: Variant) -> None:
        try:
            sent = self._pool.submit(self._ask, copied, fleet, shadow)
        except RuntimeError:  # it is being stopped
            self._room.release()
            return
        sent.add_done_callback(lambda _: self._room.release())

    def _ask(self, copied: Copied, fleet: Fleet, shadow: Variant) -> None:
        start = time.monotonic()
        try:
            with fleet.answering(shadow) as instance:
                if fleet.retired:
                    return
                answer = ask(instance, copied.exchange.body, copied.exchange.headers)
            whole = time.monotonic() - start
            count = shadow.count
            measure(self._parts, copied.endpoint, shadow.name, answer, whole, instances=count)
            copied.answered(shadow, answer)
        except Exception:  # nobody waits for it
            log.exception("endpoint %s: its shadow", copied.endpoint)


def _its_turn(fleet: Fleet, shadow: Variant) -> bool:
    """Of a production variant's requests, the share that the shadow's weight is of its weight."""
    weight = sum(variant.weight for variant in fleet.production)
    return random.random() * weight < shadow.weight
