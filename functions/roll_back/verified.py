"""The endpoint is brought where it must be and seen to be there, or it is said that it is not."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from functions.aws.endpoints import EndpointBusyError, Endpoints
from functions.aws.objects import Objects
from functions.endpoint import EndpointView
from functions.ledger import Champion, RolloutRecord
from functions.names import VARIANTS
from functions.places import Places

_WITHIN = 40.0
"""Seconds in which it must be seen, well under Lambda's timeout; then Lambda tries again."""
_PAUSE = 0.1
_AT_WORK = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"})
"""Statuses in which SageMaker takes no other weights."""


class NotVerifiedError(RuntimeError):
    """The endpoint is at rest and not where it was asked to be: come again, and tell people."""


class StillAtWorkError(RuntimeError):
    """SageMaker has not finished what it does to the endpoint: it is asked again later."""


@dataclass(frozen=True)
class Verified:
    """Changes of an endpoint that count only when they are read back."""

    endpoints: Endpoints
    objects: Objects
    places: Places
    pause: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    """Seconds, from wherever."""

    def returned(self, rollout: RolloutRecord, champion: Champion) -> str:
        """All traffic to the champion, read back and probed; how that was seen."""
        model = rollout.model
        view = self._until(
            model,
            lambda view: self._has_all(view, rollout, champion),
            lacking=f"{model}: the traffic is not seen to be on {champion.variant}",
        )
        if view is None:
            return "the endpoint is gone; the next rollout makes it anew"
        return self._probed(model, champion)

    def removed(self, model: str, config: str) -> str:
        """No endpoint with this configuration any more; one with another is not ours to touch."""
        self._until(
            model,
            lambda view: self._is_gone(view, model, config),
            lacking=f"{model}: the endpoint with {config} is not seen to be gone",
        )
        return f"there was no champion to return to; read back: no endpoint with {config} is left"

    def _until(
        self, model: str, seen: Callable[[EndpointView | None], bool], *, lacking: str
    ) -> EndpointView | None:
        """The endpoint as it was when it was seen to be right."""
        end = self.clock() + _WITHIN
        while not seen(view := self.endpoints.view(model)):
            if self.clock() >= end:
                busy = view is not None and view.status in _AT_WORK
                raise (StillAtWorkError if busy else NotVerifiedError)(lacking)
            self.pause(_PAUSE)
        return view

    def _has_all(
        self, view: EndpointView | None, rollout: RolloutRecord, champion: Champion
    ) -> bool:
        """Whose place was taken is told from its challenger by the configuration alone."""
        if view is None:
            return True
        taken = bool(rollout.returns_to) and view.config == rollout.config
        all_there = view.weights.get(champion.variant) == 100
        if view.in_service and not view.pending and all_there and not taken:
            return True
        if view.status not in _AT_WORK and not view.pending:
            self._ask(lambda: self._change(view, rollout, champion))
        return False

    def _change(self, view: EndpointView, rollout: RolloutRecord, champion: Champion) -> None:
        """A new fleet for who has none left, or weights for who still stands there."""
        if rollout.returns_to:
            self.endpoints.go_back(rollout.model, rollout.returns_to)
            return
        others = {v: 0 for v in VARIANTS if v in view.weights}
        self.endpoints.shift(rollout.model, {**others, champion.variant: 100})

    def _is_gone(self, view: EndpointView | None, model: str, config: str) -> bool:
        """An endpoint at work tells the configuration it leaves, not the one it goes to."""
        if view is None or view.status == "Deleting":
            return True
        if view.config != config:
            return view.status not in _AT_WORK
        self._ask(lambda: self.endpoints.remove(model))
        return False

    def _ask(self, change: Callable[[], None]) -> None:
        """Whether it took is seen at the next look."""
        try:
            change()
        except EndpointBusyError:
            return

    def _probed(self, model: str, champion: Champion) -> str:
        folder = self.places.dataset(model, champion.dataset)
        golden = self.objects.read_json(f"{folder}/probe.json") or {}
        probe = self.endpoints.probe(
            model, variant=champion.variant, instances=golden.get("instances", [])
        )
        if not probe.ok or probe.version != champion.version:
            raise NotVerifiedError(
                f"{model}: probe of version {champion.version}:"
                f" {probe.message or f'version {probe.version} answered'}"
            )
        return f"read back at 100 % and answered by version {probe.version}"
