"""The endpoint is brought where it must be and seen to be there, or it is said that it is not."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from functions.aws.endpoints import EndpointBusyError, Endpoints
from functions.aws.objects import Objects
from functions.endpoint import EndpointView, Expected, Standing
from functions.ledger import Champion, RolloutRecord
from functions.names import VARIANTS
from functions.places import Places
from functions.standing import fallback, meddled, placed, placements, standing

_WITHIN = 40.0
"""Seconds in which it must be seen, well under Lambda's timeout; then Lambda tries again."""
_PAUSE = 0.1
_AT_WORK = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"})
"""Statuses in which SageMaker takes no other weights."""
_STRANDED = frozenset({"UpdateRollbackFailed", "Failed"})
"""Statuses in which it never will: the one takes another configuration, the other none at all."""


class NotVerifiedError(RuntimeError):
    """The endpoint is at rest and not where it was asked to be: come again, and tell people."""


class ForeignError(RuntimeError):
    """Somebody else changed the endpoint: it is not touched."""


class GoneError(RuntimeError):
    """There is no endpoint to give the traffic back on."""


class StrandedError(RuntimeError):
    """SageMaker can neither go on nor back: only another configuration or endpoint helps."""


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
        """All traffic to the champion, read back and probed; how that was seen.

        Raises GoneError, ForeignError and StrandedError where that cannot be.
        """
        model = rollout.model
        self._until(
            model,
            lambda view: self._has_all(view, rollout, champion),
            lacking=f"{model}: the traffic is not seen to be on {champion.variant}",
        )
        return self._probed(model, champion)

    def restore(self, rollout: RolloutRecord, champion: Champion) -> None:
        """Ask for the champion alone on the endpoint, which is stranded.

        Raises EndpointBusyError, NoRoomError and RefusedError where that is not taken.
        """
        self.endpoints.restore(rollout.model, self._alone(rollout, champion))

    def _alone(self, rollout: RolloutRecord, champion: Champion) -> Standing:
        on_it = (placed(champion, 100, rollout.count),)
        config = self.endpoints.config_name(
            rollout.model, on_it, fallback=fallback(rollout), again=rollout.restores
        )
        return standing(rollout, config, on_it)

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
        if view is None:
            raise GoneError("the endpoint is gone; the next rollout makes it anew")
        if view.status in _STRANDED:
            raise StrandedError(
                f"the endpoint is {view.status}: {view.failure or 'nobody says why'}"
            )
        if view.in_service:
            self._unless_foreign(view, rollout, champion)
        taken = rollout.replaces and view.config == rollout.config
        settled = view.in_service and not view.pending
        if settled and view.weights.get(champion.variant) == 100 and not taken:
            return True
        if view.status not in _AT_WORK and not view.pending:
            self._give_all(view, rollout, champion)
        return False

    def _unless_foreign(
        self, view: EndpointView, rollout: RolloutRecord, champion: Champion
    ) -> None:
        ours = rollout.restores > 0 and view.config == self._alone(rollout, champion).config
        why = None if ours else meddled(rollout, view)
        if why is not None:
            raise ForeignError(why)
        if champion.variant not in view.weights:
            raise ForeignError(f"{view.config} has no variant {champion.variant}")

    def _give_all(self, view: EndpointView, rollout: RolloutRecord, champion: Champion) -> None:
        """Weights for who still stands there; a new fleet for whose place was taken."""
        if rollout.returns_to:
            alone = (placed(champion, 100, rollout.count),)
            back = standing(rollout, rollout.returns_to, alone)
            self._ask(lambda: self.endpoints.restore(rollout.model, back))
            return
        weights = {v: 0 for v in VARIANTS if v in view.weights} | {champion.variant: 100}
        on_it = placements(champion, rollout.challenger, count=rollout.count)
        both = standing(rollout, rollout.config, on_it)
        self._ask(lambda: self.endpoints.shift(rollout.model, weights, both))

    def _is_gone(self, view: EndpointView | None, model: str, config: str) -> bool:
        """An endpoint at work tells the configuration it leaves, not the one it goes to."""
        if view is None or view.status == "Deleting":
            return True
        if view.config != config:
            return view.status not in _AT_WORK
        self._ask(lambda: self.endpoints.remove(model))
        return False

    def _ask(self, change: Callable[[], object]) -> None:
        """Whether it took is seen at the next look."""
        try:
            change()
        except EndpointBusyError:
            return

    def _probed(self, model: str, champion: Champion) -> str:
        folder = self.places.dataset(model, champion.dataset)
        golden = self.objects.read_json(f"{folder}/probe.json") or {}
        probe = self.endpoints.probe(
            model,
            variant=champion.variant,
            instances=golden.get("instances", []),
            expected=Expected(champion.model_digest),
        )
        if not probe.ok or probe.version != champion.version:
            raise NotVerifiedError(
                f"{model}: probe of version {champion.version}:"
                f" {probe.message or f'version {probe.version} answered'}"
            )
        return f"read back at 100 % and answered by version {probe.version}"
