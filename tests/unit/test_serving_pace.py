"""The batch is as large as is fast, wanted and possible, and no larger."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from serving.pace import Pace, buckets

SIZES = (1, 2, 4, 8, 16, 32)


def curve(fixed: float, each: float) -> dict[int, float]:
    """Milliseconds of a batch: some for the batch and some for each row."""
    return {size: (fixed + each * size) / 1000 for size in SIZES}


@pytest.mark.parametrize(
    ("most", "sizes"), [(1, (1,)), (2, (1, 2)), (32, SIZES), (48, (*SIZES, 48))]
)
def test_buckets_are_powers_of_two_up_to_the_largest(most: int, sizes: tuple[int, ...]) -> None:
    assert buckets(most) == sizes


@pytest.mark.parametrize(("rows", "bucket"), [(1, 1), (3, 4), (4, 4), (5, 8), (32, 32)])
def test_rows_are_computed_in_the_smallest_bucket_they_fit(rows: int, bucket: int) -> None:
    assert Pace(SIZES).bucket(rows) == bucket


def test_what_nobody_measured_is_not_held_back() -> None:
    assert Pace(SIZES, objective=0.001).limit == 32


@pytest.mark.parametrize(
    ("objective", "limit"), [(1.0, 32), (0.080, 32), (0.060, 16), (0.030, 8), (0.001, 1)]
)
def test_two_batches_fit_into_the_objective(objective: float, limit: int) -> None:
    pace = Pace(SIZES, objective=objective)

    pace.measured(curve(fixed=5.0, each=1.0))

    assert pace.limit == limit


def test_a_batch_that_brings_nothing_more_is_not_waited_for() -> None:
    pace = Pace(SIZES)

    pace.measured({1: 0.0066, 2: 0.010, 4: 0.019, 8: 0.036, 16: 0.074, 32: 0.153})

    assert pace.limit == 8


def test_a_model_that_becomes_slower_gets_smaller_batches() -> None:
    pace = Pace(SIZES, objective=0.080)
    pace.measured(curve(fixed=5.0, each=1.0))

    for _ in range(64):
        pace.observe(32, 0.200)

    assert pace.limit == 16


def test_a_batch_far_smaller_than_its_bucket_says_nothing_of_it() -> None:
    pace = Pace(SIZES)
    pace.measured(curve(fixed=5.0, each=1.0))
    before = dict(pace.seconds)

    for _ in range(100):
        pace.observe(17, 9.0)

    assert pace.seconds == before


def test_memory_once_short_is_tried_again_after_many_good_batches() -> None:
    pace = Pace(SIZES)
    pace.shrink(8)
    assert pace.limit == 8

    for _ in range(520):
        pace.observe(8, 0.001)
    assert pace.limit == 16

    for _ in range(5000):
        pace.observe(16, 0.001)
    assert pace.limit == 32


@pytest.mark.parametrize(("rows", "seconds"), [(1, 1), (320, 1), (6400, 8)])
def test_how_long_rows_wait_is_told_in_whole_seconds(rows: int, seconds: int) -> None:
    pace = Pace(SIZES)
    pace.measured(curve(fixed=8.0, each=1.0))

    assert pace.wait(rows) == seconds


def test_a_buffer_is_never_smaller_than_a_batch() -> None:
    random: Any = np.random.default_rng(7)
    for most in random.integers(1, 1025, 200):
        pace = Pace(buckets(int(most)))
        rows = int(random.integers(1, pace.limit + 1))
        assert rows <= pace.bucket(rows) <= pace.sizes[-1]
