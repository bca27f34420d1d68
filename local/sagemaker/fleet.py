"""The machines of one endpoint configuration: every variant's processes, and the way in."""

import logging
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Condition, Lock
from typing import Any, NamedTuple
from uuid import uuid4

from local.images import ImageError
from local.sagemaker.capture import Capture
from local.sagemaker.container import Container
from local.sagemaker.files import FilesError, S3Files
from local.sagemaker.instance import Instance
from local.sagemaker.parts import Parts
from local.sagemaker.variant import Variant

log = logging.getLogger("local.sagemaker")
_STARTUP = 240.0
_DRAIN = 60.0
FEATURES = ("AsyncInferenceConfig", "DataCaptureConfig")


class FleetError(RuntimeError):
    """The fleet could not be brought into service; the message is a FailureReason."""


class Entered(NamedTuple):
    """Who answers a request: an instance of a variant of a fleet, none where none lives."""

    fleet: "Fleet"
    variant: Variant
    instance: Instance | None


class Fleet:
    """Starts whole or not at all; ends when nobody is being answered any more.

    One lock guards who belongs to it; once `retired` it starts no process any more. A process
    gets traffic when it is healthy, never before.
    """

    def __init__(
        self,
        parts: Parts,
        endpoint: str,
        config: str,
        variants: list[Variant],
        features: Mapping[str, Any] | None = None,
    ) -> None:
        self.config = config
        self.variants = {variant.name: variant for variant in variants}
        self.production = tuple(variant for variant in variants if not variant.shadow)
        self.shadow = next((variant for variant in variants if variant.shadow), None)
        self.features = dict(features or {})
        """Of its configuration, what is not about single variants: `FEATURES`."""
        self.capture = Capture.of(self.features.get("DataCaptureConfig"))
        self.retired = False
        self._parts = parts
        self._endpoint = endpoint
        self._files = S3Files(parts.account.client("s3"))
        self._changed = Condition()
        self._busy: Counter[Instance | None] = Counter()
        self._living: list[Instance] = []
        self._changing = Lock()

    def kept(self) -> dict[str, Any]:
        """All that it takes to make it again."""
        return {
            "config": self.config,
            "variants": [variant.kept() for variant in self.variants.values()],
            "features": self.features,
        }

    @property
    def asynchronous(self) -> Mapping[str, Any] | None:
        """The AsyncInferenceConfig of a fleet that answers from a queue, and only so."""
        return self.features.get("AsyncInferenceConfig")

    @property
    def living(self) -> int:
        """How many processes of production variants run."""
        return sum(each.alive for variant in self.production for each in variant.instances)

    def capture_as(self, other: "Fleet") -> None:
        """Capture what another fleet captures."""
        config = other.features.get("DataCaptureConfig")
        self.features.pop("DataCaptureConfig", None)
        self.features |= {} if config is None else {"DataCaptureConfig": config}
        self.capture = Capture.of(config)

    def start(self) -> None:
        """Every variant's processes, healthy; raises FleetError and leaves nothing behind."""
        try:
            launched = [
                (variant, self._launch(variant))
                for variant in self.variants.values()
                for _ in range(variant.processes)
            ]
            for variant, instance in launched:
                self._add(variant, self._healthy(variant, instance))
        except FleetError:
            self.kill()
            raise

    def choose(self, target: str | None) -> Variant | None:
        """The named production variant, or one by weight; None when there is none to choose."""
        if target is not None:
            return next((each for each in self.production if each.name == target), None)
        weights = [variant.weight for variant in self.production]
        if not any(weights):
            return None
        return random.choices(self.production, weights)[0]

    @contextmanager
    def answering(self, variant: Variant) -> Iterator[Instance | None]:
        """Who is to answer: neither it nor the fleet is taken away meanwhile."""
        with self._changed:
            instance = variant.pick()
            self._busy[instance] += 1
        try:
            yield instance
        finally:
            with self._changed:
                self._busy[instance] -= 1
                self._busy += Counter()  # forgets who has nobody left to answer
                self._changed.notify_all()

    def retire(self) -> None:
        """Wait for the last answers, then stop every process."""
        with self._changed:
            self.retired = True
            self._changed.wait_for(lambda: not self._busy, _DRAIN)
            living = list(self._living)
        for instance in living:
            self._take_away(instance, instance.stop)

    def kill(self) -> None:
        with self._changed:
            self.retired = True
            living = list(self._living)
        for instance in living:
            self._take_away(instance, instance.kill)

    def strike(self) -> bool:
        """One of its processes dies, as by itself; whether there was any."""
        variants = self.variants.values()
        living = [each for variant in variants for each in variant.instances if each.alive]
        for instance in living[:1]:
            instance.kill()
        return bool(living)

    def mend(self) -> None:
        """Replace processes that died by themselves; nothing while it is being changed already."""
        if not self._changing.acquire(blocking=False):
            return
        try:
            for variant in self.variants.values():
                for dead in [each for each in variant.instances if not each.alive]:
                    self._replace(variant, dead)
                self._fill(variant)
        except FleetError as error:  # tried again at the next look
            log.warning("endpoint %s: %s", self._endpoint, error)
        finally:
            self._changing.release()

    def resize(self) -> None:
        """Bring each variant to the number of processes it is to have; raises FleetError."""
        with self._changing:
            for variant in self.variants.values():
                self._fill(variant)
                self._shrink(variant, variant.processes)

    def _fill(self, variant: Variant) -> None:
        while len(variant.instances) < variant.processes:
            self._add(variant, self._healthy(variant, self._launch(variant)))

    def _shrink(self, variant: Variant, count: int) -> None:
        with self._changed:
            surplus = variant.instances[count:]
            variant.instances = variant.instances[:count]
            self._changed.wait_for(lambda: not any(self._busy[i] for i in surplus), _DRAIN)
        for instance in surplus:
            self._take_away(instance, instance.stop)

    def _replace(self, variant: Variant, dead: Instance) -> None:
        fresh = self._healthy(variant, self._launch(variant))
        with self._changed:
            self._unless_retired()
            variant.instances = tuple(fresh if each is dead else each for each in variant.instances)
        self._take_away(dead, dead.kill)

    def _add(self, variant: Variant, instance: Instance) -> None:
        with self._changed:
            self._unless_retired()
            variant.instances = (*variant.instances, instance)

    def _unless_retired(self) -> None:
        """Whoever retires a fleet ends what is starting as well."""
        if self.retired:
            raise FleetError("The endpoint was taken away while a container was starting.")

    def _take_away(self, instance: Instance, end: Callable[[], None]) -> None:
        end()
        with self._changed:
            if instance in self._living:
                self._living.remove(instance)

    def _healthy(self, variant: Variant, instance: Instance) -> Instance:
        """The instance once it is healthy, or a second one if another program took its port."""
        limit = variant.settings.get("ContainerStartupHealthCheckTimeoutInSeconds", _STARTUP)
        trouble = instance.wait_until_healthy(limit)
        if trouble is not None and instance.lost_its_port:
            self._take_away(instance, instance.kill)
            instance = self._launch(variant)
            trouble = instance.wait_until_healthy(limit)
        if trouble is not None:
            self._take_away(instance, instance.kill)
            raise FleetError(
                f"The primary container for production variant {variant.name} did not pass"
                f" the ping health check: {trouble}. Please check CloudWatch logs for this"
                " endpoint."
            )
        return instance

    def _launch(self, variant: Variant) -> Instance:
        """A new process, started under the fleet's eyes; raises FleetError."""
        number = f"i-{uuid4().hex[:17]}"
        container = Container(self._parts.state / "endpoints" / self._endpoint / number / "opt/ml")
        place = container.base.parents[1]
        try:
            folder = container.folder("/opt/ml/model")
            if variant.container.get("ModelDataUrl"):
                self._files.fetch_archive(variant.container["ModelDataUrl"], folder)
            with self._changed:
                self._unless_retired()
                instance = self._instance(variant, number, container)
                self._living.append(instance)
        except (FilesError, ImageError) as error:
            shutil.rmtree(place, ignore_errors=True)
            raise FleetError(str(error)) from error
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise
        return instance

    def _instance(self, variant: Variant, number: str, container: Container) -> Instance:
        own = {
            "SAGEMAKER_REGION": self._parts.account.region,
            **variant.container.get("Environment", {}),
        }
        isolated = bool(variant.container.get("isolated"))
        group = f"/aws/sagemaker/Endpoints/{self._endpoint}"
        stream = f"{variant.name}/{number}"
        return Instance(
            number,
            container.words(self._parts.images.command(variant.container["Image"])),
            environment=self._parts.environment(isolated=isolated) | container.environment(own),
            folder=container.base.parents[1],
            line=lambda line: self._parts.logs.write(group, stream, [line]),
        )
