"""Scalable targets in memory."""

from functions.aws.scaling import ScalableTargets
from functions.scaling import Scaling
from tests.fakes.calls import Calls


class FakeScaling(ScalableTargets):
    """Variants of the one model, by name."""

    def __init__(self, calls: Calls | None = None) -> None:
        self.calls = calls or Calls()
        self.targets: dict[str, Scaling] = {}

    def of(self, model: str) -> tuple[Scaling, ...]:
        with self.calls.one("scaling.of"):
            return tuple(self.targets.values())

    def take_off(self, model: str, variant: str) -> None:
        with self.calls.one("scaling.take_off"):
            self.targets.pop(variant, None)

    def put_on(self, model: str, scaling: Scaling) -> str:
        with self.calls.one("scaling.put_on"):
            self.targets[scaling.variant] = scaling
            return ""
