"""Has bodies read into rows: small ones at once, large ones in a thread, one after another.

A large body takes the better part of a second; the event loop answers /ping meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from serving.columns import Rows
from serving.errors import RequestError
from serving.messages import Request
from serving.payload import Payload

LARGE: Final = 64 * 2**10  # bytes; about a millisecond
MAX_WAITING: Final = 8  # large bodies; their bytes are bounded with all other bodies'

Parsed = Rows | RequestError


@dataclass(eq=False)
class Parser:
    """`parse` and every `done` run on the caller's side; `post` carries calls over to it."""

    payload: Payload
    post: Callable[[Callable[[], None]], object]
    waiting: int = 0  # large bodies that wait or are at work; touched on the caller's side only
    _thread: ThreadPoolExecutor = field(
        default_factory=partial(ThreadPoolExecutor, max_workers=1, thread_name_prefix="parser")
    )

    def parse(
        self, request: Request, done: Callable[[Parsed], None], *, wanted: Callable[[], bool]
    ) -> bool:
        """False when too many large bodies wait already; what is not `wanted` is not parsed."""
        if len(request.body) <= LARGE and self.payload.is_quick(request.content_type):
            done(self._parsed(request))
            return True
        if self.waiting >= MAX_WAITING:
            return False
        self.waiting += 1
        self._thread.submit(self._work, request, done, wanted)
        return True

    def _work(
        self, request: Request, done: Callable[[Parsed], None], wanted: Callable[[], bool]
    ) -> None:
        parsed = self._parsed(request) if wanted() else None
        self.post(partial(self._deliver, parsed, done))

    def _deliver(self, parsed: Parsed | None, done: Callable[[Parsed], None]) -> None:
        self.waiting -= 1
        if parsed is not None:
            done(parsed)

    def _parsed(self, request: Request) -> Parsed:
        try:
            return self.payload.rows(request.body, request.content_type)
        except RequestError as error:
            return error
        except Exception as error:  # noqa: BLE001  # in a thread nobody else would see it
            return RequestError(500, "INTERNAL", f"{type(error).__name__}: {error}")
