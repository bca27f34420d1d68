"""Reads columns of a data file: parquet, CSV with a header, or JSON lines.

Only the columns that are asked for are taken in. The numbers of a text are read as float64, so that
the same rows give the same numbers in every format.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from training.failure import DataError

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS: Final = 1 << 16  # of a portion
_BLOCK: Final = 1 << 24  # bytes of text in the reader's hands at once; no row may be longer


def names(path: Path, format: str) -> list[str]:
    """The file's columns; of JSON lines those of the first, for a later one may lack none."""
    found: list[str] = _told(path, format, lambda: _NAMES[format](path))
    if twice := sorted({name for name in found if found.count(name) > 1}):
        raise DataError(
            "DATA_SCHEMA", f"{path.name} has more than one column {twice[0]!r}: rename one"
        )
    return found


def table(path: Path, format: str, columns: Sequence[str]) -> pa.Table:
    """Columns that `names` told of."""
    return _told(path, format, lambda: _TABLES[format](path, list(columns)))


def batches(
    path: Path, format: str, columns: Sequence[str], *, texts: Sequence[str] = ()
) -> Iterator[pa.Table]:
    """The same in portions; `texts` are further columns that need not be numbers.

    Parquet and CSV are read as they come; JSON lines a file at a time.
    """
    portions = _told(path, format, lambda: _STREAMS[format](path, list(columns), list(texts)))
    while (portion := _told(path, format, lambda: next(portions, None))) is not None:
        yield portion


def _told(path: Path, format: str, read: Callable[[], Any]) -> Any:
    """What the reader gives, its many kinds of refusal in one line."""
    import pyarrow as pa

    try:
        return read()
    except MemoryError:
        raise
    except (pa.ArrowException, csv.Error, OSError, ValueError) as error:
        raise DataError(
            "DATA_UNREADABLE",
            f"{path.name} cannot be read as {format} ({error}): drop it again, whole,"
            " or correct [data] format",
        ) from error


def _parquet_names(path: Path) -> list[str]:
    import pyarrow.parquet as pq

    return [str(name) for name in pq.read_schema(path).names]


def _parquet(path: Path, columns: list[str]) -> pa.Table:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path, memory_map=True) as file:
        return file.read(columns=columns)


def _parquet_stream(path: Path, columns: list[str], texts: list[str]) -> Iterator[pa.Table]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(path, memory_map=True) as file:
        for batch in file.iter_batches(_ROWS, columns=_all(columns, texts)):
            yield pa.Table.from_batches([batch])


def _csv_names(path: Path) -> list[str]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return next(csv.reader(file), [])


def _csv(path: Path, columns: list[str]) -> pa.Table:
    import pyarrow as pa
    from pyarrow import csv as reader

    with pa.OSFile(str(path)) as file:
        return reader.read_csv(file, **_csv_options(columns, []))


def _csv_stream(path: Path, columns: list[str], texts: list[str]) -> Iterator[pa.Table]:
    import pyarrow as pa
    from pyarrow import csv as reader

    with (
        pa.OSFile(str(path)) as file,
        reader.open_csv(file, **_csv_options(columns, texts)) as rows,
    ):
        for batch in rows:
            yield pa.Table.from_batches([batch])


def _csv_options(columns: list[str], texts: list[str]) -> dict[str, Any]:
    import pyarrow as pa
    from pyarrow import csv as reader

    types = dict.fromkeys(texts, pa.string()) | dict.fromkeys(columns, pa.float64())
    return {
        "read_options": reader.ReadOptions(block_size=_BLOCK),
        "parse_options": reader.ParseOptions(newlines_in_values=True),
        "convert_options": reader.ConvertOptions(
            include_columns=_all(columns, texts), column_types=types
        ),
    }


def _jsonl_names(path: Path) -> list[str]:
    with path.open(encoding="utf-8") as file:
        first = next((line for line in file if line.strip()), "{}")
    row = json.loads(first)
    if not isinstance(row, dict):
        raise ValueError("its first line is no object")  # noqa: TRY004  # the file's, not a caller's
    return list(row)


def _jsonl_stream(path: Path, columns: list[str], texts: list[str]) -> Iterator[pa.Table]:
    import pyarrow as pa

    table = _jsonl(path, columns, others="infer" if texts else "ignore")
    for batch in table.select(_all(columns, texts)).to_batches(_ROWS):
        yield pa.Table.from_batches([batch])


def _all(columns: list[str], texts: list[str]) -> list[str]:
    return list(dict.fromkeys((*columns, *texts)))


def _jsonl(path: Path, columns: list[str], *, others: str = "ignore") -> pa.Table:
    import pyarrow as pa
    from pyarrow import json as reader

    schema = pa.schema([(name, pa.float64()) for name in columns])
    with pa.OSFile(str(path)) as file:
        return reader.read_json(
            file,
            read_options=reader.ReadOptions(block_size=_BLOCK),
            parse_options=reader.ParseOptions(
                explicit_schema=schema,
                newlines_in_values=False,
                unexpected_field_behavior=others,
            ),
        )


_NAMES: Final = {"parquet": _parquet_names, "csv": _csv_names, "jsonl": _jsonl_names}
_TABLES: Final = {"parquet": _parquet, "csv": _csv, "jsonl": _jsonl}
_STREAMS: Final = {"parquet": _parquet_stream, "csv": _csv_stream, "jsonl": _jsonl_stream}
