"""What the live evidence says of a challenger, beside what the champion does at the same time."""

from dataclasses import dataclass
from math import sqrt

from events.words import Reason
from functions.definition import Definition
from functions.endpoint import Traffic

_NEARLY = 1.5
"""A slow champion excuses a challenger up to this multiple of its own p99, and no further."""
_Z = 1.959964
"""Two-sided 95 % of the normal distribution."""


@dataclass(frozen=True)
class Pass:
    """Enough evidence, and good."""

    message: str


@dataclass(frozen=True)
class Fail:
    """Bad, however little evidence there is."""

    reason: Reason
    message: str


@dataclass(frozen=True)
class TooLittle:
    """Neither good nor bad for sure: too few requests, or a trouble that both sides share."""

    message: str


@dataclass(frozen=True)
class NoData:
    """Not one request: silence promotes nothing."""


Verdict = Pass | Fail | TooLittle | NoData


def judge(challenger: Traffic, champion: Traffic, definition: Definition, *, least: int) -> Verdict:
    """Bad news at once, good news only after `least` requests."""
    if challenger.requests == 0:
        return NoData()
    bar = definition.rollout.max_errors + _share(champion)
    low, _ = wilson(challenger.errors, challenger.requests)
    said = _said(challenger, champion)
    if low > bar:
        return Fail(Reason.TOO_MANY_ERRORS, f"{said}; at least {low:.1%} fail, allowed {bar:.1%}")
    if challenger.requests < least:
        return TooLittle(f"{said}; {least} requests are needed")
    slowest = definition.serving.latency
    if _slow(challenger, slowest):
        allowed = f"allowed are {slowest * 1000:.0f} ms"
        if not _slow(champion, slowest):
            return Fail(Reason.TOO_SLOW, f"{said}; {allowed}")
        beside = f"{said}; {allowed}, and the champion has {_milliseconds(champion)}"
        if _much_slower(challenger, champion):
            return Fail(Reason.TOO_SLOW, f"{beside} itself")
        return TooLittle(beside)
    if _share(challenger) > bar:
        return TooLittle(f"{said}; more errors than the {bar:.1%} allowed, but not surely")
    return Pass(said)


def wilson(hits: int, trials: int) -> tuple[float, float]:
    """The 95 % score interval of a share (E. B. Wilson, JASA 22, 1927, 209-212); (0, 1) if none.

    Right in small samples and near 0, where the usual interval has no width.
    """
    if trials == 0:
        return 0.0, 1.0
    share = hits / trials
    scale = 1 + _Z**2 / trials
    centre = (share + _Z**2 / (2 * trials)) / scale
    half = _Z / scale * sqrt(share * (1 - share) / trials + _Z**2 / (4 * trials**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def _share(traffic: Traffic) -> float:
    return traffic.errors / traffic.requests if traffic.requests else 0.0


def _slow(traffic: Traffic, slowest: float) -> bool:
    return traffic.latency_p99 is not None and traffic.latency_p99 > slowest


def _much_slower(challenger: Traffic, champion: Traffic) -> bool:
    """In the same time: a trouble of both sides slows both alike."""
    return (challenger.latency_p99 or 0.0) > _NEARLY * (champion.latency_p99 or 0.0)


def _said(challenger: Traffic, champion: Traffic) -> str:
    measured = challenger.latency_p99 is not None
    slow = f"p99 {_milliseconds(challenger)}" if measured else "no latency"
    return (
        f"challenger {challenger.errors}/{challenger.requests} errors, {slow};"
        f" champion {champion.errors}/{champion.requests}"
    )


def _milliseconds(traffic: Traffic) -> str:
    return f"{(traffic.latency_p99 or 0.0) * 1000:.0f} ms"
