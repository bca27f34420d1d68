"""Pages of log events, and the tokens that lead from one to the next."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from local.errors import AwsError
from local.log_store import FIRST, LogEvent, Place, Request

MOST_BYTES = 1_048_576
MOST_DESCRIBED = 50
_WIDTH = 28
T = TypeVar("T")


def _invalid() -> AwsError:
    return AwsError("InvalidParameterException", "The specified nextToken is invalid.")


def place_of(text: str) -> Place:
    """The place that an event's id tells."""
    if not re.fullmatch(rf"\d{{{2 * _WIDTH}}}", text):
        raise _invalid()
    return int(text[:_WIDTH]), int(text[_WIDTH:])


@dataclass(frozen=True)
class Token:
    """Where a reader of one stream stands, and which way it reads."""

    forward: bool
    place: Place | None = None

    @classmethod
    def read(cls, text: str) -> "Token":
        way, _, rest = text.partition("/")
        if way not in {"f", "b"}:
            raise _invalid()
        place = place_of(rest.removesuffix("/s"))
        return cls(forward=way == "f", place=FIRST if place == (0, 0) else place)

    def __str__(self) -> str:
        timestamp, number = self.place or FIRST
        way = "f" if self.forward else "b"
        return f"{way}/{max(0, timestamp):0{_WIDTH}d}{max(0, number):0{_WIDTH}d}/s"


def fitting(events: Iterable[LogEvent]) -> list[LogEvent]:
    """As many events as an answer of 1 MB holds; one at least."""
    chosen: list[LogEvent] = []
    size = 0
    for event in events:
        size += len(event.message.encode())
        if chosen and size > MOST_BYTES:
            break
        chosen.append(event)
    return chosen


def page(
    member: str, found: Sequence[T], request: Request, describe: Callable[[T], dict[str, Any]]
) -> Request:
    """One page of groups or streams."""
    given = str(request.get("nextToken") or "0")
    if not given.isdecimal():
        raise _invalid()
    start, limit = int(given), int(request.get("limit") or MOST_DESCRIBED)
    answer: Request = {member: [describe(each) for each in found[start : start + limit]]}
    if start + limit < len(found):
        answer["nextToken"] = str(start + limit)
    return answer
