"""The fakes with the simulation's dice and eyes in them."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any

from events.base import SOURCE, Event
from events.foreign import Foreign
from functions.endpoint import NO_TRAFFIC, EndpointView, Traffic
from functions.jobs import JobView
from functions.ledger import Record
from functions.registry import Version
from tests.builders import traffic
from tests.fakes.bus import Envelope, FakeBus, envelope
from tests.fakes.calls import Calls
from tests.fakes.endpoints import FakeEndpoints, _Fleet
from tests.fakes.jobs import FakeJobs
from tests.fakes.ledger import FakeLedger
from tests.fakes.registry import FakeRegistry
from tests.fakes.traffic import PLENTY, FakeTraffic, moved
from tests.simulation.chaos import AFTER, Chaos, Fault, applies, raised

Post = Callable[[Envelope, type[Foreign] | None], None]
NEW = timedelta(minutes=1)
"""How long what was just made may not be seen by everybody."""
FAILING = traffic(500, errors=150)


class ChaoticCalls(Calls):
    """Every call to the outside may be where something goes wrong."""

    def __init__(
        self,
        chaos: Chaos,
        between: Callable[[], None],
        state: Callable[[], str],
        clock: Callable[[], datetime],
    ) -> None:
        super().__init__()
        self.chaos = chaos
        self.clock = clock
        self._born: dict[object, datetime] = {}
        self.between = between
        self.state = state
        self.stale = False
        """Whether the present call does not see what was just made."""

    def one(self, name: str) -> AbstractContextManager[None]:
        fault = self.chaos.at_call(name)
        if fault is not None and not applies(fault, name):
            fault = None
        self.stale = fault is Fault.STALE
        return _Call(self, name, fault)

    def unseen(self, thing: object) -> bool:
        """Whether the present call does not see `thing`, because it is new or has just changed."""
        born = self._born.get(thing)
        return self.stale and born is not None and self.clock() - born < NEW

    def made_now(self, thing: object) -> None:
        """What may not be seen for a while."""
        self._born[thing] = self.clock()


@dataclass
class _Call(AbstractContextManager[None]):
    calls: ChaoticCalls
    name: str
    fault: Fault | None

    def __enter__(self) -> None:
        fault = self.fault
        if fault is None:
            return
        self.calls.chaos.strikes(fault, state=self.calls.state())
        if fault is Fault.INTERLEAVED:
            self.calls.between()
        elif fault is not Fault.STALE and fault not in AFTER:
            raise raised(fault, self.name)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None and self.fault in AFTER:
            raise raised(self.fault, self.name)


class TimedBus(FakeBus):
    """Hands each event to whoever decides when it arrives."""

    def __init__(
        self, calls: Calls, post: Callable[[Envelope, type[Foreign] | None], None]
    ) -> None:
        super().__init__(calls)
        self._post = post
        self._number = 0

    def happens(self, kind: type[Foreign], detail: dict[str, Any]) -> None:
        self._post(self._envelope(kind.source, kind.detail_types[0], detail), kind)

    def _enqueue(self, source: str, detail_type: str, detail: dict[str, Any]) -> None:
        self._post(self._envelope(source, detail_type, detail), None)

    def publish_by_hand(self, event: Event) -> None:
        """An event that no function says: a person's, or a schedule's."""
        self._enqueue(SOURCE, event.detail_type(), json.loads(event.detail()))

    def _envelope(self, source: str, detail_type: str, detail: dict[str, Any]) -> Envelope:
        self._number += 1
        return envelope(source, detail_type, detail, number=self._number)


class WatchedLedger(FakeLedger):
    """Tells of every record before and after it is written; keeps the values as they are."""

    watch: Callable[[Record | None, Record], None]

    def due(self, record: Record) -> datetime | None:
        """When the sweep would look at it."""
        return self._due(record)

    def _keep(self, record: Record) -> None:
        where = (record.kind, record.key)
        before = self.rows.get(where)
        self.rows[where] = record
        self.put_offs.pop(where, None)
        self.watch(before, record)


class WatchedEndpoints(FakeEndpoints):
    """Tells of every fleet that is asked for."""

    calls: "ChaoticCalls"
    watch: Callable[..., None]

    def view(self, model: str) -> EndpointView | None:
        seen = super().view(model)
        return None if self.calls.unseen(("endpoint", model)) else seen

    def _update(self, model: str, fleet: _Fleet) -> None:
        super()._update(model, fleet)
        self.calls.made_now(("endpoint", model))
        now = self.endpoints[model].now
        alone = len(fleet.versions) == 1
        self.watch(model, _by_version(now) if now else {}, _by_version(fleet), alone=alone)


class LateJobs(FakeJobs):
    """A job that was just made may not be seen yet."""

    calls: "ChaoticCalls"

    def training(self, name: str) -> JobView | None:
        seen = super().training(name)
        return None if self.calls.unseen(name) else seen

    def evaluation(self, name: str) -> JobView | None:
        seen = super().evaluation(name)
        return None if self.calls.unseen(name) else seen

    def _start(self, name: str) -> None:
        new = name not in self.views
        super()._start(name)
        if new:
            self.calls.made_now(name)


class WatchedRegistry(FakeRegistry):
    """Tells of every version that is new or was decided on."""

    calls: "ChaoticCalls"
    watch: Callable[..., None]

    def find(self, model: str, version: int) -> Version | None:
        seen = super().find(model, version)
        return None if self.calls.unseen((model, version)) else seen

    def _keep(self, version: Version, *, updated: Sequence[str] = ()) -> None:
        new = (version.model, version.version) not in self.versions
        if new:
            self.calls.made_now((version.model, version.version))
        super()._keep(version, updated=updated)
        self.watch(version, new=new)


def _by_version(fleet: _Fleet) -> dict[int, int]:
    return {fleet.versions[variant]: weight for variant, weight in fleet.weights.items()}


@dataclass
class LivingTraffic(FakeTraffic):
    """Traffic by the version that stands in a variant; some versions fail once they have any."""

    calls: Calls
    endpoints: FakeEndpoints
    bad: set[int] = field(default_factory=set)
    silent: Callable[[], bool] = lambda: False
    seen: dict[int, int] = field(default_factory=dict)
    """Requests of each version, as they were read last."""
    stood: list[tuple[datetime, Mapping[str, int]]] = field(default_factory=list)
    """Who stood in which variant, from when on."""

    def read(
        self,
        model: str,
        *,
        variant: str,
        since: datetime,
        until: datetime,
        slower_than: float | None = None,
    ) -> Traffic:
        with self.calls.one("traffic.read"):
            version = self._version(model, variant, until)
            told = FAILING if version in self.bad else PLENTY
            if self.silent():
                told = NO_TRAFFIC
            if version is not None:
                self.seen[version] = told.requests
            return moved(told, until)

    def _version(self, model: str, variant: str, until: datetime) -> int | None:
        """Who stood there at that time; variants are used again."""
        before = [versions for at, versions in self.stood if at <= until]
        if before:
            return before[-1].get(variant)
        endpoint = self.endpoints.endpoints.get(model)
        return endpoint.now.versions.get(variant) if endpoint and endpoint.now else None
