"""One rollout at a time per endpoint; of what is approved meanwhile the newest waits.

A person's word in the registry counts both ways: an approval begins, a rejection takes back.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from events.words import Reason
from functions.endpoint import Placement
from functions.ledger import (
    ASK_PERSON_AFTER,
    RETRY_AFTER,
    Champion,
    EndpointRecord,
    RolloutRecord,
    RolloutState,
    RunRecord,
    RunState,
)
from functions.machines import RolloutNews, RunNews
from functions.names import VARIANTS, other_variant
from functions.registry import Approval, Version
from functions.standing import placements
from functions.strategy import GUARDRAILS_DROPPED

SHOWN_WITHIN = timedelta(minutes=10)
"""From then on a version that the registry does not show is taken to be deleted."""


@dataclass(frozen=True)
class Case:
    """All that bears on a version whose approval is looked at."""

    number: int
    version: Version | None
    """None when the registry has none of that number."""
    run: RunRecord | None
    """The run it came from, as far as version or event name it."""
    endpoint: EndpointRecord
    holder: RolloutRecord | None
    """The rollout that holds the endpoint now."""
    own: RolloutRecord | None
    """This version's own rollout, if it had one."""


@dataclass(frozen=True)
class Begin:
    """Place the version beside the champion."""

    challenger: Champion
    champion: Champion | None
    closes: RolloutRecord | None
    """A first version's watch that this one ends: there was nobody to return to."""
    run: RunRecord

    def placements(self, count: int) -> tuple[Placement, ...]:
        return placements(self.champion, self.challenger, count=count)


@dataclass(frozen=True)
class Resume:
    """Placing it was begun and not finished: do it again."""

    rollout: RolloutRecord


@dataclass(frozen=True)
class Queue:
    """Another rollout is under way."""

    version: int
    behind: str
    run: RunRecord


@dataclass(frozen=True)
class Rejudge:
    """The gate let it through beside a champion that serves no more: judge it again."""

    why: str
    run: RunRecord


@dataclass(frozen=True)
class TakeBack:
    """Its rollout is under way and its approval is gone: ask for the traffic back."""

    rollout: RolloutRecord
    message: str
    reason: Reason = Reason.ASKED_BY_PERSON


@dataclass(frozen=True)
class Dismiss:
    """A person had the word on it, and it was no."""

    run: RunRecord
    message: str


@dataclass(frozen=True)
class AskLater:
    """A person has not decided yet, or the registry does not show yet what was just made."""

    run: RunRecord
    after: timedelta = ASK_PERSON_AFTER


@dataclass(frozen=True)
class Stay:
    """It keeps its place in the line: whoever holds the endpoint asks for it at the end."""

    why: str


@dataclass(frozen=True)
class Ignore:
    """Nothing is to be rolled out."""

    why: str


Outcome = Begin | Resume | Queue | Rejudge | TakeBack | Dismiss | AskLater | Stay | Ignore


def decide(case: Case, *, now: datetime) -> Outcome:
    """What follows from a version's approval as it is now."""
    version = case.version
    if version is None:
        return _gone(case, now)
    match version.approval:
        case Approval.APPROVED:
            return _approved(version, case, now)
        case Approval.REJECTED:
            return _rejected(case, version.comment or f"version {case.number} was rejected")
        case Approval.PENDING:
            return _pending(case)


def _rejected(case: Case, why: str) -> Outcome:
    """A person's no; ours (the gate's, roll_back's) finds nothing under way any more."""
    if case.own is not None and _may_return(case.own):
        return TakeBack(case.own, why)
    if case.run is not None and case.run.ignores(RunNews.PERSON_REJECTED) is None:
        return Dismiss(case.run, why)
    return Ignore(f"version {case.number} is rejected and not under way")


def _may_return(rollout: RolloutRecord) -> bool:
    return rollout.ignores(RolloutNews.WANTED_BACK) is None and not rollout.alone


def _pending(case: Case) -> Outcome:
    if case.own is not None and case.own.state is RolloutState.PROVISIONING:
        return TakeBack(case.own, f"version {case.number} is not approved any more")
    if case.run is not None and case.run.state is RunState.HELD:
        return AskLater(case.run)
    return Ignore(f"version {case.number} is not approved")


