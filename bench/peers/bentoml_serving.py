"""BentoML, one worker, adaptive batches of at most 32 within 60 s, its default."""

from __future__ import annotations

import os
from pathlib import Path

import bentoml  # type: ignore[import-not-found]  # it is in an environment of its own
import numpy as np

from bench.peers.digits import Digits as Model


@bentoml.service(workers=1, traffic={"timeout": 60})
class Digits:
    def __init__(self) -> None:
        self._model = Model(Path(os.environ["SLUICE_BENCH_MODEL"]))

    @bentoml.api(route="/invocations", batchable=True, max_batch_size=32)  # type: ignore[untyped-decorator]  # unknown here
    def predict(self, instances: np.ndarray) -> np.ndarray:
        return np.array(self._model.predict(instances.astype(np.float32)))
