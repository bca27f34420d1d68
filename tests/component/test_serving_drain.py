"""Clients that ask without a pause do not notice that their server was told to stop."""

from __future__ import annotations

import http.client
import json
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.fakes.container import MODEL_PY
from tests.fakes.serving import DEADLINE, Process, eventually, running

CLIENTS = 8
BODY = json.dumps({"instances": [[1, 2, 3, 4]]})


class Client:
    """Asks on one connection until it is told that this was the last answer."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
        self.statuses: list[int] = []
        self.began = threading.Event()

    def run(self) -> None:
        """Raises when it is cut off in the middle."""
        while True:
            self.connection.request("POST", "/invocations", BODY)
            response = self.connection.getresponse()
            response.read()
            self.statuses.append(response.status)
            self.began.set()
            if response.getheader("Connection") == "close":
                return


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Process]:
    with running(tmp_path, source=MODEL_PY) as process:
        yield process


def test_a_stop_under_load_fails_no_request(server: Process) -> None:
    clients = [Client(server.port) for _ in range(CLIENTS)]
    with ThreadPoolExecutor(CLIENTS) as threads:
        running_ = [threads.submit(client.run) for client in clients]
        assert all(client.began.wait(DEADLINE) for client in clients)

        server.process.send_signal(signal.SIGTERM)

        assert [one.result() for one in running_] == [None] * CLIENTS
    assert {status for client in clients for status in client.statuses} == {200}
    assert server.process.wait(DEADLINE) == 0


def test_who_comes_while_the_server_leaves_is_still_served(server: Process) -> None:
    with server.connected() as holding:
        server.process.send_signal(signal.SIGTERM)
        eventually(lambda: server.ask("/ping", method="GET")[0] == 503)

        status, headers, _ = server.ask("/invocations", {"instances": [[1, 2, 3, 4]]})
        holding.close()

    assert (status, headers["Connection"]) == (200, "close")
    assert server.process.wait(DEADLINE) == 0
