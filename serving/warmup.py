"""Makes a model ready: every bucket computed once and timed, and its golden probe answered.

The first batch of a size is the slowest: kernels are chosen, graphs are captured, memory is taken.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from math import isclose
from typing import Any, Final, Protocol

import numpy as np

from serving.columns import Rows
from serving.errors import ModelError
from serving.log import Log
from serving.model import Golden
from serving.pace import Pace

_SECONDS: Final = 0.05  # for the repetitions of one bucket
_CLOSE: Final = 1e-3  # of two numbers, where another device or batch computed one of them


class Predictor(Protocol):
    @property
    def columns(self) -> tuple[str, ...]: ...

    @property
    def golden(self) -> Golden | None: ...

    def predict(self, rows_BF: Rows) -> list[Any]: ...


def make_ready(
    model: Predictor, pace: Pace, log: Log, *, clock: Callable[[], float] = time.perf_counter
) -> None:
    """A model may refuse a row of zeros, and is served even so; a wrong golden answer is not."""
    if model.golden is not None:
        _probe(model, model.golden)
    rows = _rows(model)
    try:
        for size in pace.sizes:
            batch = np.resize(rows, (size, rows.shape[1]))
            pace.measured({size: _seconds(model, batch, clock)})
    except BaseException as error:  # noqa: BLE001  # whatever a user's model does
        log.info("the model refused its warm-up", reason=f"{type(error).__name__}: {error}")


def _seconds(model: Predictor, rows: Rows, clock: Callable[[], float]) -> float:
    """Of the fastest repetition; the first does not count unless it alone is slow."""
    began = clock()
    model.predict(rows)
    taken, until = [clock() - began], clock() + _SECONDS
    while clock() < until:
        began = clock()
        model.predict(rows)
        taken.append(clock() - began)
    return min(taken)


def _rows(model: Predictor) -> Rows:
    if model.golden is None:
        return np.zeros((1, len(model.columns)), dtype=np.float32)
    return np.array(model.golden.instances, dtype=np.float32)


def _probe(model: Predictor, golden: Golden) -> None:
    answers = model.predict(_rows(model))
    for index, (given, expected) in enumerate(zip(answers, golden.predictions, strict=True)):
        if not _same(given, expected):
            raise ModelError(
                "GOLDEN_PROBE_FAILED",
                f"row {index} of its golden probe is answered {given!r}, expected was"
                f" {expected!r}: it does not compute here what it computed in training",
            )


def _same(given: object, expected: object) -> bool:
    match given, expected:
        case float(), int() | float():
            return isclose(given, expected, rel_tol=_CLOSE, abs_tol=_CLOSE)
        case list(), list():
            return _all_same(given, expected)
        case _:
            return given == expected


def _all_same(given: Sequence[object], expected: Sequence[object]) -> bool:
    return len(given) == len(expected) and all(map(_same, given, expected))
