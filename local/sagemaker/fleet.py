"""The machines of one endpoint configuration: every variant's processes, and the way in."""

import itertools
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Condition
from typing import Any
from uuid import uuid4

from local.images import ImageError
from local.sagemaker.container import Container
from local.sagemaker.files import FilesError, S3Files
from local.sagemaker.instance import Instance
from local.sagemaker.parts import Parts

_MOST_PROCESSES = 2
"""Processes per variant, however many instances are asked for: this is one machine."""
_STARTUP = 240.0
_DRAIN = 60.0


class FleetError(RuntimeError):
    """The fleet could not be brought into service; the message is a FailureReason."""


@dataclass
class Variant:
    """One variant of a fleet."""

    name: str
    settings: Mapping[str, Any]
    container: Mapping[str, Any]
    weight: float
    count: int
    instances: list[Instance] = field(default_factory=list)
    turn: Callable[[], int] = field(default_factory=lambda: itertools.count().__next__)

    def pick(self) -> Instance | None:
        """The next living instance, in turn."""
        living = [instance for instance in self.instances if instance.alive]
        return living[self.turn() % len(living)] if living else None

    def described(self) -> dict[str, Any]:
        return {
            "VariantName": self.name,
            "DeployedImages": [
                {
                    "SpecifiedImage": self.container["Image"],
                    "ResolvedImage": self.container["Image"],
                }
            ],
            "CurrentWeight": self.weight,
            "DesiredWeight": self.weight,
            "CurrentInstanceCount": self.count,
            "DesiredInstanceCount": self.count,
        }


class Fleet:
    """Starts whole or not at all; ends when nobody is being answered any more."""

    def __init__(self, parts: Parts, endpoint: str, config: str, variants: list[Variant]) -> None:
        self.config = config
        self.variants = {variant.name: variant for variant in variants}
        self._parts = parts
        self._endpoint = endpoint
        self._files = S3Files(parts.account.client("s3"))
        self._busy = 0
        self._idle = Condition()

    def start(self) -> None:
        """Every variant's processes, healthy; raises FleetError and leaves nothing behind."""
        try:
            for variant in self.variants.values():
                variant.instances = [
                    self._instance(variant) for _ in range(min(variant.count, _MOST_PROCESSES))
                ]
            for variant in self.variants.values():
                self._await(variant)
        except (FilesError, ImageError) as error:
            self.kill()
            raise FleetError(str(error)) from error
        except FleetError:
            self.kill()
            raise

    def choose(self, target: str | None) -> Variant | None:
        """The named variant, or one by weight; None when there is none to choose."""
        if target is not None:
            return self.variants.get(target)
        weights = [variant.weight for variant in self.variants.values()]
        if not any(weights):
            return None
        return random.choices(list(self.variants.values()), weights)[0]

    @contextmanager
    def answering(self) -> Iterator[None]:
        """While somebody is being answered the fleet is not taken away."""
        with self._idle:
            self._busy += 1
        try:
            yield
        finally:
            with self._idle:
                self._busy -= 1
                self._idle.notify_all()

    def retire(self) -> None:
        """Wait for the last answers, then stop every process."""
        with self._idle:
            self._idle.wait_for(lambda: self._busy == 0, _DRAIN)
        for variant in self.variants.values():
            for instance in variant.instances:
                instance.stop()

    def kill(self) -> None:
        for variant in self.variants.values():
            for instance in variant.instances:
                instance.kill()

    def mend(self) -> None:
        """Replace processes that died by themselves."""
        for variant in self.variants.values():
            for i, instance in enumerate(variant.instances):
                if not instance.alive:
                    variant.instances[i] = self._instance(variant)

    def _await(self, variant: Variant) -> None:
        asked = variant.settings.get("ContainerStartupHealthCheckTimeoutInSeconds", _STARTUP)
        for instance in variant.instances:
            trouble = instance.wait_until_healthy(asked)
            if trouble is not None:
                raise FleetError(
                    f"The primary container for production variant {variant.name} did not pass"
                    f" the ping health check: {trouble}. Please check CloudWatch logs for this"
                    " endpoint."
                )

    def _instance(self, variant: Variant) -> Instance:
        number = f"i-{uuid4().hex[:17]}"
        base = self._parts.state / "endpoints" / self._endpoint / number / "opt" / "ml"
        container = Container(base)
        folder = container.folder("/opt/ml/model")
        if variant.container.get("ModelDataUrl"):
            self._files.fetch_archive(variant.container["ModelDataUrl"], folder)
        own = {
            "SAGEMAKER_REGION": self._parts.account.region,
            **variant.container.get("Environment", {}),
        }
        isolated = bool(variant.container.get("isolated"))
        environment = self._parts.environment(isolated=isolated) | container.environment(own)
        group = f"/aws/sagemaker/Endpoints/{self._endpoint}"
        stream = f"{variant.name}/{number}"
        return Instance(
            number,
            container.words(self._parts.images.command(variant.container["Image"])),
            environment=environment,
            cwd=Path.cwd(),
            line=lambda line: self._parts.logs.write(group, stream, [line]),
        )
