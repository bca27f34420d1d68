"""The arms beside each other, minute by minute: what is sure, and with which risk."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import log

from events.words import Reason
from functions.definition import Definition
from functions.endpoint import Arms, Minute, Traffic
from functions.step_rollout.sequential import MOST, Look, Share, along
from functions.strategy import Rule

_SLOWER = 1.1
"""Times the champion's p99 before the rollout: what counts as a slow answer of either arm."""
_USUALLY_SLOW = Share(2, 200)
"""What a champion is expected to have of answers slower than its own p99."""
_ONE_MINUTE = 0.9
"""Of the whole decision, what one minute of latency may bring: slow answers come in bursts."""
_ALONE = 0.3
"""The same without a champion beside it, for errors: four bad minutes are needed."""


@dataclass(frozen=True)
class Finding:
    """A comparison that the challenger surely does not stand."""

    rule: Rule
    reason: Reason
    message: str
    at: datetime
    """The first minute that left no doubt."""


@dataclass(frozen=True)
class _Comparison:
    rule: Rule
    reason: Reason
    said: str
    margin: float
    before: Share
    """What the champion did before the first look."""


def slow(before: Traffic) -> float | None:
    """Seconds above which an answer of either arm counts as slow; None if nobody knows yet."""
    return None if before.latency_p99 is None else _SLOWER * before.latency_p99


def findings(whole: Arms, before: Traffic, definition: Definition) -> Iterator[Finding]:
    """What the challenger surely does not stand, by all that was seen since its first traffic.

    The allowed chance of a false alarm is shared among the comparisons.
    """
    comparisons = _comparisons(before, definition)
    enough = len(comparisons) / definition.rollout.false_alarm
    minutes = tuple(_side_by_side(whole))
    for each in comparisons:
        at = _sure_at(each, minutes, enough)
        if at is not None:
            message = f"{each.said} {each.margin:.1%}, surely"
            yield Finding(each.rule, each.reason, message, at)


def _sure_at(
    comparison: _Comparison, minutes: Sequence[tuple[Minute, Minute]], enough: float
) -> datetime | None:
    """The first minute that leaves no doubt.

    How slow the champion would be now, its past does not tell.
    """
    latency = comparison.rule == "slower"
    if latency:
        minutes = [both for both in minutes if both[1].requests]
    said = along(
        (_look(comparison.rule, *both) for both in minutes),
        margin=comparison.margin,
        before=comparison.before,
        most=_ONE_MINUTE * log(enough) if latency else MOST,
        alone=_ALONE * log(enough),
    )
    return next((new.at for (new, _), e in zip(minutes, said, strict=True) if e >= enough), None)


def _comparisons(before: Traffic, definition: Definition) -> tuple[_Comparison, ...]:
    plan = definition.rollout
    more = "more often than the champion, by more than"
    return (
        _Comparison(
            "errors",
            Reason.TOO_MANY_ERRORS,
            f"fails {more}",
            plan.max_errors,
            Share(before.errors, before.requests),
        ),
        _Comparison(
            "refused",
            Reason.TOO_MANY_ERRORS,
            f"refuses {more}",
            plan.max_errors,
            Share(before.refused, before.requests),
        ),
        _Comparison("slower", Reason.TOO_SLOW, f"is slow {more}", plan.max_slower, _USUALLY_SLOW),
    )


def _side_by_side(arms: Arms) -> Iterator[tuple[Minute, Minute]]:
    """The minutes of both, by time."""
    new = {each.at: each for each in arms.challenger.minutes}
    old = {each.at: each for each in arms.champion.minutes}
    for at in sorted(new.keys() | old.keys()):
        yield new.get(at, Minute(at)), old.get(at, Minute(at))


def _look(rule: Rule, new: Minute, old: Minute) -> Look:
    return Look(_share(rule, new), _share(rule, old))


def _share(rule: Rule, minute: Minute) -> Share:
    bad: int = getattr(minute, rule)
    return Share(min(bad, minute.requests), minute.requests)
