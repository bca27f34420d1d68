"""What the ledger holds: drops, runs, rollouts and endpoints, whose states only move forward."""

import hashlib
from datetime import datetime, timedelta
from typing import Any, ClassVar, Generic, Self, TypeVar

from pydantic import BaseModel, ConfigDict

from events.base import Event
from events.catalog import PersonPaged, parsed
from events.words import Reason
from functions.definition import Definition
from functions.evidence import Chain, Entry, Evidence, Subject, appended
from functions.machines import (
    DROP,
    ROLLOUT,
    RUN,
    DropNews,
    Machine,
    N,
    RolloutNews,
    RunNews,
    S,
    Stays,
)
from functions.machines import DropState as DropState
from functions.machines import RolloutState as RolloutState
from functions.machines import RunState as RunState
from functions.scaling import Scaling
from functions.witness import Witness

RETRY_AFTER = timedelta(minutes=5)
"""How long the sweep leaves a record alone before it asks again."""

STUCK_AFTER = timedelta(hours=1)
"""SageMaker takes minutes to change an endpoint, and half an hour to give a broken one up."""

ASK_PERSON_AFTER = timedelta(hours=1)
"""How often the sweep asks whether a person has decided: their word may have been lost."""

MOST_RESTORES = 3
"""How often the champion is placed alone before a stranded endpoint is left to a person."""

LONGEST_LINE = 1000
"""How many approved versions wait for an endpoint at most: days of approvals in one rollout."""

_MECHANICS = {"chain", "due_at", "outbox", "revision"}
"""Fields that say when and how a record moves on, not what it holds."""


class LedgerError(RuntimeError):
    """A record was asked to do what its graph of states does not allow."""


class Saying(BaseModel):
    """An event that was decided together with a record and may not be on the bus yet."""

    model_config = ConfigDict(defer_build=True, frozen=True)

    name: str
    detail: str

    def event(self) -> Event:
        """The event itself."""
        return parsed(self.name, self.detail)


