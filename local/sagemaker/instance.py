"""One serving process: started on a free port, pinged, spoken to over kept connections."""

import contextlib
import shutil
import socket
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from local.processes import Child, Line

_INVOKE_TIMEOUT = 60.0
_PING_TIMEOUT = 2.0
_STOP_GRACE = 30.0
_POLL = 0.05
_TAKEN = "address already in use"


class UnreachableError(RuntimeError):
    """The process does not answer."""


@dataclass(frozen=True)
class Answer:
    """What a container answered."""

    status: int
    headers: Mapping[str, str]
    """Lower-cased names."""
    body: bytes
    seconds: float


class Instance:
    """A server process behind a port of its own, with a folder that ends with it."""

    def __init__(
        self,
        number: str,
        command: list[str],
        *,
        environment: Mapping[str, str],
        folder: Path,
        line: Line,
        port: int = 0,
    ) -> None:
        self.number = number
        self.port = port or _free_port()
        self._folder = folder
        self._said_taken = False
        self._idle: deque[HTTPConnection] = deque()

        def heard(text: str) -> None:
            self._said_taken = self._said_taken or _TAKEN in text.lower()
            line(text)

        told = {"SAGEMAKER_BIND_TO_PORT": str(self.port)}
        self._child = Child(
            command, environment={**environment, **told}, cwd=Path.cwd(), line=heard
        )

    @property
    def alive(self) -> bool:
        return self._child.poll() is None

    @property
    def lost_its_port(self) -> bool:
        """Whether it ended because somebody else took its port before it could."""
        return self._child.wait(0) is not None and self._said_taken

    def wait_until_healthy(self, seconds: float) -> str | None:
        """None once `GET /ping` answers 200; otherwise what went wrong."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            status = self._child.poll()
            if status is not None:
                return f"the container exited with status {status}"
            if self.healthy():
                return None
            time.sleep(_POLL)
        return "the container did not pass the ping health check in time"

    def healthy(self) -> bool:
        """Whether one `GET /ping` answers 200 in two seconds."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=_PING_TIMEOUT)
        try:
            connection.request("GET", "/ping")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def invoke(
        self, body: bytes, headers: Mapping[str, str], *, timeout: float = _INVOKE_TIMEOUT
    ) -> Answer:
        """`POST /invocations`; raises UnreachableError, TimeoutError after so many seconds.

        A kept connection that the server has closed meanwhile is replaced once.
        """
        start = time.monotonic()
        kept = self._kept() if timeout == _INVOKE_TIMEOUT else None
        if kept is not None:
            with contextlib.suppress(UnreachableError):
                return self._ask(kept, body, headers, start)
        return self._ask(self._connection(timeout), body, headers, start)

    def _ask(
        self, connection: HTTPConnection, body: bytes, headers: Mapping[str, str], start: float
    ) -> Answer:
        try:
            connection.request("POST", "/invocations", body, dict(headers))
            response = connection.getresponse()
            answer = Answer(
                response.status,
                {name.lower(): value for name, value in response.getheaders()},
                response.read(),
                time.monotonic() - start,
            )
        except TimeoutError:
            connection.close()
            raise
        except (OSError, HTTPException) as error:
            connection.close()
            raise UnreachableError(str(error)) from error
        lasting = connection.timeout == _INVOKE_TIMEOUT and not response.will_close
        self._keep(connection, close=not lasting)
        return answer

    def stop(self) -> None:
        """SIGTERM, and SIGKILL half a minute later, as hosting does."""
        self._child.end(_STOP_GRACE)
        self._tidy()

    def kill(self) -> None:
        """When this returns, its processes are gone."""
        self._child.kill()
        self._child.wait(5)
        self._tidy()

    def _tidy(self) -> None:
        with contextlib.suppress(IndexError):
            while True:
                self._idle.pop().close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _kept(self) -> HTTPConnection | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _keep(self, connection: HTTPConnection, *, close: bool) -> None:
        if close:
            connection.close()
        else:
            self._idle.append(connection)

    def _connection(self, timeout: float) -> HTTPConnection:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.connect()
        except OSError as error:
            raise UnreachableError(str(error)) from error
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
