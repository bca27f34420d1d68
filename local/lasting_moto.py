"""moto whose state outlasts the process: a change is written down, then carried out."""

import json
import logging
import re
import secrets
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from threading import Condition, RLock
from urllib.parse import parse_qsl, urlencode

from local import changes
from local.http_messages import HttpRequest, HttpResponse
from local.journal import Entry, Journal
from local.replayed import recorded

Route = Callable[[HttpRequest], HttpResponse]
_REFUSED = 400
_LOOK_AGAIN = 0.5
"""Seconds after which a waiting receive looks for messages that became visible."""
_LONGEST_WAIT = 20.0
_MESSAGE = re.compile(rb'"Messages"\s*:\s*\[\s*\{|<Message>')
log = logging.getLogger("local.moto")


class LastingMoto:
    """One change at a time, in the order of the journal, each under a seed and time of its own."""

    def __init__(self, moto: Route, journal: Journal) -> None:
        self._moto = moto
        self._journal = journal
        self._one_at_a_time = RLock()
        self._changed = Condition(self._one_at_a_time)
        self.changed_at = time.monotonic()

    def __call__(
        self, request: HttpRequest, then: Callable[[HttpResponse], None] | None = None
    ) -> HttpResponse:
        """`then` is called between the change and its being final, in the same transaction."""
        if not changes.changes_state(request):
            return self._moto(request)
        if changes.receives(request):
            return self._receive(request)
        at, seed = time.time(), secrets.randbits(62)
        with self._one_at_a_time:
            entry = self._journal.begin(request, at=at, seed=seed)
            return self._carried_out(Entry(entry, at, seed, done=False, request=request), then)

    @property
    def journalled(self) -> int:
        """How many entries the journal has."""
        return len(self._journal)

    def still(self) -> AbstractContextManager[object]:
        """Nothing changes while this is held."""
        return self._one_at_a_time

    def replay(self) -> list[Entry]:
        """Carry out again what the journal holds; what was cut off in the midst is returned."""
        unfinished = []
        with self._one_at_a_time:
            for entry in self._journal.entries():
                if entry.done:
                    self._again(entry)
                else:
                    unfinished.append(entry)
        return unfinished

    def resume(self, entry: Entry, then: Callable[[HttpResponse], None]) -> HttpResponse:
        """Carry out to its end what was cut off."""
        with self._one_at_a_time:
            return self._carried_out(entry, then)

    def _again(self, entry: Entry) -> None:
        with recorded(entry.seed, entry.at):
            response = self._moto(entry.request)
        if response.status >= _REFUSED:
            log.error("replayed %s %s: %s", entry.request.method, entry.request.path, response.body)

    def _carried_out(
        self, entry: Entry, then: Callable[[HttpResponse], None] | None
    ) -> HttpResponse:
        try:
            with recorded(entry.seed, entry.at):
                response = self._moto(entry.request)
        except BaseException:
            self._journal.forget(entry.id)
            raise
        if response.status >= _REFUSED:
            self._journal.forget(entry.id)
            return response
        with self._journal.together():
            if then is not None:
                then(response)
            self._journal.finish(entry.id)
        self.changed_at = time.monotonic()
        self._changed.notify_all()
        return response

    def _receive(self, request: HttpRequest) -> HttpResponse:
        """A receive that waits looks again at each change, so that it is done at one moment."""
        at_once, wait = _without_wait(request)
        deadline = time.monotonic() + wait
        with self._one_at_a_time:
            while True:
                response = self._looked(at_once)
                left = deadline - time.monotonic()
                if left <= 0 or response.status >= _REFUSED or _MESSAGE.search(response.body):
                    return response
                self._changed.wait(min(left, _LOOK_AGAIN))

    def _looked(self, request: HttpRequest) -> HttpResponse:
        at, seed = time.time(), secrets.randbits(62)
        with recorded(seed, at):
            response = self._moto(request)
        if _MESSAGE.search(response.body):
            self._journal.begin(request, at=at, seed=seed, done=True)
            self.changed_at = time.monotonic()
        return response


def _without_wait(request: HttpRequest) -> tuple[HttpRequest, float]:
    """The same receive that does not wait, and the seconds it may: told, or the queue's own."""
    if changes.is_json(request):
        told = json.loads(request.body or b"{}")
        wait = told.get("WaitTimeSeconds")
        body = json.dumps({**told, "WaitTimeSeconds": 0}).encode()
        url = str(told.get("QueueUrl", ""))
    else:
        form = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
        wait = form.get("WaitTimeSeconds")
        body = urlencode({**form, "WaitTimeSeconds": "0"}).encode()
        url = form.get("QueueUrl", request.path)
    seconds = _own_wait(url) if wait is None else float(wait)
    if not 0 <= seconds <= _LONGEST_WAIT:
        return request, 0.0  # refused by moto
    return replace(request, body=body), seconds


def _own_wait(queue_url: str) -> float:
    from moto.sqs.models import sqs_backends

    from local.cloud import ACCOUNT_ID, REGION

    queue = sqs_backends[ACCOUNT_ID][REGION].queues.get(queue_url.rpartition("/")[2])
    return float(getattr(queue, "receive_message_wait_time_seconds", 0) or 0)
