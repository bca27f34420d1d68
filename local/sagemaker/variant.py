"""One variant of a fleet: what it is made of, how much traffic it has and who answers it."""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from local.sagemaker.instance import Instance

MOST_PROCESSES = 2
"""Processes per variant, however many instances are asked for: this is one machine."""


@dataclass
class Variant:
    """`weight` and `count` are as they are now; `desired` is where an update brings them."""

    name: str
    settings: Mapping[str, Any]
    container: Mapping[str, Any]
    weight: float
    count: int
    desired: tuple[float, int] | None = None
    shadow: bool = False
    """Whether it is sent copies, and its answers are thrown away."""
    instances: tuple[Instance, ...] = ()
    turn: Callable[[], int] = field(default_factory=lambda: itertools.count().__next__)

    def kept(self) -> dict[str, Any]:
        """All that it takes to make it again."""
        return {
            "name": self.name,
            "settings": self.settings,
            "container": self.container,
            "weight": self.weight,
            "count": self.count,
            "desired": self.desired,
            "shadow": self.shadow,
        }

    @classmethod
    def from_kept(cls, kept: Mapping[str, Any]) -> Self:
        """A variant as it was, without its processes."""
        desired = kept["desired"]
        return cls(**{**kept, "desired": tuple(desired) if desired else None})

    @property
    def processes(self) -> int:
        """How many there are to be."""
        _, count = self.desired or (self.weight, self.count)
        return min(count, MOST_PROCESSES)

    def arrive(self) -> None:
        """What was desired is what is."""
        self.weight, self.count = self.desired or (self.weight, self.count)
        self.desired = None

    def pick(self) -> Instance | None:
        """The next living instance, in turn."""
        living = [instance for instance in self.instances if instance.alive]
        return living[self.turn() % len(living)] if living else None

    def pending(self) -> dict[str, Any]:
        """What is told of it while its fleet is on its way."""
        return {
            "VariantName": self.name,
            "DesiredWeight": self.weight,
            "DesiredInstanceCount": self.count,
        }

    def described(self) -> dict[str, Any]:
        weight, count = self.desired or (self.weight, self.count)
        return {
            "VariantName": self.name,
            "DeployedImages": [
                {
                    "SpecifiedImage": self.container["Image"],
                    "ResolvedImage": self.container["Image"],
                }
            ],
            "CurrentWeight": self.weight,
            "DesiredWeight": weight,
            "CurrentInstanceCount": self.count,
            "DesiredInstanceCount": count,
        }
