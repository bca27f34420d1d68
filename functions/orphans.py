"""What runs or lies on SageMaker under our names and belongs to no record."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar

from events.catalog import PersonPaged
from events.words import Reason
from functions.ledger import MOST_RESTORES, EndpointRecord, Record, RolloutRecord, RunRecord
from functions.machines import RolloutState, RunState
from functions.names import Names, rollout_id

INSPECTED_EVERY = timedelta(hours=1)
LOOKED_BACK = timedelta(days=1)
"""Only what was made since is looked at, where SageMaker keeps what is over: a day of passes may
be lost, and none looks through the history."""
YOUNG = timedelta(minutes=15)
"""What is younger may belong to a function that is in the middle of its work."""
_PROMOTED = frozenset({RolloutState.WATCHING, RolloutState.COMPLETED})
_ALIVE = frozenset({RunState.STARTING, RunState.PARKED, RunState.TRAINING, RunState.EVALUATING})


class Kind(StrEnum):
    """What can be an orphan."""

    TRAINING = "training job"
    EVALUATION = "processing job"
    ENDPOINT = "endpoint"
    CONFIG = "endpoint configuration"
    MODEL = "model"


@dataclass(frozen=True)
class Found:
    """One thing under our prefix."""

    kind: Kind
    name: str
    made: datetime
    versions: tuple[int, ...] | None = None
    """Of a configuration: those in it; None when one of its models is not ours."""


class OrphanRecord(Record):
    """Something that nobody owns: written, and told, once."""

    kind: ClassVar[str] = "ORPHAN"
    what: Kind
    name: str
    found_at: datetime
    removed: bool
    """Whether it was stopped or deleted; what may be somebody's work is only told."""

    @property
    def key(self) -> str:
        return orphan_key(self.what, self.name)


def orphan_key(what: Kind, name: str) -> str:
    """The key of an orphan's record."""
    return f"{what}#{name}"


def inspects(now: datetime, every: timedelta) -> bool:
    """Whether this pass, one in each `every`, is the hour's that looks for orphans."""
    return int(now.timestamp()) % int(INSPECTED_EVERY.total_seconds()) < every.total_seconds()


def is_young(found: Found, now: datetime) -> bool:
    """Whether its record may still be on its way."""
    return now - found.made < YOUNG


def owns_job(run: RunRecord | None) -> bool:
    """Whether its run goes on: that starts one job at a time, and may not have noted it yet."""
    return run is not None and run.state in _ALIVE


def owns_endpoint(endpoint: EndpointRecord | None) -> bool:
    """Whether somebody serves there, or is to."""
    return endpoint is not None and (endpoint.champion or endpoint.rollout) is not None


def owns_config(rollout: RolloutRecord | None, found: Found, names: Names) -> bool:
    """Whether a rollout asked for it, or its version was placed alone by it since.

    A champion is given the endpoint alone before guardrails let its place be taken.
    """
    if rollout is None:
        return False
    asked = {rollout.config, rollout.before, rollout.returns_to, *rollout.tried}
    guarded = rollout.definition.rollout.strategy == "guardrail" and rollout.state in _PROMOTED
    stands_alone = guarded and found.versions == (rollout.version,)
    return found.name in asked or found.name in _placed_alone(rollout, names) or stands_alone


def _placed_alone(rollout: RolloutRecord, names: Names) -> set[str]:
    """The configurations with its version alone that a later rollout may have restored."""
    who = rollout.challenger
    on_it: dict[str, object] = {who.variant: [who.version, who.model_digest]}
    types = rollout.definition.serving.instances
    plain: dict[str, object] = {}
    machines = (plain, *[{**plain, "instance": each} for each in types])
    return {
        names.endpoint_config(rollout.model, {**on_it, **machine, "again": str(again)})
        for machine in machines
        for again in range(1, MOST_RESTORES + 1)
    }


def is_removed(found: Found, names: Names) -> bool:
    """Whether it may be stopped or deleted: only what our own code names so, and nobody builds on.

    Models are in the registry's care, endpoints answer somebody: those are only told.
    """
    match found.kind:
        case Kind.TRAINING | Kind.EVALUATION:
            return names.run_of(found.name) is not None
        case Kind.CONFIG:
            return bool(found.versions) and model_of_config(found.name, names) is not None
        case _:
            return False


def model_of_config(config: str, names: Names) -> str | None:
    """The model of one of our configurations, by its name."""
    match = re.fullmatch(rf"{re.escape(names.prefix)}-(.+)-[0-9a-f]{{8}}", config)
    return match[1] if match else None


def model_of_model(name: str, names: Names) -> tuple[str, int] | None:
    """(model, version) of one of our deployed models, by its name."""
    match = re.fullmatch(rf"{re.escape(names.prefix)}-(.+)-v(\d+)", name)
    return (match[1], int(match[2])) if match else None


def rollouts_of(found: Found, names: Names) -> tuple[str, ...]:
    """The rollouts that may have asked for a configuration or a model, by what it holds."""
    if found.kind is Kind.MODEL:
        named = model_of_model(found.name, names)
        return () if named is None else (rollout_id(names.endpoint(named[0]), named[1]),)
    model = model_of_config(found.name, names)
    if model is None:
        return ()
    return tuple(rollout_id(names.endpoint(model), v) for v in found.versions or ())


def orphaned(found: Found, names: Names, now: datetime) -> OrphanRecord:
    """Its record, and the page to a person."""
    removed = is_removed(found, names)
    done = "it is stopped or deleted" if removed else "it is left; look whether anybody needs it"
    page = PersonPaged(
        model=names.model_of(found.name) or "",
        about=f"{found.kind} {found.name}",
        reason=Reason.ORPHANED,
        message=f"no record owns the {found.kind}: {done}",
    )
    record = OrphanRecord(what=found.kind, name=found.name, found_at=now, removed=removed)
    return record.saying(page)
