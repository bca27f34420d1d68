"""SageMaker endpoints in memory: every change takes until `settle`, and can come to nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from events.foreign import EndpointChanged, status_spellings
from functions.aws.endpoints import EndpointBusyError, Endpoints
from functions.aws.refusals import MissingError, NoRoomError, RefusedError
from functions.endpoint import (
    ANY_ANSWER,
    EndpointView,
    Expected,
    Guard,
    Hardware,
    Placement,
    Probe,
    Standing,
)
from functions.names import Names
from tests.fakes.bus import FakeBus
from tests.fakes.calls import Calls

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@dataclass(frozen=True)
class _Fleet:
    config: str
    versions: Mapping[str, int]
    weights: Mapping[str, int]
    counts: Mapping[str, int] = field(default_factory=dict)
    guard: Guard | None = None
    """Under which it came, or comes."""


@dataclass
class _Endpoint:
    now: _Fleet | None = None
    then: _Fleet | None = None
    """What it is on its way to."""
    asked: str = ""
    """The configuration that was asked for last."""
    failure: str = ""
    deleting: bool = False
    stranded: bool = False
    """Whether it can neither go on nor back: only another fleet helps."""
    made: datetime = NOON
    history: list[dict[int, int]] = field(default_factory=list)
    """Percent of traffic by version, each time it changed."""


def told(endpoint: str, view: EndpointView) -> tuple[type[EndpointChanged], dict[str, str]]:
    """SageMaker's event about an endpoint as it is now."""
    return EndpointChanged, {
        "EndpointName": endpoint,
        "EndpointStatus": status_spellings(view.status)[1],
        "EndpointConfigName": view.config,
    }


