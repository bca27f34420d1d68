"""The always-valid test of two shares: what it may say, and how seldom it errs."""

from math import inf, log
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.step_rollout.sequential import MOST, NOTHING, Look, Share, _nearest, along

SHARES = st.tuples(st.integers(0, 400), st.integers(0, 400)).map(
    lambda pair: Share(min(pair), max(pair))
)
LOOKS = st.lists(st.builds(Look, SHARES, SHARES), max_size=20)
MARGINS = st.sampled_from([0.0, 0.005, 0.02, 0.2])


def evidence(
    looks: list[Look], *, margin: float, before: Share = NOTHING, most: float = MOST
) -> float:
    """The most that was ever said."""
    return max(along(looks, margin=margin, before=before, most=most), default=1.0)


def looks_of(
    random: Random, *, challenger: float, champion: float, sizes: tuple[int, int], count: int
) -> list[Look]:
    """Looks at two arms whose answers are bad with these shares."""

    def seen(share: float, size: int) -> Share:
        return Share(sum(random.random() < share for _ in range(size)), size)

    return [Look(seen(challenger, sizes[0]), seen(champion, sizes[1])) for _ in range(count)]


@pytest.mark.parametrize(
    ("challenger", "champion", "margin", "sizes"),
    [
        (0.03, 0.03, 0.0, (10, 40)),
        (0.05, 0.03, 0.02, (10, 40)),
        (0.05, 0.03, 0.02, (40, 10)),
        (0.5, 0.5, 0.0, (5, 5)),
        (0.205, 0.2, 0.005, (20, 20)),
    ],
)
def test_a_challenger_as_bad_as_is_allowed_is_accused_as_seldom_as_was_said(
    challenger: float, champion: float, margin: float, sizes: tuple[int, int]
) -> None:
    """Looked at after every minute: 5 % of 400 are 20, and 33 would be by chance in 500 only."""
    random = Random(0)
    accused = 0

    for _ in range(400):
        looks = looks_of(random, challenger=challenger, champion=champion, sizes=sizes, count=30)
        accused += evidence(looks, margin=margin) >= 1 / 0.05

    assert accused <= 33


@pytest.mark.parametrize(
    ("challenger", "champion", "sizes", "count"),
    [(0.2, 0.005, (10, 190), 8), (0.05, 0.005, (30, 570), 30), (0.03, 0.005, (300, 300), 20)],
)
def test_a_challenger_that_is_clearly_worse_is_found(
    challenger: float, champion: float, sizes: tuple[int, int], count: int
) -> None:
    random = Random(0)

    found = [
        evidence(
            looks_of(random, challenger=challenger, champion=champion, sizes=sizes, count=count),
            margin=0.005,
        )
        >= 300
        for _ in range(60)
    ]

    assert sum(found) >= 54


def test_one_that_turns_bad_after_long_good_conduct_is_found() -> None:
    random = Random(0)
    good = looks_of(random, challenger=0.005, champion=0.005, sizes=(50, 200), count=60)
    bad = looks_of(random, challenger=0.2, champion=0.005, sizes=(50, 200), count=6)

    assert evidence(good, margin=0.005) < 10
    assert evidence(good + bad, margin=0.005) > 1000


def test_a_storm_over_both_accuses_nobody_and_hides_nobody_after_it() -> None:
    random = Random(0)
    calm = looks_of(random, challenger=0.005, champion=0.005, sizes=(50, 200), count=5)
    storm = looks_of(random, challenger=0.4, champion=0.4, sizes=(50, 200), count=3)
    after = looks_of(random, challenger=0.3, champion=0.005, sizes=(50, 200), count=12)

    assert evidence(calm + storm, margin=0.005) < 10
    assert evidence(calm + storm + after, margin=0.005) > 1000


def test_no_single_look_decides_where_a_bound_is_set() -> None:
    awful = Look(Share(100, 100), Share(0, 1000))

    assert evidence([awful], margin=0.0, most=log(50)) <= 50
    assert evidence([awful] * 3, margin=0.0, most=log(50)) > 1000
    assert evidence([awful], margin=0.0) > 1e6


def test_without_traffic_the_champion_is_taken_to_be_as_before() -> None:
    alone = [Look(Share(8, 100), Share(0, 0))] * 3

    assert evidence(alone, margin=0.01, before=Share(50, 10_000)) > 1000
    assert evidence(alone, margin=0.01, before=Share(800, 10_000)) < 10


@given(
    sizes=st.tuples(st.integers(1, 5000), st.integers(1, 5000)),
    champion=st.floats(0.0001, 0.5),
    lift=st.sampled_from([0.005, 0.05, 0.4]),
    margin=MARGINS,
    permitted=st.tuples(st.floats(0.0001, 0.99), st.floats(0, 1)),
)
def test_no_permitted_pair_of_shares_expects_more_evidence_than_one(
    sizes: tuple[int, int],
    champion: float,
    lift: float,
    margin: float,
    permitted: tuple[float, float],
) -> None:
    """Exactly: the expectation of a likelihood ratio of independent answers is a product."""
    other, part = permitted
    own = min(part * (other + margin), 1.0)  # at most the margin more
    bet = (min(champion + margin + lift, 0.98), champion)
    if bet[0] - bet[1] <= margin:
        return

    nearest = _nearest(sizes[0] / sum(sizes), bet[1], bet[0], margin)

    expected = sum(
        size * log(share * mine / there + (1 - share) * (1 - mine) / (1 - there))
        for size, share, mine, there in zip(
            sizes, (own, other), bet, (nearest + margin, nearest), strict=True
        )
    )
    assert expected <= 1e-4


@given(looks=LOOKS, margin=MARGINS)
def test_whatever_was_seen_the_evidence_is_a_number(looks: list[Look], margin: float) -> None:
    said = list(along(looks, margin=margin))

    assert len(said) == len(looks)
    assert all(0 <= each < inf for each in said)


@given(look=st.builds(Look, SHARES, SHARES), margin=MARGINS)
def test_one_more_bad_answer_never_lessens_the_evidence(look: Look, margin: float) -> None:
    new = look.challenger
    worse = Look(Share(min(new.bad + 1, new.all), new.all), look.champion)

    assert evidence([worse], margin=margin) >= evidence([look], margin=margin) * (1 - 1e-9)


@given(looks=LOOKS, margin=MARGINS)
def test_nothing_seen_says_nothing(looks: list[Look], margin: float) -> None:
    silent = [Look(Share(0, 0), look.champion) for look in looks]

    assert evidence(silent, margin=margin) <= 1 + 1e-6
