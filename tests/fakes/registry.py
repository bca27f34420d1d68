"""The model registry in memory; like SageMaker's it tells of every edit."""

from collections.abc import Sequence
from dataclasses import replace

from events.foreign import ModelPackageChanged
from functions.aws.refusals import RefusedError
from functions.aws.registry import Registry
from functions.names import Names
from functions.registry import Approval, Candidate, Version
from tests.fakes.bus import FakeBus
from tests.fakes.calls import Calls


class FakeRegistry(Registry):
    """Versions by model and number."""

    def __init__(self, names: Names, bus: FakeBus, calls: Calls | None = None) -> None:
        self.calls = calls or Calls()
        self.names = names
        self.bus = bus
        self.versions: dict[tuple[str, int], Version] = {}
        self.refuses = ""
        """Why no version is ever accepted; empty when they are."""
        self.marketplace = False
        """Whether what is registered is a product of the AWS Marketplace."""
        self.numbers: dict[str, int] = {}
        """The last number given; one that was deleted is not given again."""

    def register(self, candidate: Candidate) -> int:
        with self.calls.one("registry.register"):
            if self.refuses:
                raise RefusedError(self.refuses)
            known = self._of_run(candidate.model, candidate.run, candidate.artifact)
            if known is not None:
                return known.version
            number = self.numbers[candidate.model] = 1 + self.numbers.get(candidate.model, 0)
            self._keep(
                Version(
                    model=candidate.model,
                    version=number,
                    approval=candidate.approval,
                    run=candidate.run,
                    dataset=candidate.dataset,
                    model_digest=candidate.model_digest,
                    artifact=candidate.artifact,
                    description=candidate.reason,
                    marketplace=self.marketplace,
                )
            )
            return number

    def find(self, model: str, version: int) -> Version | None:
        with self.calls.one("registry.find"):
            return self.versions.get((model, version))

    def by_run(self, model: str, run: str, *, artifact: str) -> Version | None:
        with self.calls.one("registry.by_run"):
            return self._of_run(model, run, artifact)

    def newest(self, model: str, *, limit: int) -> tuple[Version, ...]:
        mine = [v for (m, _), v in self.versions.items() if m == model]
        return tuple(sorted(mine, key=lambda v: -v.version)[:limit])

    def decide(self, model: str, version: int, *, approval: Approval, reason: str) -> None:
        with self.calls.one("registry.decide"):
            seen = self.versions.get((model, version))
            decided = seen and replace(seen, approval=approval, comment=reason)
            if seen is not None and decided is not None and decided != seen:
                changed = ["ModelApprovalStatus"] if seen.approval is not approval else []
                self._keep(decided, updated=[*changed, "ApprovalDescription"])

    def edit(self, model: str, version: int) -> None:
        """Somebody changes the version's metadata."""
        self.tell(model, version, updated=["CustomerMetadataProperties"])

    def tell(self, model: str, version: int, *, updated: Sequence[str] = ()) -> None:
        """SageMaker's event about a version as it is now; a new one has nothing updated."""
        changed = {"UpdatedModelPackageFields": list(updated)} if updated else {}
        self.bus.happens(
            ModelPackageChanged,
            {
                "ModelPackageGroupName": self.names.package_group(model),
                "ModelPackageVersion": version,
                "ModelApprovalStatus": self.versions[(model, version)].approval.value,
            }
            | changed,
        )

    def _of_run(self, model: str, run: str, artifact: str) -> Version | None:
        mine = (v for (m, _), v in self.versions.items() if m == model)
        return next((v for v in mine if (v.run, v.artifact) == (run, artifact)), None)

    def _keep(self, version: Version, *, updated: Sequence[str] = ()) -> None:
        self.versions[(version.model, version.version)] = version
        self.tell(version.model, version.version, updated=updated)
