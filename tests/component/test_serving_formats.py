"""The same rows in every format are the same rows; what only looks like rows is refused."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from serving.columns import Columns, Rows
from serving.errors import RequestError
from serving.parquet import ParquetReader
from serving.payload import Payload

NAMES = ("a", "b", "c")
PAYLOAD = Payload(Columns(NAMES, max_rows=50))
MISSING = Payload(Columns(NAMES, max_rows=50, missing=True))
STREAM = "application/vnd.apache.arrow.stream"
FILE = "application/vnd.apache.arrow.file"
PARQUET = "application/vnd.apache.parquet"
NPY = "application/x-npy"
LINES = "application/jsonlines"


def table(rows: Rows, *, names: tuple[str, ...] = NAMES) -> Any:
    return pa.table({name: rows[:, NAMES.index(name)] for name in names})


def stream(data: Any, **options: Any) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, data.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(data)
    return sink.getvalue()


def file(data: Any) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, data.schema) as writer:
        writer.write_table(data)
    return sink.getvalue()


def parquet(data: Any, **options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(data, sink, **options)
    return sink.getvalue()


def npy(rows: Any) -> bytes:
    sink = io.BytesIO()
    np.save(sink, rows, allow_pickle=True)
    return sink.getvalue()


def lines(rows: Any) -> bytes:
    return "\n".join(json.dumps(row) for row in rows).encode()


def objects(rows: Rows) -> list[dict[str, float]]:
    return [dict(zip(NAMES, row, strict=True)) for row in rows.tolist()]


WRITERS: Mapping[str, tuple[str, Callable[[Rows], bytes]]] = {
    "json lists": ("application/json", lambda r: json.dumps({"instances": r.tolist()}).encode()),
    "json objects": ("application/json", lambda r: json.dumps({"instances": objects(r)}).encode()),
    "json lines": (LINES, lambda r: lines(r.tolist())),
    "json lines of objects": ("application/x-ndjson", lambda r: lines(objects(r)) + b"\n\n"),
    "csv": ("text/csv", lambda r: "\n".join(",".join(map(repr, x)) for x in r.tolist()).encode()),
    "npy": (NPY, npy),
    "npy of doubles": (NPY, lambda r: npy(r.astype(">f8"))),
    "npy by columns": (NPY, lambda r: npy(np.asfortranarray(r))),
    "arrow stream": (STREAM, lambda r: stream(table(r))),
    "arrow file": (FILE, lambda r: file(table(r))),
    "arrow in another order": (STREAM, lambda r: stream(table(r, names=("c", "a", "b")))),
    "arrow in batches": (STREAM, lambda r: stream(pa.concat_tables([table(r[:1]), table(r[1:])]))),
    "parquet": (PARQUET, lambda r: parquet(table(r))),
    "parquet plain": ("application/x-parquet", lambda r: parquet(table(r), compression="none")),
}  # fmt: skip

FINITE = st.floats(width=32, allow_nan=False, allow_infinity=False)
ROWS = arrays(np.float32, st.tuples(st.integers(1, 20), st.just(len(NAMES))), elements=FINITE)


@pytest.mark.parametrize("name", WRITERS)
@settings(max_examples=25, deadline=None)
@given(rows=ROWS)
def test_rows_come_back_as_they_were(name: str, rows: Rows) -> None:
    content_type, write = WRITERS[name]

    read = PAYLOAD.rows(write(rows), content_type)

    assert read.dtype == np.float32
    assert read.flags.c_contiguous
    np.testing.assert_array_equal(read, rows)


@pytest.mark.parametrize("name", ["npy", "arrow stream", "arrow file", "parquet", "csv"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_no_finite_number_is_refused_with_its_place(name: str, bad: float) -> None:
    content_type, write = WRITERS[name]
    rows = np.ones((4, 3), dtype=np.float32)
    rows[2, 1] = bad

    with pytest.raises(RequestError, match=rf"BAD_ROWS: instances\[2\], b, is {bad}"):
        PAYLOAD.rows(write(rows), content_type)


@pytest.mark.parametrize("name", ["npy", "arrow stream", "parquet", "csv"])
def test_a_value_may_lack_where_the_policy_says_so_but_none_is_infinite(name: str) -> None:
    content_type, write = WRITERS[name]
    rows = np.ones((4, 3), dtype=np.float32)
    rows[2, 1] = np.nan
    np.testing.assert_array_equal(MISSING.rows(write(rows), content_type), rows)

    rows[3, 0] = np.inf
    with pytest.raises(RequestError, match=r"BAD_ROWS: instances\[3\], a, is inf"):
        MISSING.rows(write(rows), content_type)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"instances": [[1, null, 3]]}', "application/json"),
        (b'{"instances": [{"a": 1, "b": null, "c": 3}]}', "application/json"),
        (b"[1, null, 3]", LINES),
        (b"1,,3", "text/csv"),
        (stream(pa.table({"a": [1], "b": pa.array([None], pa.int64()), "c": [3]})), STREAM),
    ],
)
def test_nulls_and_empty_cells_are_lacking_values(body: bytes, content_type: str) -> None:
    read = MISSING.rows(body, content_type)
    np.testing.assert_array_equal(read, np.array([[1, np.nan, 3]], dtype=np.float32))

    with pytest.raises(RequestError):
        PAYLOAD.rows(body, content_type)


def test_integers_and_booleans_are_numbers() -> None:
    data = pa.table({"a": pa.array([1, 2], pa.uint8()), "b": [True, False], "c": [2**40, -1]})

    for body, content_type in ((stream(data), STREAM), (parquet(data), PARQUET)):
        read = PAYLOAD.rows(body, content_type)
        np.testing.assert_array_equal(read, np.array([[1, 1, 2**40], [2, 0, -1]], np.float32))


def test_one_row_of_npy_may_lack_the_first_dimension() -> None:
    np.testing.assert_array_equal(PAYLOAD.rows(npy(np.arange(3.0)), NPY), [[0, 1, 2]])


@pytest.mark.parametrize("name", WRITERS)
def test_more_rows_than_the_limit_are_refused_in_every_format(name: str) -> None:
    content_type, write = WRITERS[name]

    with pytest.raises(RequestError, match="TOO_MANY_ROWS: "):
        PAYLOAD.rows(write(np.ones((51, 3), dtype=np.float32)), content_type)


@pytest.mark.parametrize("name", WRITERS)
def test_a_body_cut_short_is_refused_in_every_format(name: str) -> None:
    content_type, write = WRITERS[name]
    whole = write(np.ones((9, 3), dtype=np.float32) * 1.5)

    for size in range(0, len(whole) - 20, 97 if "parquet" in name else 7):
        with suppress(RequestError):
            read = PAYLOAD.rows(whole[:size], content_type)
            assert "csv" in name or (read == 1.5).all()  # 1. is a number too
            assert "csv" in name or "lines" in name or "arrow" in name


ONES = np.ones((2, 3), dtype=np.float32)


@pytest.mark.parametrize(
    ("body", "content_type", "words"),
    [
        (npy(np.array([{}, []], dtype=object)), NPY, "BAD_INPUT: the header"),
        (npy(np.array(["a", "b"])), NPY, "BAD_INPUT: the header"),
        (npy(np.ones((2, 3, 1))), NPY, "BAD_INPUT: the header"),
        (npy(np.ones((2, 4))), NPY, "BAD_ROWS: the body is 2 by 4 numbers: this model takes 3"),
        (npy(np.ones((0, 3))), NPY, "BAD_ROWS: instances is empty"),
        (npy(ONES) + b"x", NPY, "BAD_INPUT: the body has"),
        (npy(ONES).replace(b"(2, 3)", b"(9**9,)"), NPY, "BAD_INPUT: the header"),
        (npy(ONES)[:-1], NPY, "BAD_INPUT: the body has 151 bytes, its header tells of 152"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff", NPY, "BAD_INPUT: the header has 4294967295 bytes"),
        (b"", NPY, "BAD_INPUT: the body does not begin"),
        (stream(pa.table({"a": [1], "b": [2]})), STREAM, "BAD_ROWS: the body lacks c"),
        (
            stream(pa.table({"a": ["x"], "b": [2], "c": [3]})),
            STREAM,
            "BAD_ROWS: column a is not of numbers",
        ),
        (
            stream(pa.table({"a": [[1]], "b": [2], "c": [3]})),
            STREAM,
            "BAD_ROWS: column a is not of numbers",
        ),
        (stream(table(ONES[:0])), STREAM, "BAD_ROWS: instances is empty"),
        (stream(table(ONES), compression="zstd"), STREAM, "BAD_INPUT: the body is compressed"),
        (b"ARROW1\x00\x00", FILE, "BAD_INPUT: the body is no Arrow stream"),
        (b"nonsense", STREAM, "BAD_INPUT: the body is no Arrow stream"),
        (parquet(table(ONES), compression="gzip"), PARQUET, "BAD_INPUT: the body is compressed by"),
        (parquet(table(ONES, names=("a", "b"))), PARQUET, "BAD_ROWS: the body lacks c"),
        (parquet(table(ONES))[:-9], PARQUET, "BAD_INPUT: the body is no Parquet file"),
        (b"PAR1", PARQUET, "BAD_INPUT: the body is no Parquet file"),
        (b"[1, 2, 3]\n{", LINES, "BAD_INPUT: row 1 of the body is no JSON"),
        (b'[1, 2, 3]\n[1, "x", 3]', LINES, 'BAD_ROWS: instances\\[1\\]\\[1\\] is "x"'),
        (b"[1, 2]", LINES, "BAD_ROWS: instances\\[0\\] has 2 values"),
        (b"7", LINES, "BAD_ROWS: instances\\[0\\] is 7: a row is"),
        (b"\n\n", LINES, "BAD_ROWS: instances is empty"),
    ],
)
def test_what_only_looks_like_rows_is_refused_with_what_and_where(
    body: bytes, content_type: str, words: str
) -> None:
    with pytest.raises(RequestError, match=words):
        PAYLOAD.rows(body, content_type)


def test_an_arrow_bomb_is_refused_before_it_unfolds() -> None:
    bomb = stream(table(np.zeros((10**6, 3), dtype=np.float32)), compression="zstd")
    assert len(bomb) < 10_000

    before = pa.total_allocated_bytes()
    with pytest.raises(RequestError, match="compressed within"):
        PAYLOAD.rows(bomb, STREAM)

    assert pa.total_allocated_bytes() - before < 2**20


def test_a_parquet_bomb_is_refused_by_its_rows() -> None:
    bomb = parquet(pa.table({name: np.zeros(10**6) for name in NAMES}))
    assert len(bomb) < 20_000

    with pytest.raises(RequestError, match="TOO_MANY_ROWS: "):
        PAYLOAD.rows(bomb, PARQUET)


def test_a_reader_that_breaks_down_refuses_one_request_and_the_next_is_read() -> None:
    whole = parquet(table(ONES))
    reader = ParquetReader(Columns(NAMES, max_rows=50))
    broken = bytearray(whole)
    refused = 0
    for at in range(len(whole) - 150, len(whole) - 8, 6):
        broken[at] ^= 0xFF
        try:
            reader.rows(bytes(broken))
        except RequestError:
            refused += 1
        broken[at] ^= 0xFF

    np.testing.assert_array_equal(reader.rows(whole), ONES)
    reader.close()
    assert refused > 0


def test_a_reader_that_takes_too_long_is_not_waited_for() -> None:
    reader = ParquetReader(Columns(NAMES, max_rows=50), seconds=0.0)

    with pytest.raises(RequestError, match=r"BAD_INPUT: .*takes too long"):
        reader.rows(parquet(table(ONES)))
