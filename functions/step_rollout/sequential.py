"""An always-valid test of two shares: may be looked at after every minute, and still errs rarely.

Of each arm, a look tells how many of its answers were bad. Under the hypothesis that the
challenger's share is at most the champion's plus a margin, the evidence has an expected value of
at most one whenever one stops; by Ville's inequality the chance that it ever reaches 1/a is at
most a. So nobody has to say beforehand how often, or when, it is looked at.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import exp, log

_LIFTS = (0.005, 0.01, 0.02, 0.05, 0.15, 0.4, 0.9)
"""How much worse than allowed a challenger may be: each is a bet, all begin alike."""
_HIGHEST = 0.98
_KNOWN = 200.0
"""Answers after which what was seen of the champion weighs as much as the guess before."""
_GUESS = 0.005
_CLOSE, _TRIES = 1e-8, 30
MOST = 200.0
"""Nats that one look can say."""
_PLENTY = 1e100
"""The most that is ever said: beyond doubt, and within a float."""


@dataclass(frozen=True)
class Share:
    """So many of so many were bad."""

    bad: int
    all: int

    def __add__(self, other: "Share") -> "Share":
        return Share(self.bad + other.bad, self.all + other.all)


NOTHING = Share(0, 0)


@dataclass(frozen=True)
class Look:
    """What both arms answered in the same stretch of time."""

    challenger: Share
    champion: Share


def along(
    looks: Iterable[Look],
    *,
    margin: float,
    before: Share = NOTHING,
    most: float = MOST,
    alone: float = MOST,
) -> Iterator[float]:
    """The evidence against `challenger ≤ champion + margin` after each look.

    `before` is what the champion did before the first look; `most` bounds what one look can say
    (in nats), so that no single bad minute decides, and `alone` a look without a champion, where
    nothing tells a bad version from bad weather.

    Each bet is a mixture over the look it begins with (look t with weight 1/(t (t+1))), so that
    a version which turns bad later is seen as well, and what was lost before is not held
    against the bet.
    """
    running = [0.0] * len(_LIFTS)
    seen, unborn = before, 1.0
    for number, look in enumerate(looks, start=1):
        born = 1.0 / (number * (number + 1))
        unborn -= born
        champion, bound = _expected(seen), most if look.champion.all else min(most, alone)
        for at, lift in enumerate(_LIFTS):
            factor = _said(look, champion, min(champion + margin + lift, _HIGHEST), margin)
            grown = (running[at] + born) * exp(min(factor, bound))
            running[at] = min(grown, _PLENTY)
        seen += look.champion
        yield sum(running) / len(running) + unborn


def _expected(seen: Share) -> float:
    """The champion's share as far as it is known before a look."""
    return (seen.bad + _GUESS * _KNOWN) / (seen.all + _KNOWN)


def _said(look: Look, champion: float, challenger: float, margin: float) -> float:
    """Log of the likelihood under the bet over that under the nearest permitted pair of shares.

    Without traffic of its own the champion is taken to be as it was before.

    The nearest pair (least divergence, weighted by the sizes of the look) makes this an e-value
    for all permitted pairs, since these are a convex set: R. Turner, A. Ly, P. Grünwald, Generic
    E-variables for exact sequential k-sample tests, 2021; R. Turner, P. Grünwald, Exact
    anytime-valid confidence intervals for contingency tables, 2023.
    """
    new, old = look.challenger, look.champion
    if challenger - champion <= margin:
        return 0.0
    if not old.all:
        return _ratio(new, challenger, champion + margin)
    nearest = _nearest(new.all / (new.all + old.all), champion, challenger, margin)
    return _ratio(new, challenger, nearest + margin) + _ratio(old, champion, nearest)


def _ratio(seen: Share, bet: float, permitted: float) -> float:
    good = seen.all - seen.bad
    return seen.bad * log(bet / permitted) + good * log((1 - bet) / (1 - permitted))


def _nearest(weight: float, champion: float, challenger: float, margin: float) -> float:
    """The champion's share in the nearest permitted pair, where the challenger has `margin` more.

    The least divergence, by Newton's method: it is convex, and the weighted mean is close already.
    """
    low, high = champion, challenger - margin
    share = weight * high + (1 - weight) * low
    for _ in range(_TRIES):
        other = share + margin
        mine, its = other * (1 - other), share * (1 - share)
        slope, beside = (other - challenger) / mine, (share - champion) / its
        curve = weight * (1 - slope * (1 - 2 * other)) / mine
        curve += (1 - weight) * (1 - beside * (1 - 2 * share)) / its
        step = (weight * slope + (1 - weight) * beside) / curve
        share, before = min(max(share - step, low), high), share
        if abs(share - before) < _CLOSE:
            break
    return share
