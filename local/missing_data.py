"""What an alarm's latest periods say, also where some have no datapoint: AWS's documented table."""

from collections.abc import Sequence
from dataclasses import dataclass

Period = bool | None
"""One period: whether its datapoint breaches the threshold, None when it has no datapoint."""
_FARTHER_BACK = 2


@dataclass(frozen=True)
class Rule:
    """`needed` breaching datapoints of the last `evaluated` ring, M out of N."""

    needed: int
    evaluated: int
    treat_missing: str = "missing"

    @property
    def looked_at(self) -> int:
        """How many periods are retrieved: some more, in case the latest have no datapoint."""
        return self.evaluated + (_FARTHER_BACK if self.evaluated > 1 else 0)


def state(rule: Rule, periods: Sequence[Period]) -> str | None:
    """The alarm's state by its periods, oldest first; None keeps the state it has.

    Real datapoints count before anything is filled in: those farther back stand in for missing
    ones, and only what is still lacking is treated as the alarm says.
    """
    present = [period for period in periods if period is not None]
    bad = sum(present[-rule.evaluated :])
    lacking = max(0, rule.evaluated - len(present))
    if bad >= rule.needed:
        return "ALARM"
    if lacking == 0:
        return "OK"
    match rule.treat_missing:
        case "breaching":
            return "ALARM" if bad + lacking >= rule.needed else "OK"
        case "notBreaching":
            return "OK"
        case "ignore":
            return None if bad == len(present) else "OK"
        case _:
            return _of_what_is_there(rule, periods, present)


def _of_what_is_there(rule: Rule, periods: Sequence[Period], present: Sequence[bool]) -> str | None:
    """Missing is missing: only bad news that is old enough rings, the next may be good."""
    if not present:
        return "INSUFFICIENT_DATA"
    if not all(present):
        return "OK"
    age_of_the_oldest = len(periods) - next(i for i, p in enumerate(periods) if p)
    return "ALARM" if age_of_the_oldest >= rule.needed else None
