"""Reads rows from Arrow streams and files, and from Parquet, by the names of their columns.

Both can claim far more than they are: what is compressed may unfold to gigabytes. Arrow is taken
uncompressed, Parquet uncompressed or as snappy (which unfolds to 21 times its size at most), and
of either no more rows are read than a request may have.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import ipc

from serving.columns import Columns
from serving.errors import BadInputError, BadRowsError
from serving.messages import Body
from serving.model import Rows

_FILE_MAGIC: Final = b"ARROW1\x00\x00"  # a file is this, a stream, and a table of contents
_RECORD_BATCH: Final = 3  # of the kinds of message
_COMPRESSION: Final = 3  # of the fields of a record batch
_UNREADABLE: Final = (pa.ArrowException, OSError, struct.error, ValueError, OverflowError)
_CODECS: Final = {"UNCOMPRESSED", "SNAPPY"}
_UNFOLDED: Final = 21  # times


def from_arrow(body: Body, columns: Columns) -> Rows:
    try:
        return _gathered(_batches(body, columns), columns)
    except _UNREADABLE as error:
        raise BadInputError(f"the body is no Arrow stream or file: {_line(error)}") from error


def from_parquet(body: Body, columns: Columns) -> Rows:
    try:
        file = pq.ParquetFile(pa.BufferReader(body), pre_buffer=False)
        _check_schema(file.schema_arrow, columns)
        columns.count(file.metadata.num_rows)
        _check_codecs(file.metadata, len(body))
        return _gathered(file.iter_batches(columns.max_rows, use_threads=False), columns)
    except _UNREADABLE as error:
        raise BadInputError(f"the body is no Parquet file: {_line(error)}") from error


def _batches(body: Body, columns: Columns) -> Iterator[Any]:
    start = len(_FILE_MAGIC) if bytes(body[: len(_FILE_MAGIC)]) == _FILE_MAGIC else 0
    source = pa.BufferReader(pa.py_buffer(body).slice(start))
    messages = ipc.MessageReader.open_stream(source)
    opening = next(iter(messages), None)
    if opening is None:
        raise BadInputError("the body is no Arrow stream or file: it has no schema")
    schema = ipc.read_schema(opening)
    _check_schema(schema, columns)
    for message in messages:
        _check_message(message.metadata.to_pybytes())
        yield ipc.read_record_batch(message, schema)


def _gathered(batches: Iterator[Any], columns: Columns) -> Rows:
    parts: list[Rows] = []
    count = 0
    for batch in batches:
        count += batch.num_rows
        if count > columns.max_rows:
            columns.count(count)
        batch.validate(full=True)
        parts.append(_rows(batch, columns))
    columns.count(count)
    return columns.checked(parts[0] if len(parts) == 1 else np.concatenate(parts))


def _rows(batch: Any, columns: Columns) -> Rows:
    """A lacking value becomes NaN, which the columns take or not."""
    batch = batch.select(list(columns.names))
    kinds = {each.type for each in batch.schema}
    if len(kinds) > 1 or pa.bool_() in kinds:
        numbers = pa.schema([(name, pa.float32()) for name in columns.names])
        batch = batch.cast(numbers, safe=False)
    with np.errstate(over="ignore"):
        return np.asarray(batch.to_tensor(null_to_nan=True)).astype(np.float32, order="C")


def _check_schema(schema: Any, columns: Columns) -> None:
    columns.named(schema.names, what="the body")
    for each in schema:
        kind = each.type
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or kind == pa.bool_()):
            raise BadRowsError(f"column {each.name} is of {kind}: it must be of numbers")


def _check_message(metadata: bytes) -> None:
    """Only plain record batches, before anything of them is unfolded."""
    table = struct.unpack_from("<I", metadata)[0]
    kind = _field(metadata, table, 1)
    header = _field(metadata, table, 2)
    if kind is None or header is None or metadata[kind] != _RECORD_BATCH:
        raise BadInputError("the body has a message that is no record batch")
    record = header + struct.unpack_from("<I", metadata, header)[0]
    if _field(metadata, record, _COMPRESSION) is not None:
        raise BadInputError("the body is compressed within: send record batches uncompressed")


def _field(buffer: bytes, table: int, index: int) -> int | None:
    """Where a field of a flatbuffers table is, if it is there."""
    vtable = table - struct.unpack_from("<i", buffer, table)[0]
    if vtable < 0:
        raise BadInputError("the body has a broken message")
    (size,) = struct.unpack_from("<H", buffer, vtable)
    entry = 4 + 2 * index
    if entry >= size:
        return None
    offset = struct.unpack_from("<H", buffer, vtable + entry)[0]
    return table + offset if offset else None


def _check_codecs(metadata: Any, size: int) -> None:
    for group in range(metadata.num_row_groups):
        for column in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(column)
            if chunk.compression not in _CODECS:
                raise BadInputError(
                    f"the body is compressed by {chunk.compression}: send it plain or as SNAPPY"
                )
            if chunk.total_uncompressed_size > _UNFOLDED * size:
                raise BadInputError("the body claims to unfold to more than it can")


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
