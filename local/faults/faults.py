"""The book of faults over HTTP, and what the parts of the embedded AWS take from it."""

import json
from collections.abc import Callable
from typing import Any

from local.clock import Clock
from local.faults.book import Book
from local.faults.calls import CallFaults, Victims
from local.faults.disturbances import EventFaults, JobFaults
from local.faults.kinds import KINDS, Fault, FaultError
from local.http_messages import HttpRequest, HttpResponse

PATH = "/_local/faults"
Route = Callable[[HttpRequest], HttpResponse]


class Faults:
    """`events` and `jobs` are for whom they disturb, `around` goes over the whole port."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._book = Book()
        self.events = EventFaults(self._book)
        self.jobs = JobFaults(self._book)

    def around(self, route: Route, account: str, victims: Victims) -> Route:
        return CallFaults(self._book, account, victims).around(route)

    def answer(self, request: HttpRequest) -> HttpResponse:
        """GET lists, POST adds one, DELETE takes one back or all."""
        id_ = request.path.removeprefix(PATH).strip("/")
        match request.method, bool(id_):
            case "GET", False:
                return _told(200, self._all())
            case "POST", False:
                return _refusing(400, lambda: (201, {"id": self._add(request.body).id}))
            case "DELETE", False:
                return _told(200, {"removed": self._clear()})
            case "DELETE", True:
                return _refusing(404, lambda: (200, {"removed": self._remove(id_)}))
            case _:
                return _told(405, {"error": f"{request.method} means nothing at {request.path}"})

    def _all(self) -> dict[str, Any]:
        kinds = {name: {"what": kind.said, "knows": kind.known} for name, kind in KINDS.items()}
        return {"faults": [fault.told() for fault in self._book.all()], "kinds": kinds}

    def _add(self, body: bytes) -> Fault:
        try:
            wish = json.loads(body)
        except ValueError as error:
            raise FaultError(f"the body is no JSON: {error}") from error
        fault = self._book.add(wish)
        if fault.kind == "clock-jump" and self._book.strike(fault):
            self._clock.jump(fault["seconds"])
        return fault

    def _remove(self, id_: str) -> int:
        self._undo(self._book.remove(id_))
        return 1

    def _clear(self) -> int:
        gone = self._book.clear()
        for fault in gone:
            self._undo(fault)
        return len(gone)

    def _undo(self, fault: Fault) -> None:
        if fault.kind == "clock-jump" and fault.struck:
            self._clock.jump(-fault["seconds"])


def _refusing(status: int, act: Callable[[], tuple[int, dict[str, Any]]]) -> HttpResponse:
    try:
        return _told(*act())
    except FaultError as error:
        return _told(status, {"error": str(error)})


def _told(status: int, body: dict[str, Any]) -> HttpResponse:
    content = json.dumps(body).encode() + b"\n"
    return HttpResponse(status, {"Content-Type": "application/json"}, content)
