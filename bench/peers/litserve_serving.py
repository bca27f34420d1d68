"""LitServe, one worker, batches of 32 within 3 ms."""

import sys
from pathlib import Path
from typing import Any

import litserve  # type: ignore[import-not-found]  # it is in an environment of its own
import torch

from bench.peers.digits import Digits


class Api(litserve.LitAPI):  # type: ignore[misc]  # unknown here
    def __init__(self, folder: Path) -> None:
        super().__init__(max_batch_size=32, batch_timeout=0.003, api_path="/invocations")
        self._folder = folder

    def setup(self, device: str) -> None:
        self._model = Digits(self._folder)

    def decode_request(self, request: dict[str, Any]) -> torch.Tensor:
        return torch.tensor(request["instances"][0])

    def batch(self, inputs: list[torch.Tensor]) -> torch.Tensor:
        return torch.stack(inputs)

    def predict(self, x: torch.Tensor) -> list[int]:
        return self._model.predict(x)

    def unbatch(self, output: list[int]) -> list[int]:
        return output

    def encode_response(self, output: int) -> dict[str, Any]:
        return {"predictions": [output]}


if __name__ == "__main__":
    server = litserve.LitServer(
        Api(Path(sys.argv[1])), accelerator="cpu", healthcheck_path="/ping", workers_per_device=1
    )
    server.run(
        host="127.0.0.1",
        port=int(sys.argv[2]),
        log_level="error",
        access_log=False,
        generate_client_file=False,
    )
