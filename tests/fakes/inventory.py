"""What SageMaker lists, in memory: the jobs and endpoints of the fakes, and what a test adds."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from functions.aws.inventory import Inventory
from functions.jobs import JobStatus
from functions.names import Names
from functions.orphans import Found, Kind
from tests.builders import NOON
from tests.fakes.calls import Calls
from tests.fakes.endpoints import FakeEndpoints
from tests.fakes.jobs import FakeJobs


@dataclass
class FakeInventory(Inventory):
    """One stage's things."""

    names: Names
    jobs: FakeJobs
    endpoints: FakeEndpoints
    calls: Calls
    kept: list[Found] = field(default_factory=list)
    """Configurations and models that a test says there are."""
    removed: list[str] = field(default_factory=list)

    def running(self) -> Iterator[Found]:
        with self.calls.one("inventory.running"):
            for name in self.jobs.running():
                training = name in self.jobs.trainings
                yield Found(Kind.TRAINING if training else Kind.EVALUATION, name, NOON)
            for model in [m for m, e in self.endpoints.endpoints.items() if not e.deleting]:
                yield Found(Kind.ENDPOINT, self.names.endpoint(model), NOON)

    def made_since(self, since: datetime) -> Iterator[Found]:
        with self.calls.one("inventory.made_since"):
            yield from [found for found in self.kept if found.made > since]

    def remove(self, found: Found) -> None:
        with self.calls.one("inventory.remove"):
            self.removed.append(found.name)
            self.kept = [each for each in self.kept if each.name != found.name]
            if found.name in self.jobs.running():
                self.jobs.end(found.name, JobStatus.STOPPED)
