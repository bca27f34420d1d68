"""What PutLogEvents takes: the limits of a batch, and which of its events are too old or new."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local.errors import AwsError
from local.log_store import OVERHEAD

MOST_BYTES = 1_048_576
_HOUR = 3_600_000
_DAY = 24 * _HOUR
_TOO_OLD = 14 * _DAY
_TOO_NEW = 2 * _HOUR


@dataclass(frozen=True)
class Batch:
    """`rejected` is the API's RejectedLogEventsInfo, empty when all events are taken."""

    events: Sequence[tuple[int, str]]
    rejected: Mapping[str, int]


def accepted(given: Sequence[Mapping[str, Any]], *, now: int, retention: int | None) -> Batch:
    """Raises InvalidParameterException for a batch that is refused as a whole."""
    events = [(int(each["timestamp"]), str(each["message"])) for each in given]
    _check(events)
    expired = sum(t < now - retention * _DAY for t, _ in events) if retention else 0
    old = sum(t < now - _TOO_OLD for t, _ in events)
    new = sum(t > now + _TOO_NEW for t, _ in events)
    rejected = {
        **({"tooNewLogEventStartIndex": len(events) - new} if new else {}),
        **({"tooOldLogEventEndIndex": old} if old else {}),
        **({"expiredLogEventEndIndex": expired} if expired else {}),
    }
    return Batch(events[max(expired, old) : len(events) - new], rejected)


def _check(events: Sequence[tuple[int, str]]) -> None:
    size = sum(len(message.encode()) + OVERHEAD for _, message in events)
    if size > MOST_BYTES:
        raise _refused(f"Upload too large: {size} bytes exceeds limit of {MOST_BYTES}")
    times = [timestamp for timestamp, _ in events]
    if times != sorted(times):
        raise _refused(
            "Log events in a single PutLogEvents request must be in chronological order."
        )
    if times and times[-1] - times[0] > _DAY:
        batch = "The batch of log events in a single PutLogEvents request"
        raise _refused(f"{batch} cannot span more than 24 hours.")


def _refused(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message)
