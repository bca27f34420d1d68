"""Whatever clients do, the server holds no more than it was told to, and says so with a code."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Iterator
from typing import Any, cast

import pytest

from serving.budget import Budget
from serving.connection import Connection
from serving.limits import LINGER_SECONDS, READ_BYTES, REQUEST_SECONDS, Limits
from serving.server import Server
from tests.fakes.wire import (
    BODIES_LIMIT,
    BODY_LIMIT,
    FakeTimers,
    FakeTransport,
    LaterApplication,
    Wire,
    get,
    post,
)

CHUNKED = b"POST /invocations HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
def timers() -> Iterator[FakeTimers]:
    made = FakeTimers()
    yield made
    made.close()


@pytest.fixture
def wire(timers: FakeTimers) -> Wire:
    return Wire(timers)


def chunk(size: int) -> bytes:
    return b"%x\r\n" % size + b"x" * size + b"\r\n"


def code(wire: Wire) -> str:
    body = wire.transport.written.rpartition(b"\r\n\r\n")[2]
    return str(json.loads(body)["error"]["code"])


def half(size: int) -> bytes:
    return b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (size + 1) + b"x" * size


def test_a_body_over_its_limit_is_refused_after_one_read_more(wire: Wire) -> None:
    wire.send(CHUNKED)
    sent = 0
    while not wire.statuses:
        piece = chunk(READ_BYTES // 2)
        wire.send(piece)
        sent += len(piece)

    assert (wire.statuses, code(wire)) == ([413], "BODY_TOO_LARGE")
    assert sent <= BODY_LIMIT + READ_BYTES
    assert wire.bodies.taken == 0


def test_a_body_that_says_it_is_too_long_is_refused_unread(wire: Wire) -> None:
    wire.send(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % 2**30)

    assert (wire.statuses, code(wire)) == ([413], "BODY_TOO_LARGE")


def test_what_comes_after_a_refusal_is_not_kept(wire: Wire) -> None:
    wire.send(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % 2**30)

    wire.send(*[b"x" * READ_BYTES] * 100)

    assert wire.bodies.taken == 0
    assert wire.statuses == [413]


def test_all_connections_together_hold_no_more_than_the_limit(timers: FakeTimers) -> None:
    bodies = Budget(BODIES_LIMIT)
    wires = [Wire(timers, bodies=bodies) for _ in range(20)]

    for one in wires:
        one.send(half(BODY_LIMIT - 1))
        assert bodies.taken <= BODIES_LIMIT

    refused = [one for one in wires if one.statuses]
    assert len(refused) == 16
    assert {code(one) for one in refused} == {"BODIES_FULL"}
    assert all(b"429 Too Many" in one.transport.written for one in refused)
    assert all(b"\r\nRetry-After: 1\r\n" in one.transport.written for one in refused)


def test_a_body_is_given_back_with_its_answer(wire: Wire) -> None:
    wire.send(post(b"x" * 1000))
    assert wire.bodies.taken == 1000

    wire.application.answer(0)

    assert wire.bodies.taken == 0


@pytest.mark.parametrize("sent", [post(b"x" * 1000), half(1000), post(b"x" * 9) + half(9)])
def test_a_body_is_given_back_when_its_client_is_gone(wire: Wire, sent: bytes) -> None:
    wire.send(sent)
    assert wire.bodies.taken > 0

    wire.connection.connection_lost(None)

    assert wire.bodies.taken == 0


def test_a_body_that_dribbles_in_is_given_back_when_it_is_cut_off(wire: Wire) -> None:
    wire.send(half(1000))

    wire.timers.move(REQUEST_SECONDS + 10)

    assert (wire.statuses, code(wire)) == ([408], "REQUEST_TIMEOUT")
    assert wire.bodies.taken == 0


def test_a_byte_now_and_then_buys_no_more_time(wire: Wire) -> None:
    wire.send(half(10)[:40])

    for _ in range(20):
        wire.timers.move(REQUEST_SECONDS / 10)
        wire.send(b"x")

    assert 408 in wire.statuses


def test_a_bomb_is_never_unpacked(wire: Wire) -> None:
    wire.send(post(gzip.compress(bytes(2**20)), "Content-Encoding: gzip"))

    assert (wire.statuses, code(wire)) == ([415], "CONTENT_ENCODED")
    assert b"\r\nAccept-Encoding: identity\r\n" in wire.transport.written
    assert wire.application.asked == []


def test_a_body_that_is_not_encoded_may_say_so(wire: Wire) -> None:
    wire.send(post(b"x", "Content-Encoding: Identity"))

    assert len(wire.application.asked) == 1


def test_a_transfer_in_another_coding_is_refused(wire: Wire) -> None:
    wire.send(b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n")

    assert (wire.statuses, code(wire)) == ([501], "TRANSFER_ENCODED")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ((), 60.0),
        (("X-Envoy-Expected-Rq-Timeout-Ms: 1500",), 1.5),
        (("X-Envoy-Expected-Rq-Timeout-Ms: 900000",), 60.0),
        (("X-Envoy-Expected-Rq-Timeout-Ms: soon",), 60.0),
        (("X-Amzn-SageMaker-Custom-Attributes: user=7;timeout-ms=200",), 0.2),
        (("X-Amzn-SageMaker-Custom-Attributes: no-timeout-ms=200",), 60.0),
    ],
)
def test_a_request_is_wanted_for_as_long_as_its_client_says(
    wire: Wire, headers: tuple[str, ...], seconds: float
) -> None:
    wire.timers.move(7.0)
    wire.send(post(b"x", *headers))

    request, _ = wire.application.asked[0]
    assert (request.began, request.expires) == (7.0, 7.0 + seconds)


class House:
    """A server and those that come to it."""

    def __init__(self, *, most: int) -> None:
        self.application = LaterApplication()
        limits = Limits(BODY_LIMIT, Budget(BODIES_LIMIT))
        self.server = Server(cast("Any", self.application), limits, most)

    def enter(self) -> tuple[Connection, FakeTransport]:
        connection, transport = self.server.connection(), FakeTransport()
        connection.connection_made(transport)
        return connection, transport

    def busy(self) -> tuple[Connection, FakeTransport]:
        connection, transport = self.enter()
        say(connection, get("/slow"))
        return connection, transport


def say(connection: Connection, data: bytes) -> None:
    connection.get_buffer(-1)[: len(data)] = data
    connection.buffer_updated(len(data))


def inside(story: Any) -> None:
    async def told() -> None:
        story()

    asyncio.run(told())


def test_one_connection_too_many_takes_the_place_of_the_oldest_idle_one() -> None:
    def story() -> None:
        house = House(most=3)
        house.busy()
        (_, oldest), (_, younger), (newest, transport) = house.enter(), house.enter(), house.enter()
        say(newest, post(b"x"))

        assert (oldest.closed, younger.closed, transport.closed) == (True, False, False)
        assert len(house.application.asked) == 2

    inside(story)


def test_when_all_are_busy_one_too_many_may_ping_and_no_more() -> None:
    def story() -> None:
        house = House(most=2)
        house.busy()
        house.busy()

        pinging, pong = house.enter()
        say(pinging, get("/ping"))
        house.application.answer(2)
        asking, refused = house.enter()
        say(asking, post(b"x"))

        assert pong.written.startswith(b"HTTP/1.1 200")
        assert pong.closed
        assert refused.written.startswith(b"HTTP/1.1 503")
        assert b"CONNECTIONS_FULL" in refused.written
        assert b"\r\nRetry-After: 1\r\n" in refused.written

    inside(story)


def test_far_too_many_are_turned_away_unheard() -> None:
    def story() -> None:
        house = House(most=2)
        crowd = [house.busy() for _ in range(100)]

        turned = [transport for _, transport in crowd if b"CONNECTIONS_FULL" in transport.written]
        assert len(turned) == 82
        assert all(transport.half_closed for transport in turned)

    inside(story)


def test_who_was_turned_away_and_stays_is_dropped(wire: Wire) -> None:
    wire.connection.turn_away()

    wire.timers.move(LINGER_SECONDS)

    assert wire.transport.aborted
