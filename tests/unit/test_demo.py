"""The story's own parts: data that is always the same, numbers that are counted right."""

import numpy as np
from rich.console import Console

from demo.claims import Claims
from demo.data import FIRST_ROWS, HOLDOUT_ROWS, digits
from demo.measure import Look, Weights, percentile


def test_the_pictures_are_always_in_the_same_order() -> None:
    assert np.array_equal(digits().pixels, digits().pixels)
    assert len(digits().labels) == 1797
    assert HOLDOUT_ROWS + FIRST_ROWS < 1797


def test_shuffling_keeps_the_labels_and_moves_about_half_of_them() -> None:
    rows = digits()
    shuffled = rows.with_half_of_the_labels_shuffled()

    assert sorted(shuffled.labels) == sorted(rows.labels)
    assert 0.35 < np.mean(shuffled.labels != rows.labels) < 0.5


def test_a_hole_is_one_missing_value() -> None:
    assert int(np.isnan(digits().with_a_hole().pixels).sum()) == 1


def test_a_percentile_is_a_value_that_was_seen() -> None:
    assert percentile([3.0, 1.0, 2.0], 95) == 3.0
    assert percentile([], 95) is None


def test_one_claim_that_fails_fails_the_story() -> None:
    verdicts = []
    claims = Claims(Console(quiet=True))
    for holds in (True, False, True):
        claims.claim("something", holds=holds, seen=1)
        verdicts.append(claims.hold)

    assert verdicts == [True, False, False]


def test_a_story_without_claims_does_not_hold() -> None:
    assert not Claims(Console(quiet=True)).hold


def test_the_return_of_traffic_counts_only_in_service_and_after_the_alarm() -> None:
    looks = [
        Look(1.0, "InService", {"green": 100}),
        Look(2.0, "InService", {"green": 95, "blue": 5}),
        Look(3.0, "Updating", {"green": 100, "blue": 0}),
        Look(4.0, "InService", {"green": 100, "blue": 0}),
    ]

    assert Weights(lambda: None, looks).first_whole("green", after=1.5) == 4.0
