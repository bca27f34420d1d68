"""Users: a steady stream of requests to the endpoint, and what became of each."""

import http.client
import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Event, Thread
from urllib.parse import urlsplit

_WORKERS = 12
TIMEOUT = 30.0
_VARIANT = re.compile(r"log-stream:([a-z]+)/")


@dataclass(frozen=True)
class Answer:
    """One request and its fate."""

    at: float
    """Seconds since the epoch when it was sent."""
    status: int
    """HTTP status; 0 when no answer came."""
    variant: str | None
    version: int | None
    seconds: float

    @property
    def ok(self) -> bool:
        return self.status == 200


@dataclass
class Users:
    """Threads that ask `rate` questions a second between them."""

    url: str
    endpoint: str
    questions: Sequence[Sequence[float]]
    rate: float
    answers: list[Answer] = field(default_factory=list)
    _over: Event = field(default_factory=Event)
    _threads: list[Thread] = field(default_factory=list)

    def start(self) -> None:
        bodies = [json.dumps({"instances": [q]}).encode() for q in self.questions]
        begun = time.monotonic()
        for worker in range(_WORKERS):
            thread = Thread(target=self._ask, args=(worker, bodies, begun), daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(TIMEOUT)

    def _ask(self, worker: int, bodies: Sequence[bytes], begun: float) -> None:
        connection = self._connection()
        number = worker
        while not self._over.wait(max(0.0, begun + number / self.rate - time.monotonic())):
            answer = self._one(connection, bodies[number % len(bodies)])
            self.answers.append(answer)
            if answer.status == 0:
                connection.close()
                connection = self._connection()
            # A worker that was kept waiting asks its next question in time, not all it missed.
            behind = int((time.monotonic() - begun) * self.rate)
            number = max(number + _WORKERS, behind - behind % _WORKERS + worker)

    def _one(self, connection: http.client.HTTPConnection, body: bytes) -> Answer:
        at, start = time.time(), time.monotonic()
        try:
            connection.request(
                "POST",
                f"/endpoints/{self.endpoint}/invocations",
                body,
                {"Content-Type": "application/json"},
            )
            response = connection.getresponse()
            said = response.read()
        except (OSError, http.client.HTTPException):
            return Answer(at, 0, None, None, time.monotonic() - start)
        seconds = time.monotonic() - start
        if response.status == 200:
            told = response.getheader("X-Amzn-SageMaker-Custom-Attributes") or ""
            version = re.search(r"version=(\d+)", told)
            variant = response.getheader("x-Amzn-Invoked-Production-Variant")
            return Answer(at, 200, variant, int(version[1]) if version else None, seconds)
        found = _VARIANT.search(said.decode("utf-8", "replace"))
        return Answer(at, response.status, found[1] if found else None, None, seconds)

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=TIMEOUT)
