"""Looks through a file's rows before anything is paid for: columns, holes, bounds, labels.

DuckDB reads the file locked down: one directory, no network, no extensions, no settings.
"""

import fnmatch
import re
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

from events.words import Reason
from functions.definition import Data
from functions.drops import Checked, Fault

if TYPE_CHECKING:
    import duckdb

_INTEGER = re.compile(r"U?(TINYINT|SMALLINT|INTEGER|BIGINT)")
_NUMERIC = re.compile(rf"{_INTEGER.pattern}|FLOAT|DOUBLE")  # what the training reads
_CSV = "delim = ',', quote = '\"', escape = '\"', comment = '', skip = 0"
_READERS = {
    "parquet": "read_parquet('{path}')",
    "csv": f"read_csv('{{path}}', {_CSV}, header = true, sample_size = -1)",
    "jsonl": "read_json('{path}', format = 'newline_delimited',"
    " sample_size = -1, map_inference_threshold = -1)",
}
"""Nothing is guessed: the training reads the same dialect. All rows tell a column's type, because
a fraction may come after a million whole numbers."""
_ANY = (-3.4028234e38, 3.4028234e38)  # what a float32 holds: so training reads them
_PROBE_ROWS = 3
_MEMORY = "700MB"
_LOCKS = ("autoinstall_known_extensions = false", "autoload_known_extensions = false")
_CLOSED = ("enable_external_access = false", "lock_configuration = true")


@dataclass(frozen=True)
class _Column:
    name: str
    type: str

    @property
    def quoted(self) -> str:
        return '"' + self.name.replace('"', '""') + '"'


def check(path: Path, name: str, *, data: Data) -> Checked | Fault:
    """Check one file of a drop, called `name` by its owner."""
    import duckdb  # 60 ms that only a complete drop has to pay

    folder = str(path.parent).replace("'", "''")
    try:
        with duckdb.connect(config={"memory_limit": _MEMORY, "threads": "2"}) as db:
            for setting in (*_LOCKS, f"allowed_directories = ['{folder}']", *_CLOSED):
                db.execute(f"SET {setting}")
            return _look(db, path, name=name, data=data)
    except duckdb.Error as error:
        line = str(error).splitlines()[0].replace(str(path), name)
        return Fault(Reason.FILE_UNREADABLE, f"{name}: not readable as {data.format}: {line}")


def _look(db: "duckdb.DuckDBPyConnection", path: Path, *, name: str, data: Data) -> Checked | Fault:
    quoted = str(path).replace("'", "''")
    source = _READERS[data.format].format(path=quoted)
    described = db.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
    columns = [_Column(str(row[0]), str(row[1])) for row in described]
    features = _features(columns, data)
    target = next((c for c in columns if c.name == data.target), None)
    twice = _doubled(db, quoted) if data.format == "csv" else None
    fault = twice or _schema_fault(columns, features, target, data)
    if fault is not None or target is None:
        return Fault(Reason.SCHEMA_MISMATCH, f"{name}: {fault}")
    return _values(db, source, name=name, features=features, target=target, data=data)


def _features(columns: list[_Column], data: Data) -> list[_Column]:
    """What a model will be trained on, in its order: a pattern's columns in natural order."""
    others = sorted((c for c in columns if c.name != data.target), key=lambda c: _natural(c.name))
    found = [c for p in data.features for c in others if fnmatch.fnmatchcase(c.name, p)]
    return list(dict.fromkeys(found))


def _natural(name: str) -> list[tuple[int, int, str]]:
    """pixel_2 comes before pixel_10."""
    parts = re.findall(r"\d+|\D+", name)
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts]


def _doubled(db: "duckdb.DuckDBPyConnection", path: str) -> str | None:
    """DuckDB renames the second of two columns; nobody else knows it by that name."""
    head = f"read_csv('{path}', {_CSV}, header = false, all_varchar = true)"
    names = db.execute(f"SELECT * FROM {head} LIMIT 1").fetchone() or ()
    twice = next((name for name in names if name is not None and names.count(name) > 1), None)
    return None if twice is None else f"there is more than one column {twice!r}"


def _schema_fault(
    columns: list[_Column], features: list[_Column], target: _Column | None, data: Data
) -> str | None:
    there = f"there are {', '.join(c.name for c in columns[:8])}"
    for pattern in data.features:
        if not any(fnmatch.fnmatchcase(c.name, pattern) for c in features):
            return f"no column {pattern!r}; {there}"
    if target is None:
        return f"no target column {data.target!r}; {there}"
    for column in (*features, target):
        if not _NUMERIC.fullmatch(column.type):
            return f"column {column.name!r} is {column.type}; store an integer, FLOAT or DOUBLE"
    if not _INTEGER.fullmatch(target.type):
        return f"target {target.name!r} is {target.type}, not an integer class"
    return None


def _values(
    db: "duckdb.DuckDBPyConnection",
    source: str,
    *,
    name: str,
    features: list[_Column],
    target: _Column,
    data: Data,
) -> Checked | Fault:
    looked = [*features, target]
    parts = ", ".join(
        f"count(*) FILTER ({c.quoted} IS NULL OR isnan({c.quoted}::DOUBLE)),"
        f" min({c.quoted}::DOUBLE), max({c.quoted}::DOUBLE)"
        for c in looked
    )
    row = db.execute(f"SELECT count(*), {parts} FROM {source}").fetchone()
    rows, *numbers = row if row is not None else (0,)
    if rows == 0:
        return Fault(Reason.NO_ROWS, f"{name}: no rows")
    for i, column in enumerate(looked):
        holes, low, high = numbers[3 * i : 3 * i + 3]
        where = f"{name}: column {column.name!r}"
        if holes:
            return Fault(Reason.VALUES_MISSING, f"{where} lacks a value in {holes} of {rows} rows")
        least, most = _bounds(column, target, data)
        if not (isfinite(low) and isfinite(high) and least <= low and high <= most):
            return Fault(
                Reason.VALUES_OUT_OF_RANGE,
                f"{where} spans {low:g} to {high:g}, allowed are {least:g} to {most:g}",
            )
    listed = ", ".join(f"{c.quoted}::DOUBLE" for c in features)
    probe = db.execute(f"SELECT {listed} FROM {source} LIMIT {_PROBE_ROWS}").fetchall()
    return Checked(
        rows=rows, columns=tuple(c.name for c in features), probe=tuple(tuple(r) for r in probe)
    )


def _bounds(column: _Column, target: _Column, data: Data) -> tuple[float, float]:
    """Any finite number, unless the model says otherwise; of several bounds the narrowest."""
    if column is target:
        return 0, data.classes - 1
    asked = [_ANY, *(b for p, b in data.range.items() if fnmatch.fnmatchcase(column.name, p))]
    return max(low for low, _ in asked), min(high for _, high in asked)
