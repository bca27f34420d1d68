"""CloudWatch Logs: groups, streams and events; embedded metrics leave for Metrics."""

from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from threading import RLock
from typing import Any

from local.clock import Clock
from local.cloud import Account
from local.constraints import check
from local.embedded_metrics import embedded_metrics
from local.errors import AwsError, not_there
from local.filter_patterns import compiled
from local.log_batches import accepted
from local.log_pages import Token, fitting, page, place_of
from local.log_store import FIRST, LAST, Group, LogEvent, LogStore, Request, Stream
from local.metric_filters import MetricFilters
from local.seams import PutsMetrics

PAGE = 10_000
_SCANS = frozenset({"FilterLogEvents", "GetLogEvents"})
RETENTIONS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)


class Logs:
    """`write` is for whatever runs here; `handle` is the API."""

    def __init__(self, account: Account, clock: Clock, metrics: PutsMetrics) -> None:
        self._account = account
        self._clock = clock
        self._metrics = metrics
        self._store = LogStore(account.store)
        self._filters = MetricFilters(clock, metrics, self._group, self._store.keep)
        self._lock = RLock()
        self.operations: Mapping[str, Callable[[Request], Request | None]] = {
            "CreateLogGroup": self._create_group,
            "DeleteLogGroup": lambda r: self._store.drop_group(self._group(r["logGroupName"])),
            "DescribeLogGroups": self._describe_groups,
            "PutRetentionPolicy": self._put_retention,
            "DeleteRetentionPolicy": lambda r: self._change(r["logGroupName"], retention=None),
            "CreateLogStream": self._create_stream,
            "DeleteLogStream": self._delete_stream,
            "DescribeLogStreams": self._describe_streams,
            "PutLogEvents": self._put_events,
            "GetLogEvents": self._get_events,
            "FilterLogEvents": self._filter_events,
            "TagResource": lambda r: self._tag(_named(r["resourceArn"]), r["tags"]),
            "UntagResource": lambda r: self._untag(_named(r["resourceArn"]), r["tagKeys"]),
            "ListTagsForResource": lambda r: self._tags(_named(r["resourceArn"])),
            "TagLogGroup": lambda r: self._tag(r["logGroupName"], r["tags"]),
            "UntagLogGroup": lambda r: self._untag(r["logGroupName"], r["tags"]),
            "ListTagsLogGroup": lambda r: self._tags(r["logGroupName"]),
            **self._filters.operations(),
        }

    def handle(self, action: str, request: Request) -> Request:
        operation = self.operations.get(action)
        if operation is None:
            raise not_there("logs", action)
        check("logs", action, request, code="InvalidParameterException")
        if action in _SCANS:  # they may take long, and the store has a lock of its own
            return operation(request) or {}
        with self._lock:
            return operation(request) or {}

    def write(self, group: str, stream: str, lines: Sequence[str]) -> None:
        """Append lines; the group and the stream appear with their first line, as Lambda's do."""
        now = self._now()
        with self._lock:
            home = self._store.groups.get(group) or self._new_group(group)
            target = home.streams.get(stream) or self._store.add_stream(home, stream, now)
            self._append(home, target, [(now, line) for line in lines])

    def _append(self, group: Group, stream: Stream, events: Sequence[tuple[int, str]]) -> None:
        self._store.append(group, stream, events, self._now())
        for timestamp, message in events:
            self._filters.apply(group, timestamp, message)
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
        return self._store.add_group(
            name, self._account.arn("logs", f"log-group:{name}"), self._now()
        )

    def _group(self, name: str) -> Group:
        group = self._store.groups.get(name)
        if group is None:
            raise AwsError("ResourceNotFoundException", "The specified log group does not exist.")
        return group

    def _stream(self, request: Request) -> tuple[Group, Stream]:
        group = self._group(_group_name(request))
        stream = group.streams.get(request["logStreamName"])
        if stream is None:
            raise AwsError("ResourceNotFoundException", "The specified log stream does not exist.")
        return group, stream

    def _change(self, name: str, **values: Any) -> None:
        group = self._group(name)
        vars(group).update(values)
        self._store.keep(group)

    def _create_group(self, request: Request) -> None:
        name = request["logGroupName"]
        if name in self._store.groups:
            message = "The specified log group already exists"
            raise AwsError("ResourceAlreadyExistsException", message)
        self._new_group(name)
        kms_key, tags = request.get("kmsKeyId", ""), dict(request.get("tags") or {})
        self._change(name, kms_key=kms_key, tags=tags)

    def _describe_groups(self, request: Request) -> Request:
        prefix = request.get("logGroupNamePrefix") or ""
        pattern = request.get("logGroupNamePattern") or ""
        if prefix and pattern:
            message = "LogGroup name prefix and LogGroup name pattern are mutually exclusive"
            raise AwsError("InvalidParameterException", f"{message} parameters.")
        found = [
            group
            for name, group in sorted(self._store.groups.items())
            if name.startswith(prefix) and pattern.lower() in name.lower()
        ]
        return page("logGroups", found, request, lambda g: g.describe(self._store.size(g)))

    def _put_retention(self, request: Request) -> None:
        days = int(request["retentionInDays"])
        if days not in RETENTIONS:
            valid = ", ".join(str(each) for each in RETENTIONS)
            message = f"Invalid retention value. Valid values are: [{valid}]"
            raise AwsError("InvalidParameterException", message)
        self._change(request["logGroupName"], retention=days)

    def _create_stream(self, request: Request) -> None:
        group = self._group(request["logGroupName"])
        name = request["logStreamName"]
        if name in group.streams:
            message = "The specified log stream already exists"
            raise AwsError("ResourceAlreadyExistsException", message)
        self._store.add_stream(group, name, self._now())

    def _delete_stream(self, request: Request) -> None:
        self._store.drop_stream(*self._stream(request))

    def _describe_streams(self, request: Request) -> Request:
        group = self._group(_group_name(request))
        prefix = request.get("logStreamNamePrefix") or ""
        by_time = request.get("orderBy") == "LastEventTime"
        if by_time and prefix:
            message = "Cannot order by LastEventTime with a logStreamNamePrefix."
            raise AwsError("InvalidParameterException", message)
        chosen = [each for name, each in group.streams.items() if name.startswith(prefix)]
        told = [self._store.describe(group, each, self._now()) for each in chosen]
        told.sort(
            key=lambda s: (s.get("lastEventTimestamp", 0) if by_time else 0, s["logStreamName"]),
            reverse=bool(request.get("descending")),
        )
        return page("logStreams", told, request, dict)

    def _put_events(self, request: Request) -> Request:
        group, stream = self._stream(request)
        batch = accepted(request["logEvents"], now=self._now(), retention=group.retention)
        self._append(group, stream, batch.events)
        answer: Request = {"nextSequenceToken": f"{stream.number:056d}"}
        return {**answer, "rejectedLogEventsInfo": batch.rejected} if batch.rejected else answer

    def _get_events(self, request: Request) -> Request:
        group, stream = self._stream(request)
        given = request.get("nextToken")
        token = Token.read(given) if given else Token(forward=bool(request.get("startFromHead")))
        after = token.place if token.place and token.forward else FIRST
        before = token.place if token.place and not token.forward else LAST
        found = self._store.events(
            stream,
            self._times(group, request),
            after=after,
            before=before,
            newest=not token.forward,
        )
        limit = int(request.get("limit") or PAGE)
        chosen = sorted(fitting(islice(found, limit)), key=lambda event: event.place)
        first, last = _ends(chosen, token)
        return {
            "events": [_told(each) for each in chosen],
            "nextForwardToken": str(Token(forward=True, place=last)),
            "nextBackwardToken": str(Token(forward=False, place=first)),
        }

    def _filter_events(self, request: Request) -> Request:
        group = self._group(_group_name(request))
        names = _chosen_streams(group, request)
        pattern = compiled(request.get("filterPattern") or "")
        after = place_of(request["nextToken"]) if request.get("nextToken") else FIRST
        found = (
            event
            for event in self._store.events(group, self._times(group, request), after=after)
            if event.stream in names and pattern.matches(event.message)
        )
        limit = int(request.get("limit") or PAGE)
        chosen = list(islice(found, limit + 1))
        kept = fitting(chosen[:limit])
        told = [
            {"logStreamName": names[each.stream], "eventId": each.id, **_told(each)}
            for each in kept
        ]
        answer: Request = {"events": told, "searchedLogStreams": []}
        return {**answer, "nextToken": kept[-1].id} if len(kept) < len(chosen) else answer

    def _times(self, group: Group, request: Request) -> tuple[int, int]:
        start, end = request.get("startTime"), request.get("endTime")
        if start is not None and end is not None and int(end) < int(start):
            message = "endTime must be greater than or equal to startTime."
            raise AwsError("InvalidParameterException", message)
        oldest = group.oldest(self._now())
        until = LAST[0] if end is None else int(end) + int(start == end)
        return max(oldest, int(start or 0)), until

    def _tag(self, name: str, tags: Mapping[str, str]) -> None:
        self._change(name, tags={**self._group(name).tags, **tags})

    def _untag(self, name: str, keys: Sequence[str]) -> None:
        tags = {key: value for key, value in self._group(name).tags.items() if key not in keys}
        self._change(name, tags=tags)

    def _tags(self, name: str) -> Request:
        return {"tags": dict(self._group(name).tags)}


