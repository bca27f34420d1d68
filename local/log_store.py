"""What CloudWatch Logs keeps: groups of streams of events."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from local.errors import AwsError

MOST_EVENTS = 20_000
Request = dict[str, Any]


@dataclass(frozen=True)
class LogEvent:
    number: int
    timestamp: int
    ingested: int
    message: str


@dataclass
class Stream:
    name: str
    created: int
    events: deque[LogEvent] = field(default_factory=lambda: deque(maxlen=MOST_EVENTS))

    def describe(self, arn: str) -> Request:
        told: Request = {
            "logStreamName": self.name,
            "creationTime": self.created,
            "arn": f"{arn}:log-stream:{self.name}",
            "storedBytes": 0,
        }
        if self.events:
            told["firstEventTimestamp"] = self.events[0].timestamp
            told["lastEventTimestamp"] = self.events[-1].timestamp
            told["lastIngestionTime"] = self.events[-1].ingested
        return told


@dataclass
class Group:
    name: str
    arn: str
    created: int
    retention: int | None = None
    kms_key: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    streams: dict[str, Stream] = field(default_factory=dict)

    def describe(self) -> Request:
        told: Request = {
            "logGroupName": self.name,
            "creationTime": self.created,
            "arn": f"{self.arn}:*",
            "logGroupArn": self.arn,
            "logGroupClass": "STANDARD",
            "metricFilterCount": 0,
            "storedBytes": sum(len(e.message) for s in self.streams.values() for e in s.events),
        }
        if self.retention is not None:
            told["retentionInDays"] = self.retention
        return {**told, "kmsKeyId": self.kms_key} if self.kms_key else told


def matches_terms(pattern: str) -> Callable[[str], bool]:
    """Plain terms only: every term or quoted phrase must occur, none of the `-terms` may."""
    if pattern.lstrip()[:1] in {"{", "[", "%"}:
        message = f"filter pattern {pattern!r}: the embedded AWS knows plain terms only"
        raise AwsError("InvalidParameterException", message)
    words = [word for part in pattern.split('"')[::2] for word in part.split()]
    wanted = [*pattern.split('"')[1::2], *(w for w in words if not w.startswith("-"))]
    unwanted = [word[1:] for word in words if word.startswith("-")]
    return lambda message: (
        all(each in message for each in wanted) and not any(each in message for each in unwanted)
    )
