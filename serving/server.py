"""The life of the server: bind, answer, and on SIGTERM leave without losing a request.

A client that has just sent on an open connection must not find it closed. So a server that is told
to stop first goes on as before for a moment: it says so to pings, and with every answer that it is
the connection's last. Then it stops listening, closes what is idle and finishes what was begun.
"""

from __future__ import annotations

import asyncio
import resource
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from serving.application import ModelApplication
from serving.batcher import Batcher
from serving.budget import Budget
from serving.columns import Columns
from serving.connection import Connection
from serving.errors import SettingsError
from serving.limits import Limits
from serving.log import Log
from serving.metrics import Metrics
from serving.model import Model, is_out_of_memory, use_threads
from serving.pace import Pace
from serving.parser import Parser
from serving.payload import Payload
from serving.settings import Settings

Post = Callable[[Callable[[], None]], object]

GRACE_SECONDS: Final = 1.0  # in which clients learn that they have to go elsewhere
DRAIN_SECONDS: Final = 23.0  # after that; SageMaker kills after 30 in all
_LOOK_SECONDS: Final = 0.1
_BACKLOG: Final = 2048
_RESERVE: Final = 16  # connections beyond the limit, for pings
_FILES: Final = 64  # that are no connections


@dataclass(eq=False)
class Server:
    """Connections come in, and are all gone before it ends."""

    application: ModelApplication
    limits: Limits
    max_connections: int
    connections: dict[Connection, None] = field(default_factory=dict)  # the oldest first
    _emptied: asyncio.Event = field(default_factory=asyncio.Event)

    def connection(self) -> Connection:
        """One that a client has; it counts from when the loop has made it, not before."""
        return Connection(
            self.application,
            asyncio.get_running_loop(),
            limits=self.limits,
            opened=self._opened,
            closed=self._closed,
        )

    async def leave(self, *, seconds: float) -> None:
        """Over sooner when nobody is there to be told, after a look at who was just coming."""
        self.application.leaving = True
        until = asyncio.get_running_loop().time() + seconds
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if not self.connections or asyncio.get_running_loop().time() >= until:
                return

    async def drain(self, *, seconds: float) -> bool:
        """False when some answer is still owed at the end of the time."""
        self.application.draining = True
        for connection in list(self.connections):
            connection.drain()
        if not self.connections:
            return True
        self._emptied.clear()
        try:
            await asyncio.wait_for(self._emptied.wait(), seconds)
        except TimeoutError:
            return False
        return True

    def _opened(self, connection: Connection) -> None:
        """Beyond the limit an idle one makes room; if there is none, only pings are answered."""
        if len(self.connections) >= self.max_connections:
            self._make_room()
        self.connections[connection] = None
        over = len(self.connections) - self.max_connections
        if over > _RESERVE:
            connection.turn_away()
        elif over > 0:
            connection.limit()

    def _make_room(self) -> None:
        idle = next((each for each in self.connections if each.is_idle), None)
        if idle is not None:
            del self.connections[idle]
            idle.drain()

    def _closed(self, connection: Connection) -> None:
        self.connections.pop(connection, None)
        if not self.connections:
            self._emptied.set()


def application(
    model: Model, pace: Pace, settings: Settings, *, post: Post, log: Log
) -> ModelApplication:
    """The parts of one server, put together."""
    metrics = Metrics(settings.model, settings.version, model.digest)
    batcher = Batcher(
        predict=model.predict,
        post=post,
        pace=pace,
        max_queued=settings.max_queued,
        bytes_queued=Budget(settings.max_queued_bytes),
        stall_seconds=settings.stall_seconds,
        observe=lambda batch: metrics.batch(batch.rows, batch.seconds),
        prepare=partial(use_threads, settings.threads),
        is_out_of_memory=is_out_of_memory,
    )
    columns = Columns(model.columns, settings.max_rows, settings.missing)
    parser = Parser(Payload(columns), post)
    return ModelApplication(parser, batcher, metrics, log)


async def serve(model: Model, pace: Pace, settings: Settings, log: Log) -> bool:
    """Until SIGTERM or SIGINT; True when every request that had begun was answered."""
    loop, told = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    parts = application(model, pace, settings, post=loop.call_soon_threadsafe, log=log)
    parts.batcher.start()
    limits = Limits(settings.max_body, Budget(settings.max_bodies), settings.timeout_seconds)
    server = Server(parts, limits, most_connections(settings.max_connections))
    listening = await _listen(server, settings)
    port = listening.sockets[0].getsockname()[1]
    log.info(
        "serving",
        port=port,
        columns=len(model.columns),
        device=str(model.device),
        batch_limit=pace.limit,
        batch_milliseconds={
            str(size): round(1000 * each, 3) for size, each in pace.seconds.items()
        },
    )
    await told.wait()
    await server.leave(seconds=GRACE_SECONDS)
    listening.close()
    drained = await server.drain(seconds=DRAIN_SECONDS)
    log.info("drained" if drained else "stopped with answers still owed")
    return drained and parts.batcher.stop(timeout=1.0)


async def _listen(server: Server, settings: Settings) -> asyncio.Server:
    try:
        return await asyncio.get_running_loop().create_server(
            server.connection, settings.host, settings.port, backlog=_BACKLOG
        )
    except OSError as error:
        raise SettingsError(
            "PORT_UNAVAILABLE",
            f"port {settings.port} on {settings.host} cannot be had ({error.strerror}):"
            " free it, or set SAGEMAKER_BIND_TO_PORT",
        ) from error


def most_connections(asked: int) -> int:
    """As many files as the machine allows may be open; each connection is one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = asked + _RESERVE + _FILES
    allowed = files if hard == resource.RLIM_INFINITY else min(files, hard)
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return max(1, allowed - _RESERVE - _FILES)
