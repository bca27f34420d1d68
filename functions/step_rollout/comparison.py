"""The arms beside each other, minute by minute: what is sure, and with which risk."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import log

from events.words import Reason
from functions.definition import Definition, Rule
from functions.endpoint import Arms, Minute, Traffic
from functions.step_rollout.sequential import Look, Share, evidence

_SLOWER = 1.1
"""Times the champion's p99 before the rollout: what counts as a slow answer of either arm."""
_USUALLY_SLOW = Share(2, 200)
"""What a champion is expected to have of answers slower than its own p99."""
_ONE_MINUTE = 0.9
"""Of the whole decision, what one minute of latency may bring: slow answers come in bursts."""


@dataclass(frozen=True)
class Finding:
    """A comparison that the challenger surely does not stand."""

    rule: Rule
    reason: Reason
    message: str


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
        if _against(each, minutes, enough) >= enough:
            yield Finding(each.rule, each.reason, f"{each.said} {each.margin:.1%}, surely")


def _against(
    comparison: _Comparison, minutes: Iterable[tuple[Minute, Minute]], enough: float
) -> float:
    """The evidence; how slow the champion would be now, its past does not tell."""
    looks = [_look(comparison.rule, *both) for both in minutes]
    if comparison.rule != "slower":
        return evidence(looks, margin=comparison.margin, before=comparison.before)
    return evidence(
        [look for look in looks if look.champion.all],
        margin=comparison.margin,
        before=comparison.before,
        most=_ONE_MINUTE * log(enough),
    )


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
