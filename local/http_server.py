"""A small threaded HTTP/1.1 server: keep-alive, one write per answer, no Nagle delay."""

import contextlib
import logging
import re
import socket
from collections.abc import Callable, Mapping
from http import HTTPStatus
from io import BufferedReader
from threading import Lock, Thread

from local.http_messages import HangUpError, HttpRequest, HttpResponse

MAX_HEADERS = 200
MAX_LINE = 65_536
_BACKLOG = 256
_SIZE = {10: re.compile(rb"[0-9]+"), 16: re.compile(rb"[0-9a-fA-F]+")}

Answer = Callable[[HttpRequest], HttpResponse]
log = logging.getLogger("local.http")


class MalformedRequestError(Exception):
    """Bytes that are not HTTP/1.1; the connection is closed after the answer."""


def _line(stream: BufferedReader) -> bytes:
    line = stream.readline(MAX_LINE + 1)
    if len(line) > MAX_LINE:
        raise MalformedRequestError(f"a header line is over {MAX_LINE} bytes")
    if not line.endswith(b"\n"):
        raise MalformedRequestError("the request ends before its end")
    return line.rstrip(b"\r\n")


def _exactly(stream: BufferedReader, size: int) -> bytes:
    """Never less: a client that died half-way must not be taken at half its word."""
    read = stream.read(size)
    if len(read) < size:
        raise MalformedRequestError(f"the body ends after {len(read)} of {size} bytes")
    return read


def _size(text: bytes, base: int) -> int:
    if not _SIZE[base].fullmatch(text):
        raise MalformedRequestError(f"{text[:80]!r} is no size")
    return int(text, base)


def _headers(stream: BufferedReader) -> dict[str, str]:
    headers: dict[str, str] = {}
    for _ in range(MAX_HEADERS):
        line = _line(stream)
        if not line:
            return headers
        name, separator, value = line.partition(b":")
        if not separator:
            raise MalformedRequestError(f"header line {line[:80]!r} has no colon")
        headers[name.decode("latin-1").lower()] = value.strip().decode("utf-8", "surrogateescape")
    raise MalformedRequestError(f"more than {MAX_HEADERS} headers")


def _chunked(stream: BufferedReader) -> bytes:
    parts = []
    while size := _size(_line(stream).split(b";")[0].strip(), 16):
        parts.append(_exactly(stream, size))
        if _line(stream):
            raise MalformedRequestError(f"a chunk is longer than the {size} bytes it announced")
    while _line(stream):
        pass
    return b"".join(parts)


def _body(stream: BufferedReader, headers: Mapping[str, str]) -> bytes:
    if "chunked" in headers.get("transfer-encoding", "").lower():
        return _chunked(stream)
    length = _size((headers.get("content-length") or "0").encode(), 10)
    return _exactly(stream, length)


class PortError(Exception):
    """A port that cannot be listened on."""


class HttpServer:
    """Listens on 127.0.0.1, and on ::1 where there is one: `localhost` may mean either.

    `port` 0 chooses a free one. PortError when it is busy.
    """

    def __init__(self, port: int, answer: Answer) -> None:
        self._answer = answer
        self._open: set[socket.socket] = set()
        self._lock = Lock()
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._listener.bind(("127.0.0.1", port))
        except OSError as error:
            self._listener.close()
            reason = error.strerror or str(error)
            raise PortError(f"port {port} on 127.0.0.1 cannot be used: {reason}") from error
        self._listener.listen(_BACKLOG)
        self.port = int(self._listener.getsockname()[1])
        self._listeners = [self._listener, *_sixth(self.port)]

    def start(self) -> None:
        for each in self._listeners:
            name = f"http-{self.port}"
            Thread(target=self._accept, args=(each,), name=name, daemon=True).start()

    def stop(self) -> None:
        with self._lock:
            sockets = [*self._listeners, *self._open]
        for each in sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for each in self._listeners:
            each.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, address = listener.accept()
            except OSError:
                return
            arguments = (connection, address[0])
            Thread(target=self._serve, args=arguments, name="http-client", daemon=True).start()

    def _serve(self, connection: socket.socket, client: str) -> None:
        """One client connection: requests in order until either side closes."""
        with self._lock:
            self._open.add(connection)
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with connection, connection.makefile("rb") as stream:
                while self._one(connection, stream, client):
                    pass
        except (OSError, ValueError):
            log.debug("a client went away")
        finally:
            with self._lock:
                self._open.discard(connection)

    def _one(self, connection: socket.socket, stream: BufferedReader, client: str) -> bool:
        try:
            request = _request(connection, stream, client)
        except MalformedRequestError as error:
            refusal = HttpResponse(HTTPStatus.BAD_REQUEST, body=str(error).encode())
            connection.sendall(refusal.head(keep_alive=False) + refusal.body)
            return False
        if request is None:
            return False
        keep = request.headers.get("connection", "").lower() != "close"
        response = self._respond(request)
        log.debug("%s %s %s", request.method, request.target, response.status)
        head = response.head(keep_alive=keep)
        connection.sendall(head if request.method == "HEAD" else head + response.body)
        return keep

    def _respond(self, request: HttpRequest) -> HttpResponse:
        try:
            return self._answer(request)
        except HangUpError:
            raise
        except Exception:  # the last line of defence of a server: one request, one 500
            log.exception("%s %s", request.method, request.target)
            return HttpResponse(HTTPStatus.INTERNAL_SERVER_ERROR, body=b"internal failure")


def _sixth(port: int) -> list[socket.socket]:
    """The same port over IPv6, where it is to be had."""
    listener = None
    try:
        listener = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(("::1", port))
        listener.listen(_BACKLOG)
    except OSError:
        if listener is not None:
            listener.close()
        return []
    return [listener]


def _request(connection: socket.socket, stream: BufferedReader, client: str) -> HttpRequest | None:
    """The next request of a connection, read completely; nothing when the client is done."""
    if not stream.peek(1):
        return None
    line = _line(stream)
    if not line:
        return None
    words = line.decode("latin-1").split(" ")
    if len(words) != 3:
        raise MalformedRequestError(f"{line[:80]!r} is no HTTP request line")
    headers = _headers(stream)
    if headers.get("expect", "").lower() == "100-continue":
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    path, _, query = words[1].partition("?")
    return HttpRequest(words[0], path, query, headers, _body(stream, headers), client)
