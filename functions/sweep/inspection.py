"""Once an hour: whatever is on SageMaker under our names, and in no record, is told once."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from functions.aws.book import Book
from functions.aws.endpoints import Endpoints
from functions.aws.inventory import Inventory
from functions.ledger import EndpointRecord, RolloutRecord, RunRecord
from functions.names import Names
from functions.orphans import (
    LOOKED_BACK,
    Found,
    Kind,
    OrphanRecord,
    is_removed,
    is_young,
    model_of_config,
    orphan_key,
    orphaned,
    owns_config,
    owns_endpoint,
    owns_job,
    rollouts_of,
)


@dataclass(frozen=True)
class Inspection:
    """Reads what there is; writes only of what nobody owns, and that once."""

    book: Book
    inventory: Inventory
    endpoints: Endpoints
    names: Names

    def __call__(self, now: datetime, *, timely: Callable[[], bool]) -> Iterator[str]:
        """What was found without an owner, one line each, as long as there is time."""
        for found in self._all(now):
            if not timely():
                return
            if not is_young(found, now) and not self._owned(found):
                yield self._settle(found, now)

    def _all(self, now: datetime) -> Iterator[Found]:
        yield from self.inventory.running()
        yield from self.inventory.made_since(now - LOOKED_BACK)

    def _owned(self, found: Found) -> bool:
        match found.kind:
            case Kind.TRAINING | Kind.EVALUATION:
                named = self.names.run_of(found.name)
                return owns_job(self.book.get(RunRecord, named[1]) if named else None)
            case Kind.ENDPOINT:
                model = self.names.model_of(found.name)
                return owns_endpoint(self.book.get(EndpointRecord, model) if model else None)
            case Kind.MODEL:
                return any(self._rollouts(found))
            case Kind.CONFIG:
                return self._owned_config(found)

    def _owned_config(self, found: Found) -> bool:
        """By a rollout; or by the endpoint, whoever brought it there."""
        if any(owns_config(rollout, found, self.names) for rollout in self._rollouts(found)):
            return True
        model = model_of_config(found.name, self.names)
        view = self.endpoints.view(model) if model else None
        return view is not None and (view.config == found.name or not view.in_service)

    def _rollouts(self, found: Found) -> list[RolloutRecord | None]:
        return [self.book.get(RolloutRecord, key) for key in rollouts_of(found, self.names)]

    def _settle(self, found: Found, now: datetime) -> str:
        """First it is written, and told; a crash in between leaves it to the next pass."""
        if self.book.get(OrphanRecord, orphan_key(found.kind, found.name)) is None:
            self.book.commit(orphaned(found, self.names, now))
        if is_removed(found, self.names):
            self.inventory.remove(found)
        return f"ORPHAN {found.kind} {found.name}"
