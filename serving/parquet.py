"""Reads rows from Parquet, by the names of its columns, in a process of its own.

The only reader there is for Parquet can be brought down by one changed byte, and a small file can
unfold to gigabytes. So it reads where nothing else is lost: when it dies, takes too long or needs
too much memory, one request is refused and the next gets a fresh process.
`python -m serving.parquet` is that process. Both ways go frames: eight bytes of length, then so
many bytes; an answer begins with a byte that tells rows from a refusal.
"""

from __future__ import annotations

import json
import resource
import select
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, Any, Final

import numpy as np

from serving.columns import Columns, Rows
from serving.errors import BadInputError, BadRowsError, RequestError
from serving.messages import Body

_ROWS, _REFUSAL = b"r", b"e"
_MEMORY: Final = 4 * 2**30  # bytes of addresses; an idle reader has one already
_SECONDS: Final = 20.0
_READ_BYTES: Final = 2**20
_CODECS: Final = {"UNCOMPRESSED", "SNAPPY"}
_UNFOLDED: Final = 21  # times, which is the most that snappy can


class _GoneError(Exception):
    """The process ended, or did not answer in its time."""


@dataclass(eq=False)
class ParquetReader:
    """Used by one thread."""

    columns: Columns
    seconds: float = _SECONDS
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def rows(self, body: Body) -> Rows:
        try:
            answer = self._asked(body)
        except (OSError, _GoneError) as error:
            self.close()
            raise BadInputError(f"the body cannot be read as a Parquet file: {error}") from error
        if answer[:1] == _REFUSAL:
            raise RequestError(*json.loads(answer[1:]))
        return np.frombuffer(answer, np.float32, offset=1).reshape(-1, len(self.columns.names))

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _asked(self, body: Body) -> bytes:
        process = self._process = self._process or self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        _write(process.stdin, body)
        until = time.monotonic() + self.seconds
        size = int.from_bytes(_read(process.stdout, 8, until), "little")
        return _read(process.stdout, size, until)

    def _started(self) -> subprocess.Popen[bytes]:
        said = (self.columns.names, self.columns.max_rows, self.columns.missing)
        return subprocess.Popen(
            [sys.executable, "-m", __name__, json.dumps(said)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
        )


def _write(stream: IO[bytes], data: Body) -> None:
    rest = memoryview(len(data).to_bytes(8, "little") + data)
    while rest:
        rest = rest[stream.write(rest) :]


def _read(stream: IO[bytes], size: int, until: float | None = None) -> bytes:
    data = bytearray()
    while len(data) < size:
        left = None if until is None else max(0.0, until - time.monotonic())
        if not select.select([stream], [], [], left)[0]:
            raise _GoneError("it takes too long")
        part = stream.read(min(size - len(data), _READ_BYTES))
        if not part:
            raise _GoneError("its reader broke down over it")
        data += part
    return bytes(data)


def main(said: str) -> None:
    names, max_rows, missing = json.loads(said)
    columns = Columns(tuple(names), max_rows, missing)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    asked, answers = open(0, "rb", buffering=0), open(1, "wb", buffering=0)  # noqa: SIM115  # they are no files
    with suppress(_GoneError):  # the server has ended
        while True:
            size = int.from_bytes(_read(asked, 8), "little")
            _write(answers, _answer(_read(asked, size), columns))


def _answer(body: bytes, columns: Columns) -> bytes:
    try:
        return _ROWS + _decoded(body, columns).tobytes()
    except RequestError as refused:
        told = (refused.status, refused.code, refused.message)
    except Exception as error:  # noqa: BLE001  # whatever its reader finds wrong with it
        line = (str(error).splitlines() or [type(error).__name__])[0][:200]
        told = (400, "BAD_INPUT", f"the body is no Parquet file: {line}")
    return _REFUSAL + json.dumps(told).encode()


def _decoded(body: bytes, columns: Columns) -> Rows:
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = pq.ParquetFile(pa.BufferReader(body), pre_buffer=False)
    _check_schema(file.schema_arrow, columns)
    columns.count(file.metadata.num_rows)
    _check_codecs(file.metadata, len(body))
    numbers = pa.schema([(name, pa.float32()) for name in columns.names])
    table = file.read(use_threads=False).select(list(columns.names)).cast(numbers, safe=False)
    (batch,) = table.combine_chunks().to_batches()
    numbers_BF = np.asarray(batch.to_tensor(null_to_nan=True))
    return columns.cast(numbers_BF)


def _check_schema(schema: Any, columns: Columns) -> None:
    import pyarrow as pa

    columns.named(schema.names, what="the body")
    for each in schema:
        kind = each.type
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or kind == pa.bool_()):
            raise BadRowsError(f"column {each.name} is not of numbers")


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


if __name__ == "__main__":
    main(sys.argv[1])
