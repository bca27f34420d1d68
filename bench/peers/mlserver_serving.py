"""MLServer, in one process, batches of 32 within 3 ms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from mlserver import MLModel  # type: ignore[import-not-found]  # it is in an environment of its own
from mlserver.codecs import NumpyCodec  # type: ignore[import-not-found]  # it is in an environment of its own
from mlserver.types import InferenceRequest, InferenceResponse  # type: ignore[import-not-found]  # it is in an environment of its own

from bench.peers.digits import Digits as Model


class Digits(MLModel):  # type: ignore[misc]  # unknown here
    async def load(self) -> bool:
        assert self.settings.parameters is not None
        self._model = Model(Path(str(self.settings.parameters.uri)))
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        answers = self._model.predict(NumpyCodec.decode_input(payload.inputs[0]))
        output = NumpyCodec.encode_output("predictions", np.array(answers))
        return InferenceResponse(model_name=self.name, outputs=[output])
