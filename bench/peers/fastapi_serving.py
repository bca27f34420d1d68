"""The server most people write first: FastAPI on uvicorn, one process, one row at a time."""

from __future__ import annotations

import sys
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

from bench.peers.digits import Digits


class Rows(BaseModel):
    instances: list[list[float]]


def application(folder: Path) -> FastAPI:
    model = Digits(folder)
    app = FastAPI()

    @app.get("/ping")
    async def ping() -> dict[str, str]:
        return {}

    @app.post("/invocations")
    async def invocations(rows: Rows) -> dict[str, list[int]]:
        return {"predictions": model.predict(rows.instances)}

    return app


if __name__ == "__main__":
    uvicorn.run(
        application(Path(sys.argv[1])),
        host="127.0.0.1",
        port=int(sys.argv[2]),
        log_level="error",
        access_log=False,
    )