class FakeEndpoints(Endpoints):
    """The endpoint of each model."""

    def __init__(self, names: Names, bus: FakeBus, calls: Calls | None = None) -> None:
        self._names = names
        self.calls = calls or Calls()
        self.bus = bus
        self.endpoints: dict[str, _Endpoint] = {}
        self.updates = 0
        """How many new fleets were asked for."""
        self.broken: set[int] = set()
        """Versions that do not answer a probe."""
        self.hurries = True
        """Whether anything that was asked for ever comes to its end."""
        self.shifts = 0
        """How often other weights were asked for."""
        self.made = 0
        """How many endpoints were made."""
        self.deleted: set[str] = set()
        """Configurations that somebody deleted."""
        self.lacking: str = ""
        """What is missing of the models; empty when nothing is."""
        self.full = False
        self.missing: frozenset[str] = frozenset()
        """Instance types of which there are none now."""
        self.refuses = ""

    def view(self, model: str) -> EndpointView | None:
        with self.calls.one("endpoints.view"):
            return self._view(model)

    def place(
        self,
        model: str,
        placements: Sequence[Placement],
        hardware: Hardware,
        guard: Guard | None = None,
    ) -> str:
        with self.calls.one("endpoints.place"):
            config = self.config_name(model, placements, fallback=hardware.fallback)
            if self.refuses:
                raise RefusedError(f"{model}: {self.refuses}")
            if self.lacking:
                raise MissingError(f"{model}: {self.lacking}")
            if self.full or hardware.instance in self.missing:
                raise NoRoomError(f"{model}: no instances left")
            self._come(model, config, placements, guard)
            return config

    def restore(self, model: str, standing: Standing) -> None:
        with self.calls.one("endpoints.restore"):
            if self.lacking:
                raise MissingError(f"{model}: {self.lacking}")
            if self.full or standing.instance in self.missing:
                raise NoRoomError(f"{model}: no instances left")
            self._come(model, standing.config, standing.placements)

    def _come(
        self,
        model: str,
        config: str,
        placements: Sequence[Placement],
        guard: Guard | None = None,
    ) -> None:
        if model not in self.endpoints:
            self.made += 1
            self.endpoints[model] = _Endpoint(made=NOON + timedelta(seconds=self.made))
        endpoint = self.endpoints[model]
        if endpoint.deleting:
            raise EndpointBusyError(f"{model}: is being deleted")
        self.deleted.discard(config)
        fleet = _Fleet(
            config=config,
            versions={p.variant: p.version for p in placements},
            weights={p.variant: p.weight for p in placements},
            counts={p.variant: p.count for p in placements},
            guard=guard,
        )
        if endpoint.now is None or endpoint.now.config != config:
            self._update(model, fleet)
            self.updates += 1

    def shift(
        self, model: str, weights: Mapping[str, int], standing: Standing | None = None
    ) -> bool:
        with self.calls.one("endpoints.shift"):
            endpoint = self.endpoints[model]
            now = endpoint.now
            self.shifts += 1
            if now is None:
                raise EndpointBusyError(f"{model}: is being made")
            if endpoint.stranded or not weights.keys() <= now.weights.keys():
                raise RefusedError(f"{model}: {weights} cannot be had")
            gone = now.config in self.deleted
            if gone and self.lacking:
                raise MissingError(f"{model}: {self.lacking}")
            self._update(model, replace(now, weights={**now.weights, **weights}))
            self.deleted.discard(standing.config if standing else "")
            return gone

    def remove(self, model: str) -> None:
        with self.calls.one("endpoints.remove"):
            endpoint = self.endpoints.get(model)
            if endpoint is None:
                return
            if endpoint.then is not None:
                raise EndpointBusyError(f"{model}: Cannot delete in-progress endpoint")
            endpoint.deleting = True

    def probe(
        self,
        model: str,
        *,
        variant: str,
        instances: Sequence[object],
        expected: Expected = ANY_ANSWER,
    ) -> Probe:
        with self.calls.one("endpoints.probe"):
            endpoint = self.endpoints.get(model)
            now = endpoint.now if endpoint else None
            version = now.versions.get(variant) if now else None
            if version is None or version in self.broken:
                return Probe(variant=variant, ok=False, version=None, message="no answer")
            return Probe(variant=variant, ok=True, version=version)

    def settle(self, model: str) -> None:
        """What was asked for is there now; SageMaker says so, in its events' spelling."""
        endpoint = self.endpoints.get(model)
        if not self.hurries:
            return
        if endpoint is not None and endpoint.deleting:
            del self.endpoints[model]
            return
        if endpoint is None or endpoint.then is None:
            return
        endpoint.now, endpoint.then, endpoint.failure = endpoint.then, None, ""
        endpoint.history.append(self.shares(model))
        self.tell(model)

    def give_up(self, model: str, failure: str = "") -> None:
        """SageMaker goes back to what was before, as it does: with or without a word."""
        endpoint = self.endpoints[model]
        endpoint.then, endpoint.failure = None, failure
        self.tell(model)

    def strand(self, model: str) -> None:
        """SageMaker can neither finish an update nor take it back."""
        endpoint = self.endpoints[model]
        endpoint.then, endpoint.failure, endpoint.stranded = None, "two fleets are left", True
        self.tell(model)

    def weigh_by_hand(self, model: str, weights: Mapping[str, int]) -> None:
        """Somebody sets other weights in the console."""
        endpoint = self.endpoints[model]
        assert endpoint.now is not None
        endpoint.now = replace(endpoint.now, weights=weights)
        self.tell(model)

    def configure_by_hand(self, model: str, config: str, versions: Mapping[str, int]) -> None:
        """Somebody brings another configuration to the endpoint."""
        weights = dict.fromkeys(versions, 100 // len(versions))
        self.endpoints[model].now = _Fleet(config, versions, weights)
        self.tell(model)

    def make_by_hand(self, model: str) -> None:
        """Somebody deletes the endpoint, and makes it again with the same configuration."""
        self.made += 1
        self.endpoints[model].made = NOON + timedelta(seconds=self.made)
        self.tell(model)

    def delete_by_hand(self, model: str) -> None:
        """Somebody deletes the endpoint."""
        del self.endpoints[model]

    def shares(self, model: str) -> dict[int, int]:
        """Percent of traffic by version, as in effect."""
        now = self.endpoints[model].now
        total = sum(now.weights.values()) if now else 0
        if now is None or total == 0:
            return {}
        return {v: round(100 * now.weights[where] / total) for where, v in now.versions.items()}

    def tell(self, model: str) -> None:
        """SageMaker's event about an endpoint as it is now."""
        view = self._view(model)
        if view is not None:
            self.bus.happens(*told(self._names.endpoint(model), view))

    def _update(self, model: str, fleet: _Fleet) -> None:
        endpoint = self.endpoints[model]
        if endpoint.then is not None:
            raise EndpointBusyError(f"{model}: Cannot update in-progress endpoint")
        endpoint.then, endpoint.asked, endpoint.stranded = fleet, fleet.config, False

    def _view(self, model: str) -> EndpointView | None:
        endpoint = self.endpoints.get(model)
        if endpoint is None:
            return None
        if endpoint.deleting:
            return EndpointView("Deleting", endpoint.asked, {})
        shown = endpoint.now or endpoint.then
        if shown is None:
            return EndpointView("Failed", endpoint.asked, {}, endpoint.failure)
        total = sum(shown.weights.values())
        status = "InService" if endpoint.then is None else "Updating"
        status = "UpdateRollbackFailed" if endpoint.stranded else status
        return EndpointView(
            status=status if endpoint.now is not None else "Creating",
            config=shown.config,
            weights={v: round(100 * w / total) for v, w in shown.weights.items()},
            failure=endpoint.failure,
            counts=dict(shown.counts),
            made=endpoint.made,
        )
