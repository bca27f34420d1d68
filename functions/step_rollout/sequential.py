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
_TINY = 1e-9
_MOST = 200.0
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


def evidence(
    looks: Iterable[Look], *, margin: float, before: Share = NOTHING, most: float = _MOST
) -> float:
    """The most that the looks have ever said against `challenger ≤ champion + margin`.

    `before` is what the champion did before the first look; `most` bounds what one look can say
    (in nats), so that no single bad minute decides.
    """
    return max(along(looks, margin=margin, before=before, most=most), default=1.0)


def along(
    looks: Iterable[Look], *, margin: float, before: Share = NOTHING, most: float = _MOST
) -> Iterator[float]:
    """The evidence after each look.

    Each bet is a mixture over the look it begins with (look t with weight 1/(t (t+1))), so that
    a version which turns bad later is seen as well, and what was lost before is not held
    against the bet.
    """
    running = [0.0] * len(_LIFTS)
    seen, unborn = before, 1.0
    for number, look in enumerate(looks, start=1):
        born = 1.0 / (number * (number + 1))
        unborn -= born
        champion = _expected(seen)
        for at, lift in enumerate(_LIFTS):
            factor = _said(look, champion, min(champion + margin + lift, _HIGHEST), margin)
            grown = (running[at] + born) * exp(min(factor, most))
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

    Zero of the divergence's derivative between `champion` and `challenger` - margin, by false
    position with halving (the Illinois method).
    """
    if margin == 0.0:
        return weight * challenger + (1 - weight) * champion

    def slope(share: float) -> float:
        other = share + margin
        return weight * (other - challenger) / (other * (1 - other)) + (1 - weight) * (
            share - champion
        ) / (share * (1 - share))

    low, high = champion, challenger - margin
    at_low, at_high = slope(low), slope(high)
    while high - low > _TINY:
        middle = (low * at_high - high * at_low) / (at_high - at_low)
        at = slope(middle)
        if abs(at) < _TINY:
            return middle
        if at < 0:
            low, at_low, at_high = middle, at, at_high / 2
        else:
            high, at_high, at_low = middle, at, at_low / 2
    return (low + high) / 2
