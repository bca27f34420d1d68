"""How long a delivery is tried, against the limits that AWS documents."""

import itertools

from local.retries import MOST_ATTEMPTS, OLDEST, Retry, some_jitter


def test_all_attempts_together_take_about_a_day() -> None:
    pauses = [Retry().pause(tries) for tries in range(1, MOST_ATTEMPTS + 1)]

    assert 0.9 * OLDEST < sum(pauses) <= OLDEST


def test_pauses_grow_and_then_stay() -> None:
    pauses = [Retry().pause(tries) for tries in range(1, 20)]

    assert all(later >= sooner for sooner, later in itertools.pairwise(pauses))
    assert pauses[:3] == [1.0, 2.0, 4.0]
    assert pauses[-1] == pauses[-2]


def test_jitter_never_makes_a_pause_longer() -> None:
    assert all(0 < some_jitter() <= 1 for _ in range(1000))


def test_a_policy_is_taken_from_its_target() -> None:
    policy = {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60}
    retry = Retry.of({"RetryPolicy": policy})

    assert retry.exhausted(1, 0.0) == "MaximumRetryAttempts"
    assert Retry.of({}).exhausted(1, 0.0) == ""
    assert Retry(max_age=60).exhausted(1, 61.0) == "MaximumEventAgeInSeconds"