def _named(arn: str) -> str:
    return arn.rpartition(":log-group:")[2].removesuffix(":*")


def _group_name(request: Request) -> str:
    name, identifier = request.get("logGroupName"), request.get("logGroupIdentifier")
    if bool(name) == bool(identifier):
        message = "Exactly one of logGroupName or logGroupIdentifier must be provided."
        raise AwsError("InvalidParameterException", message)
    return _named(str(name or identifier))


def _chosen_streams(group: Group, request: Request) -> dict[int, str]:
    """Names by number."""
    names, prefix = request.get("logStreamNames"), request.get("logStreamNamePrefix") or ""
    if names and prefix:
        message = "LogStreamNames and LogStreamNamePrefix are mutually exclusive parameters."
        raise AwsError("InvalidParameterException", message)
    missing = [name for name in names or () if name not in group.streams]
    if missing:
        raise AwsError("ResourceNotFoundException", "The specified log stream does not exist.")
    return {
        stream.number: name
        for name, stream in list(group.streams.items())
        if name.startswith(prefix) and (not names or name in names)
    }


def _ends(chosen: Sequence[LogEvent], token: Token) -> tuple[tuple[int, int], tuple[int, int]]:
    """The places of the first and the last event; where the asker stood when there is none."""
    if chosen:
        return chosen[0].place, chosen[-1].place
    stood = token.place or (FIRST if token.forward else LAST)
    return stood, stood


def _told(event: LogEvent) -> Request:
    return {
        "timestamp": event.timestamp,
        "message": event.message,
        "ingestionTime": event.ingested,
    }
