"""`python -m bench.digits`: how long it takes to learn the digits, and how well they are then read.

One process on two cores, as a training job runs; its accuracy is of rows that it has not seen.
"""

from __future__ import annotations

import io
import json
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
from sklearn.datasets import load_digits

from tests.fakes.container import evaluation, training
from training.container import EvaluationPlaces, TrainingPlaces
from training.judge import judge
from training.log import Log
from training.train import train

_MODEL: Final = Path(__file__).parents[1] / "models" / "digits"
_RUN: Final = "a" * 12
_HELD_OUT: Final = 360
_LEAST: Final = 0.97
_SECONDS: Final = 20.0


def digits(rows: slice) -> Mapping[str, object]:
    pixels, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(labels))[rows]
    columns: dict[str, object] = {f"pixel_{index}": pixels[order, index] for index in range(64)}
    return columns | {"label": labels[order]}


def main() -> int:
    quiet = Log(io.StringIO())
    with tempfile.TemporaryDirectory() as scratch:
        base = Path(scratch)
        container = training(base / "ml", _MODEL, [digits(slice(_HELD_OUT, None))], run=_RUN)
        began = time.perf_counter()
        train(
            TrainingPlaces(container.base), root=container.code, log=quiet, stopping=lambda: False
        )
        seconds = time.perf_counter() - began
        held_out = evaluation(base / "e", container.artifact, None, digits(slice(_HELD_OUT)))
        told = {"SLUICE_MODEL": "digits", "SLUICE_RUN": _RUN}
        judge(EvaluationPlaces(held_out), told, root=container.code, log=quiet)
        report = json.loads((held_out / "processing" / "output" / "report.json").read_text())
    accuracy = report["candidate"]["metrics"]["accuracy"]
    print(f"{seconds:.1f} s (at most {_SECONDS:.0f}), accuracy {accuracy:.4f} (at least {_LEAST})")
    return int(seconds > _SECONDS or accuracy < _LEAST)


if __name__ == "__main__":
    raise SystemExit(main())
