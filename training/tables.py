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

_BLOCK: Final = 1 << 24  # bytes of text in the reader's hands at once; no row may be longer
_BUFFER: Final = 1 << 20  # bytes of a parquet column
_ROWS: Final = 1 << 15  # of a portion


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


def groups(path: Path, format: str) -> list[tuple[int, int]]:
    """A parquet file's row groups and their rows; of a text, which has no parts, nothing."""
    if format != "parquet":
        return []
    found: list[tuple[int, int]] = _told(path, format, lambda: _row_groups(path))
    return found


def batches(
    path: Path,
    format: str,
    columns: Sequence[str],
    *,
    texts: Sequence[str] = (),
    group: int | None = None,
) -> Iterator[pa.Table]:
    """The same rows in portions; `texts` are further columns that need not be numbers.

    Files are read as the portions are taken, but JSON lines with `texts`: a file at a time. Of a
    parquet file one row group is read, or all of them.
    """
    portions = _told(
        path, format, lambda: _STREAMS[format](path, list(columns), list(texts), group)
    )
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


def _row_groups(path: Path) -> list[tuple[int, int]]:
    import pyarrow.parquet as pq

    about = pq.read_metadata(path)
    return [(index, about.row_group(index).num_rows) for index in range(about.num_row_groups)]


def _parquet_stream(
    path: Path, columns: list[str], texts: list[str], group: int | None
) -> Iterator[pa.Table]:
    """Columns are decoded from a small buffer: a row group is never whole in memory."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    wanted = _all(columns, texts)
    with pq.ParquetFile(path, buffer_size=_BUFFER, pre_buffer=False) as file:
        chosen = None if group is None else [group]
        for batch in file.iter_batches(_ROWS, row_groups=chosen, columns=wanted):
            yield pa.Table.from_batches([batch]).select(wanted)


def _csv_names(path: Path) -> list[str]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return next(csv.reader(file), [])


def _csv(path: Path, columns: list[str]) -> pa.Table:
    import pyarrow as pa
    from pyarrow import csv as reader

    with pa.OSFile(str(path)) as file:
        return reader.read_csv(file, **_csv_options(columns, []))


def _csv_stream(
    path: Path, columns: list[str], texts: list[str], _group: int | None
) -> Iterator[pa.Table]:
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


def _jsonl_stream(
    path: Path, columns: list[str], texts: list[str], _group: int | None
) -> Iterator[pa.Table]:
    """What a text column holds is known at the end of the file; of numbers it is known before."""
    import pyarrow as pa
    from pyarrow import json as reader

    wanted = _all(columns, texts)
    if texts:
        for batch in _jsonl(path, columns, others="infer").select(wanted).to_batches(_ROWS):
            yield pa.Table.from_batches([batch])
        return
    with (
        pa.OSFile(str(path)) as file,
        reader.open_json(file, **_jsonl_options(columns, "ignore")) as rows,
    ):
        for batch in rows:
            yield pa.Table.from_batches([batch]).select(wanted)


def _all(columns: list[str], texts: list[str]) -> list[str]:
    return list(dict.fromkeys((*columns, *texts)))


def _jsonl(path: Path, columns: list[str], *, others: str = "ignore") -> pa.Table:
    import pyarrow as pa
    from pyarrow import json as reader

    with pa.OSFile(str(path)) as file:
        return reader.read_json(file, **_jsonl_options(columns, others))


def _jsonl_options(columns: list[str], others: str) -> dict[str, Any]:
    import pyarrow as pa
    from pyarrow import json as reader

    return {
        "read_options": reader.ReadOptions(block_size=_BLOCK),
        "parse_options": reader.ParseOptions(
            explicit_schema=pa.schema([(name, pa.float64()) for name in columns]),
            newlines_in_values=False,
            unexpected_field_behavior=others,
        ),
    }


_NAMES: Final = {"parquet": _parquet_names, "csv": _csv_names, "jsonl": _jsonl_names}
_TABLES: Final = {"parquet": _parquet, "csv": _csv, "jsonl": _jsonl}
_STREAMS: Final = {"parquet": _parquet_stream, "csv": _csv_stream, "jsonl": _jsonl_stream}
