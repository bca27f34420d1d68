"""Whatever bytes come, the server answers or refuses, in bounded time, and goes on.

The bodies are whole ones with a few bytes changed, cut, doubled or put in another's place, drawn
from a fixed seed; the streams of requests are cut anywhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.columns import Columns
from serving.errors import RequestError
from serving.payload import Payload
from tests.component.test_serving_formats import NAMES, WRITERS
from tests.fakes.wire import FakeTimers, Wire, get, post

ROUNDS = 300
FEW = 30  # where what breaks down has to be started again
PAYLOADS = [Payload(Columns(NAMES, max_rows=50, missing=missing)) for missing in (False, True)]
ROWS = np.arange(12, dtype=np.float32).reshape(4, 3)


def mutated(whole: bytes, random: Random) -> bytes:
    data = bytearray(whole)
    for _ in range(random.randint(1, 4)):
        at, size = random.randrange(len(data) + 1), random.choice((1, 1, 1, 4, 8, 64))
        match random.randrange(5):
            case 0:
                data[at : at + size] = random.randbytes(size)
            case 1:
                del data[at : at + size]
            case 2:
                data[at:at] = data[at : at + size] * random.randint(1, 3)
            case 3:
                data[at : at + size] = random.choice((b"\xff", b"\x00", b"\x7f")) * size
            case _:
                data[at : at + 1] = bytes([(data[at] if at < len(data) else 0) ^ 1 << size % 8])
    return bytes(data)


def read(payload: Payload, body: bytes, content_type: str) -> None:
    with suppress(RequestError):
        rows = payload.rows(body, content_type)
        assert rows.dtype == np.float32
        assert rows.shape[1] == len(NAMES)
        assert 0 < len(rows) <= 50
        assert not np.isinf(rows).any()


@pytest.mark.parametrize("name", WRITERS)
def test_a_body_with_a_few_bytes_changed_is_rows_or_is_refused(name: str) -> None:
    content_type, write = WRITERS[name]
    whole, random = write(ROWS), Random(name)

    for index in range(FEW if "parquet" in name else ROUNDS):
        read(PAYLOADS[index % 2], mutated(whole, random), content_type)


@pytest.mark.parametrize(
    "content_type", sorted({k for k, _ in WRITERS.values() if "parq" not in k})
)
@settings(max_examples=60, deadline=None)
@given(body=st.binary(max_size=300))
def test_any_bytes_at_all_are_rows_or_are_refused(content_type: str, body: bytes) -> None:
    read(PAYLOADS[0], body, content_type)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc"), inner),
    max_leaves=20,
)


@settings(max_examples=300, deadline=None)
@given(instances=JSON, missing=st.booleans())
def test_any_json_at_all_is_rows_or_is_refused(instances: object, *, missing: bool) -> None:
    body = json.dumps({"instances": instances}).encode()

    read(PAYLOADS[missing], body, "application/json")


@pytest.fixture
def timers() -> Iterator[FakeTimers]:
    made = FakeTimers()
    yield made
    made.close()


STREAMS = [
    get("/ping") + post(b"[1, 2]", "Content-Type: text/csv") + get("/metrics", "traceparent: 00-x"),
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nT: v\r\n\r\n",
    b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello" + get("/a"),
    b"HEAD /ping HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + get("/b", "Upgrade: h2c"),
]


@pytest.mark.parametrize("index", range(len(STREAMS)))
def test_a_stream_with_a_few_bytes_changed_and_cut_anywhere_is_answered_or_refused(
    index: int, timers: FakeTimers
) -> None:
    random = Random(index)
    for _ in range(ROUNDS):
        wire, data = Wire(timers), mutated(STREAMS[index], random)
        while data:
            size = random.randint(1, 40)
            wire.send(data[:size])
            data = data[size:]
        for at in range(len(wire.application.asked)):
            wire.application.answer(at)
        asked = len(wire.application.asked)
        assert len(wire.statuses) - wire.statuses.count(100) <= asked + 1
        assert {status // 100 for status in wire.statuses} <= {1, 2, 4, 5}
        assert 500 not in wire.statuses

        wire.connection.connection_lost(None)
        assert wire.bodies.taken == 0


@settings(max_examples=200, deadline=None)
@given(data=st.lists(st.binary(max_size=60), max_size=5))
def test_any_bytes_at_all_get_one_answer_at_most(data: list[bytes]) -> None:
    timers = FakeTimers()
    wire = Wire(timers)

    wire.send(*data)
    wire.connection.connection_lost(None)
    timers.close()

    assert len(wire.statuses) <= 1 + len(wire.application.asked)
    assert wire.bodies.taken == 0
