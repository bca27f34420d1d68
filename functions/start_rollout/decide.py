"""One rollout at a time per endpoint; of what is approved meanwhile the newest waits."""

from dataclasses import dataclass
from datetime import datetime

from functions.endpoint import Placement
from functions.ledger import (
    Champion,
    EndpointRecord,
    RolloutRecord,
    RolloutState,
    RunRecord,
    RunState,
)
from functions.names import VARIANTS, other_variant
from functions.registry import Approval, Version

_BEING_JUDGED = frozenset({RunState.TRAINING, RunState.EVALUATING})


@dataclass(frozen=True)
class Case:
    """All that bears on an approved version."""

    number: int
    version: Version | None
    """None when the registry has none of that number."""
    run: RunRecord | None
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
    """A rollout under watch that this one supersedes."""

    @property
    def placements(self) -> tuple[Placement, ...]:
        return placements(self.champion, self.challenger)


@dataclass(frozen=True)
class Resume:
    """Placing it was begun and not finished: do it again."""

    rollout: RolloutRecord

    @property
    def placements(self) -> tuple[Placement, ...]:
        return placements(self.rollout.champion, self.rollout.challenger)


@dataclass(frozen=True)
class Queue:
    """Another rollout is under way."""

    version: int
    behind: str


@dataclass(frozen=True)
class Rejudge:
    """The gate let it through beside a champion that serves no more: judge it again."""

    why: str


@dataclass(frozen=True)
class Ignore:
    """Nothing is to be rolled out."""

    why: str


Outcome = Begin | Resume | Queue | Rejudge | Ignore


def decide(case: Case, *, now: datetime) -> Outcome:
    """What follows from an approval."""
    version = case.version
    if version is None or version.approval is not Approval.APPROVED:
        return Ignore("not an approved version of ours")
    if case.run is None:
        return Ignore(f"version {version.version} names run {version.run}, which is not known")
    if case.own is not None:
        resumable = case.own.state is RolloutState.PROVISIONING
        return Resume(case.own) if resumable else Ignore(f"{case.own.rollout}: {case.own.state}")
    return _overtaken(version, case.run, case.endpoint) or _in_turn(version, case, now)


def _overtaken(version: Version, run: RunRecord, endpoint: EndpointRecord) -> Ignore | None:
    champion, waiting = endpoint.champion, endpoint.waiting
    if champion is not None and version.version <= champion.version:
        return Ignore(f"version {version.version} is not newer than {champion.version}")
    if waiting is not None and waiting > version.version:
        return Ignore(f"version {waiting} is newer and waits")
    if run.version is not None and run.state in _BEING_JUDGED:
        return Ignore(f"version {version.version} is being judged again")
    return None


def _in_turn(version: Version, case: Case, now: datetime) -> Outcome:
    champion, holder = case.endpoint.champion, case.holder
    if holder is not None and holder.state is not RolloutState.WATCHING:
        return Queue(version.version, behind=holder.rollout)
    if case.run is not None and _outdated(case.run, champion):
        return Rejudge(f"judged against version {case.run.against}, another serves now")
    return Begin(_challenger(version, champion, now), champion, closes=holder)


def _outdated(run: RunRecord, champion: Champion | None) -> bool:
    """Whether only the gate, not a person, approved it, and beside another champion."""
    if run.state is not RunState.APPROVED or run.definition.gates.approval == "human":
        return False
    return run.against != (champion.version if champion else None)


def placements(champion: Champion | None, challenger: Champion) -> tuple[Placement, ...]:
    """Who stands where: all traffic with the champion, or with a first version."""
    if champion is None:
        return (_placed(challenger, 100),)
    return (_placed(champion, 100), _placed(challenger, 0))


def _placed(who: Champion, weight: int) -> Placement:
    return Placement(
        variant=who.variant,
        version=who.version,
        artifact=who.artifact,
        model_digest=who.model_digest,
        weight=weight,
    )


def _challenger(version: Version, champion: Champion | None, now: datetime) -> Champion:
    return Champion(
        version=version.version,
        variant=other_variant(champion.variant) if champion else VARIANTS[0],
        run=version.run,
        dataset=version.dataset,
        artifact=version.artifact,
        model_digest=version.model_digest,
        since=now,
    )
