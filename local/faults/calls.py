"""What faults do to API calls: around everything that answers on the port."""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Protocol

from local import changes
from local.errors import AwsError
from local.faults import refusals
from local.faults.asked import Asked, asked
from local.faults.book import Book
from local.faults.kinds import Fault
from local.http_messages import HangUpError, HttpRequest, HttpResponse
from local.unknown import encoded

Route = Callable[[HttpRequest], HttpResponse]
_REFUSING = ("throttle", "internal-error", "access-denied", "limit-exceeded")
_KINDS = frozenset(
    {*_REFUSING, "time-out-after-apply", "kill-server", "kill-function", "disk-full"}
)
_STORING = frozenset({"PutObject", "UploadPart", "PostObject"})
_MOST_COUNTED = 10_000


class Sandboxed(Protocol):
    """A sandbox at work, as far as a fault needs it."""

    @property
    def request_id(self) -> str: ...

    @property
    def function_name(self) -> str: ...

    def kill(self) -> None: ...


@dataclass(frozen=True)
class Victims:
    """Where the processes are that a call may cost their life."""

    sandbox: Callable[[str], Sandboxed | None]
    kill_server: Callable[[str], bool]


@dataclass
class CallFaults:
    """Looks at a call only while a fault for calls is armed."""

    book: Book
    account: str
    victims: Victims
    pause: Callable[[float], None] = time.sleep
    _lock: Lock = field(default_factory=Lock)
    _counted: OrderedDict[tuple[str, str], int] = field(default_factory=OrderedDict)
    _stored: dict[str, int] = field(default_factory=dict)

    def around(self, route: Route) -> Route:
        def answer(request: HttpRequest) -> HttpResponse:
            if not self.book.armed(_KINDS) or request.path.startswith("/_local/"):
                return route(request)
            return self._disturbed(request, asked(request), route)

        return answer

    def _disturbed(self, request: HttpRequest, call: Asked, route: Route) -> HttpResponse:
        error = self._refusal(call) or self._no_room(request, call)
        if error is not None:
            return encoded(request, call.service, changes.action(request), error)
        self._kill_server(call)
        killing = self._kill_function(call)
        if killing is not None and killing[0].word("when") == "before":
            killing[1].kill()
            raise HangUpError("the sandbox died before its call")
        response = route(request)
        if killing is not None:
            killing[1].kill()
            raise HangUpError("the sandbox died after its call")
        for fault in self.book.strikes("time-out-after-apply", call.subject):
            self.pause(max(0.0, fault["seconds"]))
            raise HangUpError("a fault")
        return response

    def _refusal(self, call: Asked) -> AwsError | None:
        for kind in _REFUSING:
            for fault in self.book.strikes(kind, call.subject):
                return _refused(fault, call, self.account)
        return None

    def _no_room(self, request: HttpRequest, call: Asked) -> AwsError | None:
        """Bytes count from when the fault was added; what is deleted makes no room."""
        if call.service != "s3" or call.action not in _STORING:
            return None
        for fault in self.book.about("disk-full", call.subject):
            with self._lock:
                stored = self._stored.get(fault.id, 0) + len(request.body)
                if stored <= fault["bytes"]:
                    self._stored[fault.id] = stored
                    continue
            if self.book.strike(fault):
                return refusals.full()
        return None

    def _kill_server(self, call: Asked) -> None:
        if call.service == "sagemaker-runtime":
            for _ in self.book.strikes("kill-server", call.subject):
                self.victims.kill_server(call.names[0])

    def _kill_function(self, call: Asked) -> tuple[Fault, Sandboxed] | None:
        sandbox = self.victims.sandbox(call.access_key)
        if sandbox is None:
            return None
        subject: Mapping[str, tuple[str, ...]] = {
            "service": (call.service,),
            "action": (call.action,),
            "name": (sandbox.function_name,),
        }
        for fault in self.book.about("kill-function", subject):
            reached = self._count(fault.id, sandbox.request_id) == int(fault["call"])
            if reached and self.book.strike(fault):
                return fault, sandbox
        return None

    def _count(self, fault: str, invocation: str) -> int:
        """Which call of its invocation this is, among those that the fault is about."""
        with self._lock:
            number = self._counted.pop((fault, invocation), 0) + 1
            self._counted[fault, invocation] = number
            if len(self._counted) > _MOST_COUNTED:
                self._counted.popitem(last=False)
            return number


def _refused(fault: Fault, call: Asked, account: str) -> AwsError:
    match fault.kind:
        case "throttle":
            return refusals.throttled(call.service)
        case "internal-error":
            return refusals.failed(call.service, int(fault["status"]))
        case "access-denied":
            return refusals.denied(call.service, call.action, account)
        case _:
            return refusals.limited(call.service, call.action)