def _gone(case: Case, now: datetime) -> Outcome:
    if case.run is not None and _just_judged(case.run, now):
        return AskLater(case.run, RETRY_AFTER)
    why = f"version {case.number} is not in the registry"
    if case.run is None and case.holder is not None and case.number in case.endpoint.line:
        return Stay(why)
    if case.own is not None and case.own.state is RolloutState.PROVISIONING:
        return TakeBack(case.own, why)
    if case.run is not None and case.run.ignores(RunNews.PERSON_REJECTED) is None:
        return Dismiss(case.run, why)
    return Ignore(why)


def _just_judged(run: RunRecord, now: datetime) -> bool:
    """SageMaker shows what it has made to everybody only after a while."""
    if run.ended_at is None or run.state not in {RunState.APPROVED, RunState.HELD}:
        return False
    return now - run.ended_at < SHOWN_WITHIN


def _approved(version: Version, case: Case, now: datetime) -> Outcome:
    if case.run is None:
        return Ignore(f"version {version.version} names run {version.run}, which is not known")
    if case.own is not None:
        return _unguarded(case.own, version) or _resumed(case.own)
    overtaken = _overtaken(version, case.run, case.endpoint)
    return overtaken or _in_turn(version, case.run, case, now)


def _unguarded(rollout: RolloutRecord, version: Version) -> TakeBack | None:
    """Refused before anything changes, where SageMaker would drop its guardrails."""
    if not (version.marketplace and rollout.replaces and _unplaced(rollout)):
        return None
    why = f"guardrail for a container of the AWS Marketplace: {GUARDRAILS_DROPPED}"
    return TakeBack(rollout, why, Reason.NOT_DEPLOYED)


def _resumed(rollout: RolloutRecord) -> Resume | Ignore:
    return Resume(rollout) if _unplaced(rollout) else Ignore(_said(rollout))


def _unplaced(rollout: RolloutRecord) -> bool:
    """Whether it was begun, and SageMaker was not yet seen to take the update."""
    begun = rollout.state is RolloutState.PROVISIONING and rollout.reason is None
    return begun and not rollout.placed


def _said(rollout: RolloutRecord) -> str:
    return f"{rollout.rollout}: {rollout.state}"


def _overtaken(version: Version, run: RunRecord, endpoint: EndpointRecord) -> Ignore | None:
    champion = endpoint.champion
    if champion is not None and version.version <= champion.version:
        return Ignore(f"version {version.version} is not newer than {champion.version}")
    if (why := run.ignores(RunNews.PERSON_APPROVED)) is not None:
        return Ignore(f"version {version.version}: {why}")
    if run.version not in {None, version.version}:
        return Ignore(f"run {run.run} made version {run.version} since")
    return None


def _in_turn(version: Version, run: RunRecord, case: Case, now: datetime) -> Outcome:
    champion, holder, waiting = case.endpoint.champion, case.holder, case.endpoint.waiting
    if waiting is not None and waiting > version.version:
        return Queue(version.version, behind=f"version {waiting}, which is newer", run=run)
    if holder is not None and not holder.alone:
        return Queue(version.version, behind=holder.rollout, run=run)
    if _outdated(run, champion):
        return Rejudge(f"judged against version {run.against}, another serves now", run)
    challenger = _challenger(version, champion, run, now)
    return Begin(challenger, champion, closes=holder, run=run)


def _outdated(run: RunRecord, champion: Champion | None) -> bool:
    """Whether only the gate, not a person, approved it, and beside another champion."""
    by_person = run.overruled or run.definition.gates.approval == "human"
    if run.state is not RunState.APPROVED or by_person:
        return False
    return run.against != (champion.version if champion else None)


def _challenger(
    version: Version, champion: Champion | None, run: RunRecord, now: datetime
) -> Champion:
    return Champion(
        version=version.version,
        variant=_variant(champion, run),
        run=version.run,
        dataset=version.dataset,
        artifact=version.artifact,
        model_digest=version.model_digest,
        since=now,
    )


def _variant(champion: Champion | None, run: RunRecord) -> str:
    """Guardrails know variants by their names: under them the challenger keeps the champion's."""
    if champion is None:
        return VARIANTS[0]
    guarded = run.definition.rollout.strategy == "guardrail"
    return champion.variant if guarded else other_variant(champion.variant)