class Record(BaseModel):
    """One item of the ledger: written only on the revision it was read at."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    kind: ClassVar[str]
    revision: int = 0
    due_at: datetime | None = None
    """When the sweep shall look at it; None once nothing is open."""
    outbox: tuple[Saying, ...] = ()
    traceparent: str | None = None
    chain: Chain = Chain()
    """The end of its evidence log."""

    @property
    def key(self) -> str:
        """What tells this record from others of its kind."""
        raise NotImplementedError

    @property
    def subject(self) -> Subject:
        """The record as its evidence log sees it: without what only moves it on."""
        told = self.model_dump_json(exclude=_MECHANICS, exclude_defaults=True)
        return Subject(
            kind=self.kind,
            key=self.key,
            state=str(getattr(self, "state", "")),
            substance=hashlib.sha256(told.encode()).hexdigest(),
        )

    def saying(self, *events: Event) -> Self:
        """This record with `events` to be published once it is written (an outbox).

        They carry the record's own place in the trace; each gets its own when it is published.
        """
        said = (event.model_copy(update={"traceparent": self.traceparent}) for event in events)
        more = tuple(Saying(name=e.detail_type(), detail=e.detail()) for e in said)
        return self.model_copy(update={"outbox": self.outbox + more})

    def changed(self, **fields: Any) -> Self:
        """A copy with `fields` replaced and checked; raises LedgerError on a step backwards."""
        new = type(self).model_validate({**dict(self), **fields})
        new.follows(self)
        return new

    def follows(self, before: Self) -> None:
        """Raise LedgerError when this may not come after `before`."""


class Stateful(Record, Generic[S, N]):
    """A record with a state, which only its machine moves."""

    machine: ClassVar[Machine[Any, Any]]
    state: S

    @property
    def ended(self) -> bool:
        """Whether nothing moves it any more."""
        return self.state in self.machine.ends

    def ignores(self, news: N) -> str | None:
        """Why the news moves nothing in this state; None when it does."""
        why = self.machine.ignores(self.state, news)
        return None if why is None else f"{self._name} is {self.state}: {why}"

    def heard(self, news: N, **fields: Any) -> Self:
        """This record once it has heard the news; raises LedgerError where that moves nothing."""
        answer = self.machine.hears(self.state, news)
        if isinstance(answer, Stays):
            raise LedgerError(f"{news}: {self.ignores(news)}")
        return self.changed(state=answer, **fields)

    def follows(self, before: Self) -> None:
        if not self.machine.leads(before.state, self.state):
            raise LedgerError(f"{self._name}: {before.state} cannot become {self.state}")

    @property
    def _name(self) -> str:
        return f"{self.kind.lower()} {self.key.replace('#', '/')}"


class DropRecord(Stateful[DropState, DropNews]):
    """A drop from its first object to its end."""

    kind: ClassVar[str] = "DROP"
    machine = DROP
    model: str
    drop: str
    state: DropState = DropState.RECEIVING
    first_seen: datetime
    settled_at: datetime | None = None
    dataset: str | None = None
    rows: int | None = None
    reason: Reason | None = None
    message: str = ""

    @property
    def key(self) -> str:
        return f"{self.model}#{self.drop}"


class RunRecord(Stateful[RunState, RunNews]):
    """A run from its cause to the gate's verdict."""

    kind: ClassVar[str] = "RUN"
    machine = RUN
    run: str
    model: str
    dataset: str
    drop: str | None = None
    cause: str
    definition: Definition
    code_uri: str
    code: str
    state: RunState = RunState.STARTING
    started_at: datetime
    ended_at: datetime | None = None
    dropped_at: datetime | None = None
    """When its drop began to arrive: of two that wait, the later one takes the other's place."""
    rows: int | None = None
    """Of its dataset, where that came with the drop."""
    asked: bool = False
    """Whether a person asked for it to begin."""
    attempt: int = 1
    """Which try at training this is; a failed run may be begun once more."""
    instance: int = 0
    """Which of `[training] instances` is asked for."""
    short_since: datetime | None = None
    """Since when there is no capacity for it."""
    short_times: int = 0
    """How often there was none."""
    cost: float = 0.0
    """USD that its training jobs have come to, as far as they have ended."""
    training_job: str | None = None
    evaluation_job: str | None = None
    evaluations: int = 0
    artifact: str | None = None
    """S3 URI of the candidate's model.tar.gz."""
    against: int | None = None
    """The champion's version the candidate was evaluated against."""
    version: int | None = None
    overruled: bool = False
    """Whether a person approved it against the gate: then it is not judged again."""
    numbers: dict[str, float] = {}
    reason: Reason | None = None
    message: str = ""

    @property
    def key(self) -> str:
        return self.run


class Champion(BaseModel):
    """The version that serves, and where on the endpoint it stands."""

    model_config = ConfigDict(defer_build=True, frozen=True)

    version: int
    variant: str
    run: str
    dataset: str
    artifact: str
    model_digest: str
    since: datetime


class EndpointRecord(Record):
    """The champion pointer of a model's endpoint, and the one rollout it may have."""

    kind: ClassVar[str] = "ENDPOINT"
    model: str
    champion: Champion | None = None
    previous: Champion | None = None
    """The champion before, warm while the rollout that replaced it is watched."""
    rollout: str | None = None
    """The rollout that holds the endpoint."""
    waiting: int | None = None
    """The newest version approved meanwhile."""
    behind: tuple[int, ...] = ()
    """Older ones, newest first: they have their turn if what is before them comes to nothing."""

    @property
    def key(self) -> str:
        return self.model

    @property
    def line(self) -> tuple[int, ...]:
        """Who waits, newest first."""
        return () if self.waiting is None else (self.waiting, *self.behind)

    def lined_up(self, version: int) -> Self:
        """With a version in the line; the oldest of a long one are let go."""
        return self._with_line({version, *self.line})

    def let_go(self, version: int) -> Self:
        """Without a version in the line."""
        return self._with_line(set(self.line) - {version})

    def _with_line(self, versions: set[int]) -> Self:
        """Only versions newer than the champion have a turn to come."""
        if self.champion is not None:
            versions = {v for v in versions if v > self.champion.version}
        line = sorted(versions, reverse=True)[:LONGEST_LINE]
        return self.changed(waiting=line[0] if line else None, behind=tuple(line[1:]))


