"""The server most people write first: FastAPI on uvicorn, one process, one row at a time."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

from training import artifact


class Rows(BaseModel):
    instances: list[list[float]]


def application(folder: Path) -> FastAPI:
    torch.set_num_threads(1)
    nothing = artifact.Pin("model of the bench")  # which has just written it
    model = artifact.read(folder, pin=nothing, device=torch.device("cpu"))
    app = FastAPI()

    @app.get("/ping")
    async def ping() -> dict[str, str]:
        return {}

    @app.post("/invocations")
    async def invocations(rows: Rows) -> dict[str, list[int]]:
        with torch.inference_mode():
            x = model.task.features(torch.tensor(rows.instances))
            return {"predictions": model.task.predict(model.model, x).tolist()}

    return app


if __name__ == "__main__":
    uvicorn.run(
        application(Path(sys.argv[1])),
        host="127.0.0.1",
        port=int(sys.argv[2]),
        log_level="error",
        access_log=False,
    )
