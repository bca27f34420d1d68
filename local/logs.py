"""CloudWatch Logs: groups, streams and events in memory; embedded metrics leave for Metrics."""

import itertools
from collections.abc import Callable, Iterable, Sequence
from threading import RLock

from local.clock import Clock
from local.cloud import Account
from local.embedded_metrics import embedded_metrics
from local.errors import AwsError
from local.log_store import Group, LogEvent, Request, Stream, matches_terms
from local.seams import PutsMetrics

PAGE = 10_000


class Logs:
    """`write` is for whatever runs here; `handle` is the API."""

    def __init__(self, account: Account, clock: Clock, metrics: PutsMetrics) -> None:
        self._account = account
        self._clock = clock
        self._metrics = metrics
        self._groups: dict[str, Group] = {}
        self._numbers = itertools.count()
        self._lock = RLock()
        self._operations: dict[str, Callable[[Request], Request | None]] = {
            "CreateLogGroup": self._create_group,
            "DeleteLogGroup": self._delete_group,
            "DescribeLogGroups": self._describe_groups,
            "PutRetentionPolicy": self._put_retention,
            "DeleteRetentionPolicy": self._delete_retention,
            "CreateLogStream": self._create_stream,
            "DeleteLogStream": self._delete_stream,
            "DescribeLogStreams": self._describe_streams,
            "PutLogEvents": self._put_events,
            "GetLogEvents": self._get_events,
            "FilterLogEvents": self._filter_events,
            "TagResource": lambda r: self._tagged(r["resourceArn"]).tags.update(r["tags"]),
            "UntagResource": self._untag,
            "ListTagsForResource": lambda r: {"tags": dict(self._tagged(r["resourceArn"]).tags)},
            "ListTagsLogGroup": lambda r: {"tags": dict(self._group(r["logGroupName"]).tags)},
        }

    def handle(self, action: str, request: Request) -> Request:
        operation = self._operations.get(action)
        if operation is None:
            message = f"Logs {action} is not part of the embedded AWS"
            raise AwsError("UnknownOperationException", message)
        with self._lock:
            return operation(request) or {}

    def write(self, group: str, stream: str, lines: Sequence[str]) -> None:
        """Append lines; the group and the stream appear with their first line, as Lambda's do."""
        now = self._now()
        with self._lock:
            home = self._groups.get(group) or self._new_group(group)
            target = home.streams.get(stream)
            if target is None:
                target = home.streams[stream] = Stream(stream, now)
            self._append(target, [(now, line) for line in lines])

    def _append(self, stream: Stream, events: Iterable[tuple[int, str]]) -> None:
        ingested = self._now()
        for timestamp, message in events:
            stream.events.append(LogEvent(next(self._numbers), timestamp, ingested, message))
            for metric in embedded_metrics(message):
                self._metrics.put(
                    metric.namespace,
                    metric.name,
                    metric.dimensions,
                    metric.value,
                    unit=metric.unit,
                    at=metric.at,
                )

    def _now(self) -> int:
        return int(self._clock.now().timestamp() * 1000)

    def _new_group(self, name: str) -> Group:
        arn = self._account.arn("logs", f"log-group:{name}")
        group = self._groups[name] = Group(name, arn, self._now())
        return group

    def _group(self, name: str) -> Group:
        group = self._groups.get(name)
        if group is None:
            raise AwsError("ResourceNotFoundException", "The specified log group does not exist.")
        return group

    def _stream(self, request: Request) -> Stream:
        stream = self._group(_group_name(request)).streams.get(request["logStreamName"])
        if stream is None:
            raise AwsError("ResourceNotFoundException", "The specified log stream does not exist.")
        return stream

    def _tagged(self, arn: str) -> Group:
        return self._group(arn.partition(":log-group:")[2].removesuffix(":*"))

    def _create_group(self, request: Request) -> None:
        name = request["logGroupName"]
        if name in self._groups:
            message = "The specified log group already exists"
            raise AwsError("ResourceAlreadyExistsException", message)
        group = self._new_group(name)
        group.kms_key = request.get("kmsKeyId", "")
        group.tags.update(request.get("tags") or {})

    def _delete_group(self, request: Request) -> None:
        self._group(request["logGroupName"])
        del self._groups[request["logGroupName"]]

    def _describe_groups(self, request: Request) -> Request:
        prefix = request.get("logGroupNamePrefix") or ""
        pattern = request.get("logGroupNamePattern") or ""
        found = [
            group.describe()
            for name, group in sorted(self._groups.items())
            if name.startswith(prefix) and pattern in name
        ]
        return _page("logGroups", found, request)

    def _put_retention(self, request: Request) -> None:
        self._group(request["logGroupName"]).retention = int(request["retentionInDays"])

    def _delete_retention(self, request: Request) -> None:
        self._group(request["logGroupName"]).retention = None

    def _create_stream(self, request: Request) -> None:
        group = self._group(request["logGroupName"])
        name = request["logStreamName"]
        if name in group.streams:
            message = "The specified log stream already exists"
            raise AwsError("ResourceAlreadyExistsException", message)
        group.streams[name] = Stream(name, self._now())

    def _delete_stream(self, request: Request) -> None:
        self._stream(request)
        del self._group(request["logGroupName"]).streams[request["logStreamName"]]

    def _describe_streams(self, request: Request) -> Request:
        group = self._group(_group_name(request))
        prefix = request.get("logStreamNamePrefix") or ""
        streams = [each for each in group.streams.values() if each.name.startswith(prefix)]
        if request.get("orderBy") == "LastEventTime":
            streams.sort(key=lambda each: each.events[-1].timestamp if each.events else 0)
        else:
            streams.sort(key=lambda each: each.name)
        if request.get("descending"):
            streams.reverse()
        return _page("logStreams", [each.describe(group.arn) for each in streams], request)

    def _put_events(self, request: Request) -> Request:
        events = [(int(each["timestamp"]), str(each["message"])) for each in request["logEvents"]]
        self._append(self._stream(request), events)
        return {"nextSequenceToken": "0"}

    def _get_events(self, request: Request) -> Request:
        events = [e for e in self._stream(request).events if _within(e, request)]
        token = str(request.get("nextToken") or "")
        after = int(token[2:]) if token.startswith("f/") else -1
        limit = int(request.get("limit") or PAGE)
        newer = [event for event in events if event.number > after]
        chosen = newer[:limit] if request.get("startFromHead") or token else newer[-limit:]
        last = chosen[-1].number if chosen else max(after, -1)
        told = [
            {"timestamp": e.timestamp, "message": e.message, "ingestionTime": e.ingested}
            for e in chosen
        ]
        return {"events": told, "nextForwardToken": f"f/{last}", "nextBackwardToken": f"b/{last}"}

    def _filter_events(self, request: Request) -> Request:
        group = self._group(_group_name(request))
        names = request.get("logStreamNames")
        prefix = request.get("logStreamNamePrefix") or ""
        terms = matches_terms(request.get("filterPattern") or "")
        after = int(request.get("nextToken") or -1)
        found = [
            (event, stream.name)
            for stream in group.streams.values()
            if stream.name.startswith(prefix) and (not names or stream.name in names)
            for event in stream.events
            if event.number > after and _within(event, request) and terms(event.message)
        ]
        found.sort(key=lambda pair: pair[0].number)
        limit = int(request.get("limit") or PAGE)
        answer: Request = {"events": [_filtered(event, name) for event, name in found[:limit]]}
        if len(found) > limit:
            answer["nextToken"] = str(found[limit - 1][0].number)
        return answer

    def _untag(self, request: Request) -> None:
        tags = self._tagged(request["resourceArn"]).tags
        for key in request["tagKeys"]:
            tags.pop(key, None)


def _group_name(request: Request) -> str:
    named = request.get("logGroupName") or request.get("logGroupIdentifier") or ""
    return str(named).rpartition(":log-group:")[2].removesuffix(":*")


def _within(event: LogEvent, request: Request) -> bool:
    start, end = request.get("startTime"), request.get("endTime")
    return (start is None or event.timestamp >= int(start)) and (
        end is None or event.timestamp < int(end) or start == end
    )


def _filtered(event: LogEvent, stream: str) -> Request:
    return {
        "logStreamName": stream,
        "timestamp": event.timestamp,
        "message": event.message,
        "ingestionTime": event.ingested,
        "eventId": f"{event.number:056d}",
    }


def _page(member: str, found: list[Request], request: Request) -> Request:
    start = int(request.get("nextToken") or 0)
    limit = int(request.get("limit") or 50)
    answer: Request = {member: found[start : start + limit]}
    if start + limit < len(found):
        answer["nextToken"] = str(start + limit)
    return answer
