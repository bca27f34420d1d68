"""Bare ASGI on uvicorn, with the parser of bodies and the batcher that we have ourselves."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import numpy as np
import uvicorn

from bench.peers.digits import Digits
from serving.batcher import Batcher
from serving.columns import Columns
from serving.line import Answered, Outcome
from serving.pace import Pace, buckets
from serving.payload import Payload, encode


class Application:
    def __init__(self, folder: Path) -> None:
        self._model = Digits(folder)
        self._payload = Payload(Columns(tuple(f"pixel_{n}" for n in range(64)), max_rows=10_000))
        self._batcher: Batcher | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body = b"" if scope["path"] == "/ping" else await self._answered(await _body(receive))
        headers = [(b"content-length", b"%d" % len(body)), (b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answered(self, body: bytes) -> bytes:
        loop = asyncio.get_running_loop()
        if self._batcher is None:
            self._batcher = Batcher(
                self._predict, loop.call_soon_threadsafe, Pace(buckets(32)), max_queued=1024
            )
            self._batcher.start()
        outcome: asyncio.Future[Outcome] = loop.create_future()
        rows = self._payload.rows(body, "application/json")
        self._batcher.submit(rows, outcome.set_result)
        answered = await outcome
        assert isinstance(answered, Answered)
        return encode(answered.predictions)

    def _predict(self, rows: np.ndarray[Any, Any]) -> list[int]:
        return self._model.predict(rows)


async def _body(receive: Any) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


if __name__ == "__main__":
    uvicorn.run(
        Application(Path(sys.argv[1])),
        host="127.0.0.1",
        port=int(sys.argv[2]),
        log_level="error",
        access_log=False,
        loop="uvloop",
        http="httptools",
        lifespan="off",
    )