class RolloutRecord(Stateful[RolloutState, RolloutNews]):
    """One version's way to all traffic, or back."""

    kind: ClassVar[str] = "ROLLOUT"
    machine = ROLLOUT
    rollout: str
    model: str
    version: int
    run: str
    definition: Definition
    challenger: Champion
    champion: Champion | None
    config: str
    """The endpoint configuration that holds the challenger, perhaps beside the champion."""
    returns_to: str = ""
    """The configuration of the champion alone, where the challenger takes its place."""
    count: int = 1
    """Instances of each variant."""
    scaling: tuple[Scaling, ...] = ()
    """How variants were scaled before the update, until they are again."""
    tried: tuple[str, ...] = ()
    """Those of other instance types, for which there was no room."""
    before: str | None = None
    """The configuration that the endpoint had; empty for no endpoint, None where nobody knows."""
    made_at: datetime | None = None
    """When the endpoint was made that holds both: another one's time is another endpoint's."""
    instance: int = 0
    """Which of `[serving] instances` is asked for."""
    placed: bool = False
    """Whether SageMaker took the update to that configuration."""
    state: RolloutState = RolloutState.PROVISIONING
    step: int = -1
    """Index into the definition's steps; -1 before the first."""
    weight: int = 0
    """Percent of traffic on the challenger that was asked for last."""
    holds: int = 0
    """How often the present step's bake was begun again; with the step it tells bakes apart."""
    started_at: datetime
    step_since: datetime
    traffic_since: datetime | None = None
    """When the challenger was first given traffic; None before."""
    back_since: datetime | None = None
    """Since when its traffic is being moved back."""
    restores: int = 0
    """How often the champion was placed alone, because the endpoint was stranded."""
    paged: tuple[Reason, ...] = ()
    """For what a person was paged: once for each."""
    ended_at: datetime | None = None
    reason: Reason | None = None
    """Why the traffic is (or was) wanted back; from then on nothing else moves it."""
    message: str = ""

    @property
    def key(self) -> str:
        return self.rollout

    def paging(self, reason: Reason, message: str) -> Self:
        """With a page to a person, unless there was one for this reason."""
        if reason in self.paged:
            return self
        page = PersonPaged(model=self.model, about=self.rollout, reason=reason, message=message)
        return self.changed(paged=(*self.paged, reason)).saying(page)

    @property
    def alone(self) -> bool:
        """Whether it watches over a first version: there is nobody to give the traffic back to."""
        return self.state is RolloutState.WATCHING and self.champion is None

    @property
    def replaces(self) -> bool:
        """Whether the challenger takes the champion's place instead of one beside it."""
        return self.champion is not None and self.champion.variant == self.challenger.variant


RECORDS: tuple[type[Record], ...] = (DropRecord, RunRecord, EndpointRecord, RolloutRecord)
"""Every kind of record that has a way to go; allowances (their own module) only count."""

R = TypeVar("R", bound=Record)


def next_revisions(
    records: tuple[R, ...], notes: tuple[Evidence, ...], witness: Witness
) -> tuple[tuple[R, ...], tuple[Entry, ...]]:
    """The records as they are to be written, and the lines of evidence to be written with them.

    Raises LedgerError for a note on a record that is not written with it.
    """
    known = {(record.kind, record.key) for record in records}
    for note in notes:
        if (note.kind, note.key) not in known:
            raise LedgerError(f"evidence on {note.kind} {note.key}, which is not written with it")
    after: list[R] = []
    lines: list[Entry] = []
    for record in records:
        subject = record.subject
        mine = [n for n in notes if (n.kind, n.key) == (subject.kind, subject.key)]
        chain, entries = appended(record.chain, subject, mine, witness)
        after.append(record.model_copy(update={"revision": record.revision + 1, "chain": chain}))
        lines += entries
    return tuple(after), tuple(lines)
