"""HTTP/1.1 on one connection: order, limits, time-outs, and the model's name on every answer."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import Any, cast

import pytest

from serving.budget import Budget
from serving.limits import (
    HEAD_LIMIT,
    IDLE_SECONDS,
    LINGER_SECONDS,
    PROBE_SECONDS,
    REQUEST_SECONDS,
    WRITE_SECONDS,
    Limits,
)
from serving.server import Server
from tests.fakes.wire import (
    BODIES_LIMIT,
    BODY_LIMIT,
    FakeTimers,
    LaterApplication,
    Wire,
    get,
    post,
)

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@pytest.fixture
def timers() -> Iterator[FakeTimers]:
    made = FakeTimers()
    yield made
    made.close()


@pytest.fixture
def wire(timers: FakeTimers) -> Wire:
    return Wire(timers)


def test_a_request_arrives_whole_however_it_was_cut(wire: Wire) -> None:
    request = post(b"hello", "Content-Type: text/csv")

    wire.send(*(bytes([byte]) for byte in request))

    (asked,) = [asked for asked, _ in wire.application.asked]
    said = (asked.method, asked.path, asked.content_type, asked.body)
    assert said == ("POST", "/invocations", "text/csv", b"hello")
    assert not asked.late


def test_chunks_make_one_body(wire: Wire) -> None:
    head = b"POST /invocations HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"

    wire.send(head, b"3\r\nhel\r\n2\r\nlo\r\n", b"0\r\n\r\n")

    assert wire.application.asked[0][0].body == b"hello"


def test_pipelined_requests_are_answered_in_their_order(wire: Wire) -> None:
    wire.send(get("/a") + get("/b?x=1") + get("/c"))

    wire.application.answer(2)
    wire.application.answer(1)
    assert wire.transport.written == b""

    wire.application.answer(0)
    assert [part[-2:] for part in wire.transport.written.split(b"HTTP/1.1 200 OK")[1:]] == [
        b"/a", b"/b", b"/c",
    ]  # fmt: skip
    assert not wire.has_ended()


def test_every_answer_carries_the_models_headers(wire: Wire) -> None:
    wire.send(get("/a"))
    wire.application.answer(0)
    wire.send(b"nonsense\r\n\r\n")

    assert wire.statuses == [200, 400]
    assert wire.transport.written.count(b"X-Model-Version: 2\r\n") == 2


@pytest.mark.parametrize(
    ("request_bytes", "stays"),
    [
        (get("/a"), True),
        (get("/a", "Connection: close"), False),
        (b"GET /a HTTP/1.0\r\n\r\n", False),
        (b"GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", True),
    ],
)
def test_the_client_decides_whether_the_connection_stays(
    wire: Wire, request_bytes: bytes, *, stays: bool
) -> None:
    wire.send(request_bytes)
    wire.application.answer(0)

    assert wire.has_ended() is not stays
    assert (b"Connection: close" in wire.transport.written) is not stays


def test_an_answer_to_head_has_a_length_but_no_body(wire: Wire) -> None:
    wire.send(b"HEAD /ping HTTP/1.1\r\n\r\n")
    wire.application.answer(0, body=b"pong")

    assert b"Content-Length: 4\r\n" in wire.transport.written
    assert wire.transport.written.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ([b"nonsense\r\n\r\n"], 400),
        ([b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"], 400),
        (
            [b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"],
            400,
        ),
        ([b"POST /invocations HTTP/1.1\r\n\r\n"], 411),
        ([b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (BODY_LIMIT + 1)], 413),
        (
            [
                b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
                *([b"10000\r\n" + b"x" * 2**16 + b"\r\n"] * 17),
            ],
            413,
        ),
        ([b"GET / HTTP/1.1\r\nX: " + b"x" * HEAD_LIMIT + b"\r\n\r\n"], 431),
        ([b"GET /" + b"x" * HEAD_LIMIT + b" HTTP/1.1\r\n\r\n"], 431),
        ([b"GET / HTTP/1.1\r\nX: ", *([b"x" * 1024] * 66)], 431),
        (
            [
                b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX: ",
                *([b"x" * 1024] * 66),
            ],
            431,
        ),
    ],
    ids=[
        "nonsense", "two lengths", "length and chunks", "no length", "long body",
        "endless chunks", "long header", "long url", "endless header", "endless trailer",
    ],
)  # fmt: skip
def test_what_cannot_be_served_is_refused_and_the_connection_ended(
    wire: Wire, data: list[bytes], status: int
) -> None:
    wire.send(*data)

    assert wire.statuses == [status]
    assert wire.application.refusals == [status]
    assert wire.application.asked == []
    assert wire.transport.half_closed
    assert not wire.has_ended()

    wire.timers.move(LINGER_SECONDS)
    assert wire.has_ended()


def test_answers_owed_come_before_a_refusal(wire: Wire) -> None:
    wire.send(get("/a"), b"nonsense\r\n\r\n", get("/late"))
    assert wire.transport.written == b""

    wire.application.answer(0)

    assert wire.statuses == [200, 400]
    assert len(wire.application.asked) == 1


def test_answers_owed_before_a_refusal_may_take_their_time(wire: Wire) -> None:
    wire.send(get("/a"), b"nonsense\r\n\r\n")

    wire.timers.move(10 * IDLE_SECONDS)
    wire.application.answer(0)

    assert wire.statuses == [200, 400]


def test_a_client_that_asks_first_is_told_to_go_on(wire: Wire) -> None:
    wire.send(b"POST / HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")

    assert wire.transport.written == b"HTTP/1.1 100 Continue\r\n\r\n"


@pytest.mark.parametrize("sent", [b"GET / HT", b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nab"])
def test_a_request_that_dribbles_in_is_cut_off(wire: Wire, sent: bytes) -> None:
    wire.send(sent)

    wire.timers.move(REQUEST_SECONDS + 10)

    assert wire.statuses == [408]
    assert wire.has_ended()


def test_an_idle_connection_is_closed_without_a_word(wire: Wire) -> None:
    wire.send(get("/a"))
    wire.application.answer(0)
    before = wire.transport.written

    wire.timers.move(IDLE_SECONDS + 10)

    assert wire.has_ended()
    assert wire.transport.written == before


def test_a_slow_answer_is_not_a_slow_client(wire: Wire) -> None:
    wire.send(get("/a"))
    wire.timers.move(10 * IDLE_SECONDS)

    wire.application.answer(0)

    assert wire.statuses == [200]
    assert not wire.has_ended()


def test_a_client_that_only_stopped_sending_still_gets_its_answer(wire: Wire) -> None:
    wire.send(get("/a"))

    assert wire.connection.eof_received()
    wire.application.answer(0)

    assert wire.statuses == [200]
    assert wire.has_ended()


def test_a_client_that_stopped_sending_is_asked_twice_whether_it_is_still_there(
    wire: Wire,
) -> None:
    wire.send(get("/a"))

    wire.connection.eof_received()
    assert wire.transport.written == b""

    wire.timers.move(PROBE_SECONDS)
    assert wire.transport.written == CONTINUE

    wire.timers.move(60)
    assert wire.transport.written == CONTINUE * 2
    wire.application.answer(0)
    assert wire.statuses == [100, 100, 200]


def test_an_old_client_that_stopped_sending_is_only_answered(wire: Wire) -> None:
    wire.send(b"GET /a HTTP/1.0\r\n\r\n")

    wire.connection.eof_received()
    wire.timers.move(60)
    wire.application.answer(0)

    assert wire.statuses == [200]


@pytest.mark.parametrize("sent", [b"", get("/a")[:9]])
def test_a_client_that_stopped_sending_before_it_asked_is_let_go(wire: Wire, sent: bytes) -> None:
    wire.send(sent)

    assert not wire.connection.eof_received()
    assert wire.has_ended()


def test_a_request_that_cannot_be_handled_is_answered_so_in_its_place(wire: Wire) -> None:
    wire.send(get("/a"))
    wire.application.error = RuntimeError("unforeseen")
    wire.send(get("/b"))
    wire.application.error = None
    wire.send(get("/c"))

    wire.application.answer(0)
    wire.application.answer(1)

    assert wire.statuses == [200, 500, 200]
    assert b"unforeseen" in wire.transport.written
    assert not wire.has_ended()


def test_a_client_that_is_gone_is_not_worked_for(wire: Wire) -> None:
    wire.send(get("/a") + get("/b"))

    wire.connection.connection_lost(None)

    assert wire.application.abandoned == ["/a", "/b"]
    assert wire.closed == [wire.connection]


def test_a_client_that_sends_faster_than_it_is_answered_is_slowed(wire: Wire) -> None:
    wire.send(get("/a") * 40)
    assert wire.is_paused()

    for index in range(40):
        wire.application.answer(index)

    assert not wire.is_paused()
    assert wire.statuses == [200] * 40


def test_a_client_that_does_not_read_is_not_read_from(wire: Wire) -> None:
    wire.connection.pause_writing()
    assert wire.is_paused()

    wire.connection.resume_writing()
    assert not wire.is_paused()


def test_a_client_that_never_reads_is_dropped(wire: Wire) -> None:
    wire.connection.pause_writing()

    wire.timers.move(WRITE_SECONDS - 1)
    assert not wire.has_ended()

    wire.timers.move(10)
    assert wire.transport.aborted


def test_a_client_that_reads_again_in_time_stays(wire: Wire) -> None:
    wire.connection.pause_writing()
    wire.timers.move(WRITE_SECONDS - 1)
    wire.connection.resume_writing()

    wire.timers.move(10)

    assert not wire.has_ended()


def test_the_end_waits_for_a_client_only_while_it_goes_on_reading(wire: Wire) -> None:
    wire.send(get("/a", "Connection: close"))
    wire.transport.unread = 3000
    wire.application.answer(0)

    wire.transport.unread = 2000
    wire.timers.move(LINGER_SECONDS)
    wire.transport.unread = 1000
    wire.timers.move(LINGER_SECONDS)
    assert not wire.transport.aborted

    wire.timers.move(LINGER_SECONDS)
    assert wire.transport.aborted


def test_a_client_that_is_not_read_from_is_not_called_slow(wire: Wire) -> None:
    wire.send(get("/a") * 40 + get("/b")[:9])

    wire.timers.move(REQUEST_SECONDS + 10)
    for index in range(40):
        wire.application.answer(index)
    wire.send(get("/b")[9:])
    wire.application.answer(40)

    assert wire.statuses == [200] * 41


def test_a_server_that_leaves_answers_and_says_that_it_was_the_last_time(wire: Wire) -> None:
    wire.send(get("/a"))
    wire.application.answer(0)
    wire.application.leaving = True
    assert not wire.has_ended()

    wire.send(get("/b"))
    wire.application.answer(1)

    assert wire.application.asked[1][0].late is False
    assert wire.statuses == [200, 200]
    assert wire.transport.written.count(b"Connection: close") == 1
    assert wire.has_ended()


def test_a_drain_ends_a_busy_connection_after_all_that_had_begun(wire: Wire) -> None:
    wire.send(get("/a"), get("/b")[:9])
    wire.application.draining = True
    wire.connection.drain()
    assert not wire.has_ended()

    wire.application.answer(0)
    assert not wire.has_ended()

    wire.send(get("/b")[9:])
    wire.application.answer(1)
    assert wire.has_ended()
    assert wire.transport.written.count(b"Connection: close") == 1


def test_a_drain_ends_an_idle_connection_at_once(wire: Wire) -> None:
    wire.application.draining = True
    wire.connection.drain()

    assert wire.has_ended()


def test_a_drain_answers_every_request_that_had_arrived_whole(wire: Wire) -> None:
    wire.send(get("/a") + get("/b") + get("/c"))
    wire.application.draining = True
    wire.connection.drain()

    wire.application.answer(0)
    wire.application.answer(2)
    assert not wire.has_ended()

    wire.application.answer(1)
    assert wire.statuses == [200, 200, 200]
    assert wire.transport.written.count(b"Connection: close") == 1
    assert wire.has_ended()


def test_a_drain_ends_with_the_first_request_that_came_too_late(wire: Wire) -> None:
    wire.send(get("/a"))
    wire.application.draining = True
    wire.connection.drain()
    wire.send(get("/b") + get("/c"))

    wire.application.answer(1)
    wire.application.answer(0)

    assert wire.statuses == [200, 200]
    assert wire.has_ended()
    assert wire.application.abandoned == ["/c"]


def test_a_request_that_began_before_the_drain_is_not_late(wire: Wire) -> None:
    data = post(b"hello")
    wire.send(data[:20])
    wire.application.draining = True
    wire.connection.drain()
    wire.send(data[20:])
    wire.application.answer(0)

    assert wire.application.asked[0][0].late is False
    assert wire.statuses == [200]


def test_a_request_that_began_after_the_drain_is_late(wire: Wire) -> None:
    wire.send(get("/a"))
    wire.application.draining = True

    wire.send(get("/b"))

    assert [request.late for request, _ in wire.application.asked] == [False, True]


def test_a_connection_that_the_loop_has_not_made_yet_does_not_hold_up_a_drain() -> None:
    async def drained() -> tuple[bool, int]:
        limits = Limits(BODY_LIMIT, Budget(BODIES_LIMIT))
        server = Server(cast("Any", LaterApplication()), limits, 10)
        server.connection()
        return await server.drain(seconds=1), len(server.connections)

    assert asyncio.run(drained()) == (True, 0)


def test_a_connection_made_in_the_drain_ends_soon_when_nobody_asks_on_it(
    timers: FakeTimers,
) -> None:
    late = Wire(timers, draining=True)

    timers.move(6.0)

    assert late.opened == [late.connection]
    assert late.has_ended()


TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def told(wire: Wire, name: bytes) -> list[str]:
    return [
        each.decode() for each in re.findall(rb"\r\n%s: ([^\r]*)" % name, wire.transport.written)
    ]


@pytest.mark.parametrize(
    "header", ["X-Request-Id: call-7", "X-Amzn-SageMaker-Inference-Id: call-7"]
)
def test_the_names_of_a_request_come_back_with_its_answer(wire: Wire, header: str) -> None:
    wire.send(get("/a", header, f"traceparent: {TRACE}"))
    wire.application.answer(0)

    assert told(wire, b"X-Request-Id") == ["call-7"]
    assert told(wire, b"traceparent") == [TRACE]
    request, _ = wire.application.asked[0]
    assert (request.request_id, request.traceparent) == ("call-7", TRACE)


@pytest.mark.parametrize(
    "headers",
    [
        (),
        ("X-Request-Id: two words", "traceparent: 00-evil"),
        ("X-Request-Id: \xe4", f"traceparent: {TRACE}x"),
        ("X-Request-Id: " + "x" * 129, f"traceparent: {TRACE.upper()}"),
    ],
)
def test_a_request_without_good_names_is_given_some_of_its_own(
    wire: Wire, headers: tuple[str, ...]
) -> None:
    wire.send(get("/a", *headers), get("/b", *headers))
    wire.application.answer(0)
    wire.application.answer(1)

    ids, traces = told(wire, b"X-Request-Id"), told(wire, b"traceparent")
    assert len(set(ids)) == len(set(traces)) == 2
    assert all(re.fullmatch(r"[0-9a-f]{16}-[0-9a-f]+", each) for each in ids)
    assert all(re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-00", each) for each in traces)


def test_a_refusal_carries_the_names_of_what_it_refuses(wire: Wire) -> None:
    wire.send(get("/a")[:-2] + b"X-Request-Id: call-7\r\nContent-Length: 99999999\r\n\r\n")

    assert (wire.statuses, told(wire, b"X-Request-Id")) == ([413], ["call-7"])
