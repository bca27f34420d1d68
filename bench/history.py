"""What users were answered, held against what the ledger says might answer then."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from demo.traffic import TIMEOUT, Answer
from functions.ledger import RolloutRecord, RolloutState

LATE = 10.0
"""Seconds in which a call that was on its way may undo a return, until it is seen and undone."""


def unallowed(answers: Iterable[Answer], rollouts: Sequence[RolloutRecord]) -> Iterator[str]:
    """Answers by a version that was not rolled out yet, or served no more: a line for each."""
    by_version = {rollout.version: rollout for rollout in rollouts}
    found = Counter(
        why for answer in answers if answer.ok and (why := _why_not(answer, by_version))
    )
    for why, times in sorted(found.items()):
        yield f"{times} answers {why}"


def _why_not(answer: Answer, rollouts: dict[int, RolloutRecord]) -> str:
    if answer.version is None:
        return "by nobody knows which version"
    rollout = rollouts.get(answer.version)
    if rollout is None:
        return f"by version {answer.version}, which was never rolled out"
    if answer.at + answer.seconds < rollout.started_at.timestamp():
        return f"by version {answer.version} before it was rolled out"
    if (over := _served_until(rollout, rollouts)) is not None and answer.at > over + LATE:
        return f"by version {answer.version} when it served no more"
    return ""


def _served_until(rollout: RolloutRecord, rollouts: dict[int, RolloutRecord]) -> float | None:
    """When it was taken back, or the watch over its successor was over; None while it may serve."""
    if rollout.state is RolloutState.ABORTED and rollout.ended_at is not None:
        return rollout.ended_at.timestamp()
    followed = [
        other.ended_at.timestamp()
        for other in rollouts.values()
        if other.state is RolloutState.COMPLETED
        and other.version > rollout.version
        and other.ended_at is not None
    ]
    return min(followed, default=None)


def lost(answers: Iterable[Answer]) -> Iterator[str]:
    """Questions whose caller was told nothing, not even that it failed."""
    silent = [each for each in answers if not each.status and each.seconds >= TIMEOUT]
    if silent:
        yield f"{len(silent)} questions were never answered, nor refused"
