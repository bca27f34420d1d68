"""What the live evidence says of a challenger, beside what the champion does at the same time."""

from dataclasses import dataclass

from events.words import Reason
from functions.definition import Definition
from functions.endpoint import NO_TRAFFIC, Arms, Traffic
from functions.step_rollout.comparison import findings

_NEARLY = 1.5
"""A slow champion excuses a challenger up to this multiple of its own p99, and no further."""


@dataclass(frozen=True)
class Seen:
    """All that was measured of a rollout."""

    step: Arms
    """Since the present step began."""
    whole: Arms
    """Since the challenger first got traffic."""
    before: Traffic = NO_TRAFFIC
    """What the champion did in the hour before that."""


NOTHING_SEEN = Seen(Arms(), Arms())


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
class Inconclusive:
    """Neither good nor bad for sure: too few requests, or a trouble that both sides share."""

    message: str


@dataclass(frozen=True)
class NoData:
    """Not one request: silence promotes nothing."""


Verdict = Pass | Fail | Inconclusive | NoData


def bad_news(seen: Seen, definition: Definition) -> Fail | None:
    """What is surely bad by now; may be asked after every minute, also within a bake."""
    for finding in findings(seen.whole, seen.before, definition):
        if finding.rule not in definition.rollout.dry_run:
            return Fail(finding.reason, f"{_said(seen.whole)}; {finding.message}")
    return None


def judge(seen: Seen, definition: Definition, *, least: int) -> Verdict:
    """At the end of a bake: bad news at once, good news only after `least` requests."""
    challenger = seen.step.challenger
    if challenger.requests == 0:
        return NoData()
    bad = bad_news(seen, definition)
    if bad is not None:
        return bad
    said = _said(seen.step)
    if challenger.requests < least:
        return Inconclusive(f"{said}; {least} requests are needed")
    return _unsure(seen, definition) or Pass(f"{said}{_told(seen, definition)}")


def _unsure(seen: Seen, definition: Definition) -> Fail | Inconclusive | None:
    """An objective that is missed, or more trouble than is allowed without being sure of it."""
    challenger, champion = seen.step.challenger, seen.step.champion
    said, objective = _said(seen.step), definition.serving.latency
    if _slow(challenger, objective):
        return _late(seen.step, objective)
    plan = definition.rollout
    beside = champion if champion.requests else seen.whole.champion
    for rule, word in (("errors", "errors"), ("refused", "refusals")):
        bar = plan.max_errors + _share(beside, rule)
        if rule not in plan.dry_run and _share(challenger, rule) > bar:
            return Inconclusive(f"{said}; more {word} than the {bar:.1%} allowed, but not surely")
    return None


def _late(step: Arms, objective: float) -> Fail | Inconclusive:
    """Its p99 misses the objective: its own fault, or a trouble of both."""
    said = f"{_said(step)}; allowed are {objective * 1000:.0f} ms"
    if not _slow(step.champion, objective):
        return Fail(Reason.TOO_SLOW, said)
    beside = f"{said}, and the champion has {_milliseconds(step.champion)}"
    if _much_slower(step):
        return Fail(Reason.TOO_SLOW, f"{beside} itself")
    return Inconclusive(beside)


def _told(seen: Seen, definition: Definition) -> str:
    """What the comparisons in dry run would have said."""
    dry = definition.rollout.dry_run
    found = findings(seen.whole, seen.before, definition) if dry else ()
    return "".join(f"; dry run: {each.message}" for each in found if each.rule in dry)


def _share(traffic: Traffic, rule: str) -> float:
    bad: int = getattr(traffic, rule)
    return bad / traffic.requests if traffic.requests else 0.0


def _slow(traffic: Traffic, objective: float) -> bool:
    return traffic.latency_p99 is not None and traffic.latency_p99 > objective


def _much_slower(step: Arms) -> bool:
    """In the same time: a trouble of both sides slows both alike."""
    champion = step.champion.latency_p99 or 0.0
    return (step.challenger.latency_p99 or 0.0) > _NEARLY * champion


def _said(arms: Arms) -> str:
    challenger, champion = arms.challenger, arms.champion
    measured = challenger.latency_p99 is not None
    slow = f"p99 {_milliseconds(challenger)}" if measured else "no latency"
    return (
        f"challenger {challenger.errors}/{challenger.requests} errors, {slow};"
        f" champion {champion.errors}/{champion.requests}"
    )


def _milliseconds(traffic: Traffic) -> str:
    return f"{(traffic.latency_p99 or 0.0) * 1000:.0f} ms"
