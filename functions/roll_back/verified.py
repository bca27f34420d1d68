"""The endpoint is brought where it must be and seen to be there, or it is said that it is not."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from functions.aws.endpoints import EndpointBusyError, Endpoints
from functions.aws.objects import Objects
from functions.ledger import Champion
from functions.names import VARIANTS
from functions.places import Places

_WITHIN = 40.0
"""Seconds in which it must be seen, well under Lambda's timeout; then Lambda tries again."""
_PAUSE = 0.1
_AT_WORK = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"})
"""Statuses in which SageMaker takes no other weights."""


class NotVerifiedError(RuntimeError):
    """The endpoint was asked to be somewhere and is not (yet) seen to be there: come again."""


@dataclass(frozen=True)
class Verified:
    """Changes of an endpoint that count only when they are read back."""

    endpoints: Endpoints
    objects: Objects
    places: Places
    pause: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    """Seconds, from wherever."""

    def returned(self, model: str, champion: Champion) -> str:
        """All traffic to the champion, read back and probed; how that was seen."""
        self._until(
            lambda: self._has_all(model, champion),
            lacking=f"{model}: the traffic is not seen to be on {champion.variant}",
        )
        return self._probed(model, champion)

    def removed(self, model: str, config: str) -> str:
        """No endpoint with this configuration any more; one with another is not ours to touch."""
        self._until(
            lambda: self._is_gone(model, config),
            lacking=f"{model}: the endpoint with {config} is not seen to be gone",
        )
        return f"there was no champion to return to; read back: no endpoint with {config} is left"

    def _until(self, seen: Callable[[], bool], *, lacking: str) -> None:
        end = self.clock() + _WITHIN
        while not seen():
            if self.clock() >= end:
                raise NotVerifiedError(lacking)
            self.pause(_PAUSE)

    def _has_all(self, model: str, champion: Champion) -> bool:
        view = self.endpoints.view(model)
        if view is None:
            raise NotVerifiedError(f"{model}: the endpoint is gone")
        if view.in_service and view.weights.get(champion.variant) == 100:
            return True
        if view.status not in _AT_WORK:
            others = {v: 0 for v in VARIANTS if v in view.weights}
            self._ask(lambda: self.endpoints.shift(model, {**others, champion.variant: 100}))
        return False

    def _is_gone(self, model: str, config: str) -> bool:
        view = self.endpoints.view(model)
        if view is None or view.status == "Deleting" or view.config != config:
            return True
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
