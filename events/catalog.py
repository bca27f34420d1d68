"""Everything Sluice says, as one class each: past participles, strict and versioned."""

import json
from types import MappingProxyType
from typing import ClassVar, Self

from pydantic import model_validator

from events.base import Event
from events.words import Digest, DropId, ModelName, Reason, RunId, S3Uri


class DropOverdue(Event):
    """The time in which a drop had to become complete has passed."""

    publisher: ClassVar[str] = "accept_drop"
    model: ModelName
    drop: DropId


class DropRejected(Event):
    """A drop was refused; it starts nothing and nothing of it is deleted."""

    publisher: ClassVar[str] = "accept_drop"
    model: str
    drop: str
    reason: Reason
    message: str


class DatasetReady(Event):
    """A drop is complete, checked and pinned to object versions."""

    publisher: ClassVar[str] = "accept_drop"
    model: ModelName
    drop: DropId
    dataset: Digest
    rows: int


class TrainingRequested(Event):
    """Somebody (a person, drift, a schedule, the sweep) wants a run on a pinned dataset."""

    publisher: ClassVar[str] = "sluice train"
    model: ModelName
    dataset: Digest
    code_uri: S3Uri | None = None
    code: Digest | None = None
    """Another code than the deployed one: its zip and its digest, given together."""
    run: RunId | None = None
    """A run that exists and was not started yet: begin it, whatever is deployed by now."""
    attempt: int | None = None
    """Of a run that failed: begin it once more, as this attempt. Said twice it is begun once."""
    person: bool = False
    """Whether a person asks: then neither a cooldown nor refused candidates hold it up."""
    cause: str

    @model_validator(mode="after")
    def _code_whole_or_not_at_all(self) -> Self:
        if (self.code_uri is None) != (self.code is None):
            raise ValueError("code_uri and code are given together or not at all")
        return self


class TrainingStarted(Event):
    """A training job runs for this run."""

    publisher: ClassVar[str] = "start_training"
    run: RunId
    model: ModelName
    job: str


class TrainingParked(Event):
    """The run cannot begin yet; its reason says what it waits for.

    Said by start_training, and by start_evaluation for a job that found no capacity.
    """

    publisher: ClassVar[str] = "start_training"
    run: RunId
    model: ModelName
    reason: Reason
    message: str


class TrainingJobSettled(Event):
    """The sweep asks to look at a training job again: its own event may have been lost."""

    publisher: ClassVar[str] = "sweep"
    run: RunId
    job: str


class EvaluationOutdated(Event):
    """The champion changed since a candidate was judged: judge it against the new one.

    Said by the gate for a candidate under evaluation, by start_rollout for one that waited.
    """

    publisher: ClassVar[str] = "gate_model"
    run: RunId
    job: str
    """The training job whose candidate is meant."""


class EvaluationStarted(Event):
    """Candidate and champion are being judged on the same frozen holdout."""

    publisher: ClassVar[str] = "start_evaluation"
    run: RunId
    model: ModelName
    job: str


class EvaluationJobSettled(Event):
    """The sweep asks to look at an evaluation job again: its own event may have been lost."""

    publisher: ClassVar[str] = "sweep"
    run: RunId
    job: str


class RunFailed(Event):
    """A run ended without a candidate to judge."""

    publisher: ClassVar[str] = "start_evaluation"
    run: RunId
    model: ModelName
    reason: Reason
    message: str


class CandidateApproved(Event):
    """The gate let a candidate through; it is registered as an approved version."""

    publisher: ClassVar[str] = "gate_model"
    run: RunId
    model: ModelName
    version: int
    message: str


class CandidateHeld(Event):
    """The gate asks a person; the version waits in the registry as PendingManualApproval."""

    publisher: ClassVar[str] = "gate_model"
    run: RunId
    model: ModelName
    version: int
    message: str


class CandidateRejected(Event):
    """The gate refused a candidate; it is registered as a rejected version that says why."""

    publisher: ClassVar[str] = "gate_model"
    run: RunId
    model: ModelName
    version: int
    reason: Reason
    message: str


class VersionApproved(Event):
    """A version's approval is to be looked at: it waited in line, or its own event may be lost."""

    publisher: ClassVar[str] = "sweep"
    model: ModelName
    version: int
    run: RunId | None = None
    """The run it came from, where that is known: it is found though the version is deleted."""


class RolloutStarted(Event):
    """The endpoint is being brought to champion and challenger side by side."""

    publisher: ClassVar[str] = "start_rollout"
    rollout: str
    model: ModelName
    version: int
    run: RunId


class RolloutStepDue(Event):
    """A step's bake is over, or a look within it is due. Also said by the sweep."""

    publisher: ClassVar[str] = "step_rollout"
    rollout: str
    model: ModelName
    step: int
    hold: int = 0
    """Which bake of the step is over: another one's end moves nothing."""
    look: int = 0
    """Within the bake the how-manyth look for bad news; 0 says that the bake is over."""


class RolloutAdvanced(Event):
    """The challenger gained traffic."""

    publisher: ClassVar[str] = "step_rollout"
    rollout: str
    model: ModelName
    version: int
    weight: int
    """Percent of the endpoint's traffic."""
    message: str


class RolloutCompleted(Event):
    """The challenger is the champion now."""

    publisher: ClassVar[str] = "step_rollout"
    rollout: str
    model: ModelName
    version: int
    message: str


class RollbackRequested(Event):
    """The evidence (or a person) wants the traffic back on the champion."""

    publisher: ClassVar[str] = "step_rollout"
    rollout: str
    model: ModelName
    reason: Reason
    message: str


class RolloutAborted(Event):
    """A challenger serves no more, verified by reading the endpoint back.

    The champion has all traffic again and answered a probe. Where there never was a champion, the
    endpoint that was made for the challenger is removed.
    """

    publisher: ClassVar[str] = "roll_back"
    rollout: str
    model: ModelName
    version: int
    champion: int | None = None
    reason: Reason
    message: str


class PersonPaged(Event):
    """A person has to look at something; said once for each record and reason.

    Said by step_rollout, start_rollout, roll_back and the sweep; it lies in the queue of pages.
    """

    publisher: ClassVar[str] = "step_rollout"
    model: str
    about: str
    """The rollout, job, endpoint or configuration."""
    reason: Reason
    message: str


CATALOG: MappingProxyType[str, type[Event]] = MappingProxyType(
    {event.detail_type(): event for event in Event.__subclasses__()}
)
"""Every event of ours by its name on the bus."""


def parsed(name: str, detail: str) -> Event:
    """The event called `name` from its stored detail; raises KeyError and EventError."""
    return CATALOG[name].from_bus({"detail": json.loads(detail)})
