"""The life of the server: bind, answer, and on SIGTERM finish what was begun."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import numpy as np

from serving.application import ModelApplication
from serving.batcher import Batcher
from serving.connection import Connection
from serving.errors import SettingsError
from serving.log import Log
from serving.metrics import Metrics
from serving.model import Model, Rows, use_threads
from serving.parser import Parser
from serving.payload import Payload
from serving.settings import Settings

Post = Callable[[Callable[[], None]], object]

DRAIN_SECONDS: Final = 24.0  # SageMaker kills after 30
_BACKLOG: Final = 2048


@dataclass(eq=False)
class Server:
    """Connections come in, and are all gone before it ends."""

    application: ModelApplication
    body_limit: int
    connections: set[Connection] = field(default_factory=set)
    _emptied: asyncio.Event = field(default_factory=asyncio.Event)

    def connection(self) -> Connection:
        """One that a client has; it counts from when the loop has made it, not before."""
        return Connection(
            self.application,
            asyncio.get_running_loop(),
            body_limit=self.body_limit,
            opened=self.connections.add,
            closed=self._closed,
        )

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

    def _closed(self, connection: Connection) -> None:
        self.connections.discard(connection)
        if not self.connections:
            self._emptied.set()


def application(model: Model, settings: Settings, *, post: Post, log: Log) -> ModelApplication:
    """The parts of one server, put together."""
    metrics = Metrics(settings.model, settings.version, model.digest)
    batcher = Batcher(
        predict=model.predict,
        post=post,
        max_batch=settings.max_batch,
        max_queued=settings.max_queued,
        stall_seconds=settings.stall_seconds,
        observe=metrics.batches.observe,
        prepare=partial(use_threads, settings.threads),
    )
    parser = Parser(Payload(model.columns, settings.max_rows), post)
    return ModelApplication(parser, batcher, metrics, log)


async def serve(model: Model, settings: Settings, log: Log) -> bool:
    """Until SIGTERM or SIGINT; True when every request that had begun was answered."""
    loop, told = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    parts = application(model, settings, post=loop.call_soon_threadsafe, log=log)
    parts.batcher.start()
    server = Server(parts, settings.max_body)
    try:
        listening = await loop.create_server(
            server.connection, settings.host, settings.port, backlog=_BACKLOG
        )
    except OSError as error:
        raise SettingsError(
            "PORT_UNAVAILABLE",
            f"port {settings.port} on {settings.host} cannot be had ({error.strerror}):"
            " free it, or set SAGEMAKER_BIND_TO_PORT",
        ) from error
    port = listening.sockets[0].getsockname()[1]
    log.info("serving", port=port, columns=len(model.columns), device=str(model.device))
    await told.wait()
    listening.close()
    drained = await server.drain(seconds=DRAIN_SECONDS)
    log.info("drained" if drained else "stopped with answers still owed")
    return drained and parts.batcher.stop(timeout=1.0)


def warm_up(model: Model, log: Log) -> None:
    """The first call is the slowest; a model may refuse a row of zeros, and is served even so."""
    row: Rows = np.zeros((1, len(model.columns)), dtype=np.float32)
    try:
        model.predict(row)
    except BaseException as error:  # noqa: BLE001  # whatever a user's model does
        log.info("the model refused a row of zeros", reason=f"{type(error).__name__}: {error}")
