"""What CloudWatch Logs keeps: groups, their streams, and a table of events."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from local.store import Store

MOST_EVENTS = 100_000
OVERHEAD = 26
"""Bytes that CloudWatch Logs counts for an event besides its message."""
_DAY = 86_400_000
_CHUNK = 150
_TABLE = """
CREATE TABLE IF NOT EXISTS log_events (
  number INTEGER PRIMARY KEY, home INTEGER NOT NULL, stream INTEGER NOT NULL,
  timestamp INTEGER NOT NULL, ingested INTEGER NOT NULL, message TEXT NOT NULL
)
"""
_BY_TIME = "CREATE INDEX IF NOT EXISTS log_times ON log_events (home, timestamp, number)"
_BY_STREAM = "CREATE INDEX IF NOT EXISTS log_streams ON log_events (stream, timestamp, number)"
_SUMMARY = """
SELECT min(timestamp), max(timestamp), max(ingested) FROM log_events
WHERE stream = ? AND timestamp >= ?
"""
_TOO_OLD = "DELETE FROM log_events WHERE home = ? AND timestamp < ?"
_TOO_MANY = """
DELETE FROM log_events WHERE number IN
  (SELECT number FROM log_events WHERE home = ? ORDER BY number LIMIT max(0, ?))
"""
Request = dict[str, Any]
Place = tuple[int, int]
FIRST: Place = (-1, -1)
LAST: Place = (1 << 62, 1 << 62)


@dataclass(frozen=True)
class LogEvent:
    number: int
    stream: int
    timestamp: int
    ingested: int
    message: str

    @property
    def place(self) -> Place:
        """Where it stands among the events of its group."""
        return self.timestamp, self.number

    @property
    def id(self) -> str:
        return f"{self.timestamp:028d}{self.number:028d}"


@dataclass(frozen=True)
class Stream:
    name: str
    number: int
    created: int


@dataclass
class Group:
    name: str
    arn: str
    number: int
    created: int
    retention: int | None = None
    kms_key: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    filters: dict[str, Request] = field(default_factory=dict)
    streams: dict[str, Stream] = field(default_factory=dict)

    def kept(self) -> Request:
        """All but the streams, which are kept one by one."""
        return {name: value for name, value in vars(self).items() if name != "streams"}

    def oldest(self, now: int) -> int:
        """The time before which events are gone."""
        return 0 if self.retention is None else now - self.retention * _DAY

    def describe(self, size: int) -> Request:
        told: Request = {
            "logGroupName": self.name,
            "creationTime": self.created,
            "arn": f"{self.arn}:*",
            "logGroupArn": self.arn,
            "logGroupClass": "STANDARD",
            "metricFilterCount": len(self.filters),
            "storedBytes": size,
        }
        if self.retention is not None:
            told["retentionInDays"] = self.retention
        return {**told, "kmsKeyId": self.kms_key} if self.kms_key else told


class LogStore:
    """Whatever was appended is there after the process has gone; the caller holds a lock."""

    def __init__(self, store: Store, *, most: int = MOST_EVENTS) -> None:
        self._store = store
        self._most = most
        for statement in (_TABLE, _BY_TIME, _BY_STREAM):
            store.execute(statement)
        self._groups_kept = store.shelf("logs.groups")
        self._streams_kept = store.shelf("logs.streams")
        self.groups = {name: Group(**kept) for name, kept in self._groups_kept.all().items()}
        self._load_streams()
        newest = store.execute("SELECT max(number) FROM log_events")[0][0]
        self._next = (newest or 0) + 1
        self._since_trim: dict[int, int] = {}

    def add_group(self, name: str, arn: str, now: int) -> Group:
        group = self.groups[name] = Group(name, arn, self._new_number(), now)
        self.keep(group)
        return group

    def keep(self, group: Group) -> None:
        self._groups_kept.put(group.name, group.kept())

    def drop_group(self, group: Group) -> None:
        with self._store.together():
            for stream in group.streams.values():
                self._streams_kept.drop(str(stream.number))
            self._groups_kept.drop(group.name)
            self._store.execute("DELETE FROM log_events WHERE home = ?", group.number)
        del self.groups[group.name]

    def add_stream(self, group: Group, name: str, now: int) -> Stream:
        stream = group.streams[name] = Stream(name, self._new_number(), now)
        self._streams_kept.put(str(stream.number), {"group": group.name, **vars(stream)})
        return stream

    def drop_stream(self, group: Group, stream: Stream) -> None:
        with self._store.together():
            self._streams_kept.drop(str(stream.number))
            self._store.execute("DELETE FROM log_events WHERE stream = ?", stream.number)
        del group.streams[stream.name]

    def append(
        self, group: Group, stream: Stream, events: Sequence[tuple[int, str]], now: int
    ) -> None:
        """In batches; the oldest events of a group that has too many are dropped."""
        with self._store.together():
            for start in range(0, len(events), _CHUNK):
                self._insert(group, stream, events[start : start + _CHUNK], now)
            self._trim(group, len(events), now)

    def events(
        self,
        home: Group | Stream,
        times: tuple[int, int],
        *,
        after: Place = FIRST,
        before: Place = LAST,
        newest: bool = False,
    ) -> Iterator[LogEvent]:
        """Events of a group or a stream from a time to before another, in their order or back."""
        column = "home" if isinstance(home, Group) else "stream"
        order = "DESC" if newest else "ASC"
        statement = (
            "SELECT number, stream, timestamp, ingested, message FROM log_events"
            f" WHERE {column} = ? AND timestamp >= ? AND timestamp < ?"
            " AND (timestamp, number) > (?, ?) AND (timestamp, number) < (?, ?)"
            f" ORDER BY timestamp {order}, number {order} LIMIT 1000"
        )
        while True:
            rows = self._store.execute(statement, home.number, *times, *after, *before)
            found = [LogEvent(*row) for row in rows]
            yield from found
            if len(found) < 1000:
                return
            after, before = (after, found[-1].place) if newest else (found[-1].place, before)

    def size(self, group: Group) -> int:
        counted = f"SELECT coalesce(sum(length(message) + {OVERHEAD}), 0)"
        found = self._store.execute(f"{counted} FROM log_events WHERE home = ?", group.number)
        return int(found[0][0])

    def describe(self, group: Group, stream: Stream, now: int) -> Request:
        told: Request = {
            "logStreamName": stream.name,
            "creationTime": stream.created,
            "arn": f"{group.arn}:log-stream:{stream.name}",
            "storedBytes": 0,
        }
        found = self._store.execute(_SUMMARY, stream.number, group.oldest(now))[0]
        names = ("firstEventTimestamp", "lastEventTimestamp", "lastIngestionTime")
        summary: Mapping[str, int] = (
            {} if found[0] is None else dict(zip(names, found, strict=True))
        )
        return {**told, **summary}

    def _load_streams(self) -> None:
        for kept in self._streams_kept.all().values():
            name = kept.pop("group")
            if name in self.groups:
                self.groups[name].streams[kept["name"]] = Stream(**kept)

    def _new_number(self) -> int:
        """One for every group and stream, never used again."""
        counter = self._store.shelf("logs.numbers")
        number = int(counter.get("homes") or 0) + 1
        counter.put("homes", number)
        return number

    def _insert(
        self, group: Group, stream: Stream, events: Sequence[tuple[int, str]], now: int
    ) -> None:
        values: list[Any] = []
        for timestamp, message in events:
            values += (self._next, group.number, stream.number, timestamp, now, message)
            self._next += 1
        places = ",".join(["(?, ?, ?, ?, ?, ?)"] * len(events))
        self._store.execute(f"INSERT INTO log_events VALUES {places}", *values)

    def _trim(self, group: Group, added: int, now: int) -> None:
        """Now and then: what is too much or too old leaves the table."""
        since = self._since_trim.get(group.number, 0) + added
        self._since_trim[group.number] = since
        if since < max(1, self._most // 20):
            return
        self._since_trim[group.number] = 0
        self._store.execute(_TOO_OLD, group.number, group.oldest(now))
        count = "SELECT count(*) FROM log_events WHERE home = ?"
        present = self._store.execute(count, group.number)[0][0]
        self._store.execute(_TOO_MANY, group.number, present - self._most)
