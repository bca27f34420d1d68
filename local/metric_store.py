"""What CloudWatch keeps of metrics: a table of series and a table of their samples."""

import json
from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import RLock

from local.store import Store

Key = tuple[str, str, frozenset[tuple[str, str]]]
Sample = tuple[datetime, float]
RETENTION = timedelta(days=15)
MOST_SAMPLES = 100_000
SLACK = 10_000
"""A full series is cut back once in so many samples, not with each."""
_CHUNK = 200
_SERIES = """
CREATE TABLE IF NOT EXISTS metric_series (
  number INTEGER PRIMARY KEY, namespace TEXT NOT NULL, name TEXT NOT NULL,
  dimensions TEXT NOT NULL, unit TEXT NOT NULL
)
"""
_SAMPLES = """
CREATE TABLE IF NOT EXISTS metric_samples (
  series INTEGER NOT NULL, at INTEGER NOT NULL, value REAL NOT NULL
)
"""
_BY_TIME = "CREATE INDEX IF NOT EXISTS metric_times ON metric_samples (series, at)"
_READ = "SELECT at, value FROM metric_samples WHERE series = ? ORDER BY at"
_CUT = """
DELETE FROM metric_samples WHERE rowid IN
  (SELECT rowid FROM metric_samples WHERE series = ? ORDER BY at LIMIT max(0,
    (SELECT count(*) FROM metric_samples WHERE series = ?) - ?))
"""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass
class _Series:
    number: int
    unit: str = "None"
    loaded: bool = True
    samples: list[Sample] = field(default_factory=list)


class MetricStore:
    """Samples wait in memory until `flush`; a series is read from the file when first asked for."""

    def __init__(self, store: Store, *, most: int = MOST_SAMPLES, slack: int = SLACK) -> None:
        self._store = store
        self._most = most
        self._slack = slack
        self._lock = RLock()
        self._flushing = RLock()
        self._waiting: list[tuple[int, int, float]] = []
        self._full: set[int] = set()
        for statement in (_SERIES, _SAMPLES, _BY_TIME):
            store.execute(statement)
        self._series = dict(self._found())
        self._next = max((each.number for each in self._series.values()), default=0) + 1

    def add(self, key: Key, values: Iterable[float], unit: str, at: datetime) -> None:
        with self._lock:
            series = self._series.get(key) or self._made(key, unit)
            self._load(series)
            if series.unit != unit:
                self._set_unit(series, unit)
            for value in values:
                insort(series.samples, (at, value), key=_moment)
                self._waiting.append((series.number, _told(at), value))
            if len(series.samples) > self._most + self._slack:
                del series.samples[: -self._most]
                self._full.add(series.number)

    def between(self, key: Key, start: datetime, end: datetime) -> list[Sample]:
        """The samples of a series with start ≤ time < end, in order of time."""
        with self._lock:
            series = self._series.get(key)
            if series is None:
                return []
            self._load(series)
            first = bisect_left(series.samples, start, key=_moment)
            return series.samples[first : bisect_left(series.samples, end, key=_moment)]

    def unit(self, key: Key) -> str:
        with self._lock:
            return self._series[key].unit if key in self._series else "None"

    def known(self) -> list[Key]:
        with self._lock:
            return list(self._series)

    def flush(self) -> None:
        """What was added is kept when this returns."""
        with self._flushing:
            with self._lock:
                rows, self._waiting = self._waiting, []
                full, self._full = self._full, set()
            with self._store.together():
                for start in range(0, len(rows), _CHUNK):
                    self._insert(rows[start : start + _CHUNK])
                for number in full:
                    self._store.execute(_CUT, number, number, self._most)

    def forget(self, before: datetime) -> None:
        """Drop the samples before a time, and the series that have none left."""
        with self._flushing:
            self.flush()
            self._store.execute("DELETE FROM metric_samples WHERE at < ?", _told(before))
            with self._lock:
                self._forget(before)

    def _forget(self, before: datetime) -> None:
        kept = self._store.execute("SELECT DISTINCT series FROM metric_samples")
        living = {number for (number,) in kept} | {number for number, _, _ in self._waiting}
        for key, series in list(self._series.items()):
            series.samples = [s for s in series.samples if s[0] >= before]
            if series.number not in living:
                self._drop(key)

    def _found(self) -> Iterator[tuple[Key, _Series]]:
        rows = self._store.execute(
            "SELECT number, namespace, name, dimensions, unit FROM metric_series"
        )
        for number, namespace, name, dimensions, unit in rows:
            pairs: Mapping[str, str] = json.loads(dimensions)
            yield (namespace, name, frozenset(pairs.items())), _Series(number, unit, loaded=False)

    def _made(self, key: Key, unit: str) -> _Series:
        series = self._series[key] = _Series(self._next, unit)
        self._next += 1
        namespace, name, pairs = key
        self._store.execute(
            "INSERT INTO metric_series VALUES (?, ?, ?, ?, ?)",
            *(series.number, namespace, name, json.dumps(dict(sorted(pairs))), unit),
        )
        return series

    def _set_unit(self, series: _Series, unit: str) -> None:
        series.unit = unit
        self._store.execute(
            "UPDATE metric_series SET unit = ? WHERE number = ?", unit, series.number
        )

    def _drop(self, key: Key) -> None:
        number = self._series.pop(key).number
        self._store.execute("DELETE FROM metric_series WHERE number = ?", number)

    def _load(self, series: _Series) -> None:
        if not series.loaded:
            rows = self._store.execute(_READ, series.number)
            series.samples = [(_EPOCH + at * _MICROSECOND, value) for at, value in rows]
            series.loaded = True

    def _insert(self, rows: list[tuple[int, int, float]]) -> None:
        places = ", ".join(["(?, ?, ?)"] * len(rows))
        flat = [value for row in rows for value in row]
        self._store.execute(f"INSERT INTO metric_samples VALUES {places}", *flat)


def _moment(sample: Sample) -> datetime:
    return sample[0]


def _told(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND
